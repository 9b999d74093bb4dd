"""How a vendor's file maps to our columns: the form of vendors/<vendor>.toml."""

import re
import tomllib
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field, ValidationError, field_validator, model_validator

from catalog.errors import CatalogError
from catalog.jobs import digest
from catalog.reading.columns import (
    EVERY,
    Categories,
    First,
    Fold,
    Packed,
    Pairs,
    Part,
    Variants,
    as_parts,
    known_encoding,
    read_columns,
)
from catalog.reading.presets import preset_format, with_preset
from catalog.reading.unpacking import member_name
from catalog.reading.xml_paths import parse_path

TEXT_COLUMNS = ("title", "description", "brand", "vendor_category")
FACT_COLUMNS = ("item_id", "price", "currency", "gtin", "product_id", "image", "availability")
LABEL_COLUMNS = ("vendor", "category_id", "category_path", "labelled_by", "labelled_at", "delivered_at")
Format = Literal["csv", "tsv", "jsonl", "json", "parquet", "xlsx", "xls", "xml"]
ACTION = "action"
OWN = "own_category"
COLUMNS = (*FACT_COLUMNS, *TEXT_COLUMNS, *LABEL_COLUMNS, ACTION, OWN)
ATTRIBUTES = "attributes"
TOLD = ("title", "description", "brand")  # of which other languages become attributes
HEADERLESS = ("jsonl", "json", "xml")  # their header is the list of columns asked for
OTHER_LANGUAGES = "*/@lang"  # asks for these
FORMATS: tuple[Format, ...] = get_args(Format)
EXTENSIONS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".txt": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".xls": "xls",
    ".xml": "xml",
    ".yml": "xml",  # Yandex' market language, which is XML
}
_BASE_URL = re.compile(r"^(?:https?|s3|gs)://[^\s/?#@]+(?:/[^\s?#]*)?$")
PACKED = (".gz", ".zip", ".zst", ".zstd")


class Rules(Part):
    """What a row of this vendor may look like."""

    duplicates: Literal["last", "quarantine"] = "quarantine"
    max_drop: float | None = Field(default=None, gt=0, le=1)
    price_decimal: Literal["auto", ".", ","] = "auto"
    availability: Literal["stock", "days"] = "stock"
    currency: str | None = Field(default=None, pattern="^[A-Z]{3}$")
    image_separator: str = Field(default="", max_length=5)
    repair_mojibake: bool = False
    image_archive: str | None = Field(default=None, pattern=r"(?i)^[^/\\]+\.zip$")
    image_base: str = Field(default="", max_length=500)

    @field_validator("image_base")
    @classmethod
    def _usable_base(cls, value: str) -> str:
        outside = value.startswith("/") or ":" in value or "\\" in value
        if ".." in value.split("/") or (outside and not _BASE_URL.match(value)):
            raise ValueError(f"{value!r} is neither a folder below the feed's own nor a URL (http, https, s3, gs)")
        return value


class Actions(Part):
    """What the vendor's words in the action column mean; an empty cell is an upsert, any other word quarantines its row."""

    delete: tuple[str, ...] = ("delete", "deleted", "del", "d", "remove", "removed", "discontinue", "discontinued")
    upsert: tuple[str, ...] = (
        *("upsert", "add", "added", "new", "insert", "create", "a", "i", "n", "c"),
        *("update", "updated", "change", "changed", "modify", "replace", "u", "m", "active"),
    )


class Delivery(Part):
    """What a file of this vendor is, and how often one is due."""

    kind: Literal["full", "delta"] = "full"
    actions: Actions = Actions()
    expected_every: str | None = Field(default=None, pattern=r"^[1-9]\d{0,4}[hd]$")

    @property
    def due(self) -> timedelta | None:
        """`expected_every` as a length of time."""
        if self.expected_every is None:
            return None
        number = int(self.expected_every[:-1])
        return timedelta(hours=number) if self.expected_every.endswith("h") else timedelta(days=number)


class Mapping(Part):
    """One vendor's form. `columns` is our column -> theirs; empty means that the file uses our own names.

    language: which of several counts in XML and JSON; default_language: elements of the file, or in JSON keys before the
    records, that say it where the form does not.
    own_categories: what a cell of the column own_category means, as an id or a full path of ours.
    """

    format: Format
    preset: str = ""
    encoding: str = "utf-8"
    delimiter: str = Field(default="", max_length=1)
    quote: str = Field(default='"', max_length=1)
    escape: Literal["", "\\"] = ""
    header_row: int = Field(default=1, ge=1)
    sheet: str | int = 1
    record: str | list[str] = ""
    language: str = Field(default="", max_length=20)
    default_language: list[str] = Field(default_factory=list)
    columns: dict[str, Any] = Field(default_factory=dict)
    fold: Fold | Literal[False] | None = None
    categories: Categories | None = None
    variants: Variants | Literal[False] | None = None
    own_categories: dict[str, str] = Field(default_factory=dict)
    rules: Rules = Rules()
    delivery: Delivery = Delivery()

    @model_validator(mode="before")
    @classmethod
    def _with_preset(cls, given: Any) -> Any:
        return with_preset(given) if isinstance(given, dict) and given.get("preset") else given

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        return known_encoding(value)

    @field_validator("delimiter")
    @classmethod
    def _usable_delimiter(cls, value: str) -> str:
        if value in ("\n", "\r", "\0", '"'):
            raise ValueError(f"{value!r} cannot separate columns")
        return value

    @field_validator("columns", mode="before")
    @classmethod
    def _known_columns(cls, value: Any) -> Any:
        return read_columns(value, (*COLUMNS, ATTRIBUTES)) if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _enough_columns(self) -> "Mapping":
        if self.columns and "item_id" not in self.columns:
            raise ValueError("[columns] must say which column is item_id")
        if self.columns and not {"title", "image"} & self.columns.keys():
            raise ValueError("[columns] must name a title, an image, or both")
        if self.columns and self.instead and self.format not in HEADERLESS:
            raise ValueError("`otherwise` in 'title' is for XML and JSON")
        if self.format == "xml":
            for path in (*self.records, *self.names):
                parse_path(path)
        return self

    @property
    def explicit(self) -> bool:
        """True when the form names columns; otherwise the file is expected to use our own names."""
        return bool(self.columns)

    @property
    def separator(self) -> str:
        """The delimiter in force."""
        return self.delimiter or ("\t" if self.format == "tsv" else ",")

    @property
    def said_encoding(self) -> str | None:
        """The encoding when the form names one: an XML file's own declaration holds otherwise."""
        return self.encoding if "encoding" in self.model_fields_set else None

    @property
    def records(self) -> list[str]:
        """The paths of `record`: an element each, of which every occurrence is a row."""
        return [self.record] if isinstance(self.record, str) else self.record

    @cached_property
    def parts(self) -> dict[str, list[First]]:
        """Our column -> its parts, which are joined; of a part the first filled of their columns counts."""
        if not self.explicit:
            return {name: [First(first=[name], required=False)] for name in COLUMNS}
        return {ours: as_parts(theirs) for ours, theirs in self.columns.items() if ours != ATTRIBUTES}

    @cached_property
    def wanted(self) -> dict[str, list[str]]:
        """Our column -> all their columns that may fill it, without the attributes."""
        return {ours: [name for part in parts for name in part.first] for ours, parts in self.parts.items()}

    @cached_property
    def instead(self) -> list[str]:
        """Their columns that make the title together where the ones of `wanted` say none."""
        return [name for part in self.parts.get("title", []) for name in part.otherwise]

    @cached_property
    def _attributes(self) -> list[str | First | Pairs | Packed]:
        given = self.columns.get(ATTRIBUTES, [])
        return list(given) if isinstance(given, list) else [given]

    @cached_property
    def attributes(self) -> list[str]:
        """Their columns that become attributes under their own name."""
        return [name for name in self._attributes if isinstance(name, str) and name != EVERY]

    @cached_property
    def chosen(self) -> list[First]:
        """Attributes out of the first filled of several columns."""
        return [part for part in self._attributes if isinstance(part, First)]

    @property
    def every_attribute(self) -> bool:
        """True when every column not mapped otherwise becomes an attribute."""
        return EVERY in self._attributes

    @cached_property
    def pairs(self) -> list[Pairs]:
        """Names and values that stand beside each other."""
        return [part for part in self._attributes if isinstance(part, Pairs)]

    @cached_property
    def packed(self) -> list[Packed]:
        """Columns that hold several names and values in one cell."""
        return [part for part in self._attributes if isinstance(part, Packed)]

    @cached_property
    def names(self) -> list[str]:
        """All their columns, for formats whose rows are asked by name. A list of pairs is asked for by its `each`."""
        theirs = [name for names in self.wanted.values() for name in names] + self.instead + self.attributes
        theirs += [name for part in self.chosen for name in part.first]
        theirs += [part.each for part in self.pairs if part.each] + [part.packed for part in self.packed]
        theirs += [EVERY] if self.every_attribute else []
        theirs += [OTHER_LANGUAGES] if self.format in HEADERLESS and (self.language or self.default_language) else []
        return list(dict.fromkeys(theirs))

    @cached_property
    def hash(self) -> str:
        """Names what decides the content that is read; a change means that the same file may read differently."""
        unread = {"expected_every"} if self.delivery.actions != Actions() else {"expected_every", "actions"}
        content = self.model_dump(exclude={"rules": {"max_drop"}, "delivery": unread})
        said = {"said_encoding": self.said_encoding} if self.format == "xml" else {}
        return digest({**_without_unsaid(content), **said})

    @cached_property
    def shape(self) -> dict[str, Any]:
        """What besides `wanted` and `attributes` decides the text an item gets; empty for a plain table."""
        brought = [part.model_dump() for part in (*self.chosen, *self.pairs, *self.packed)]
        content = self.model_dump(include={"record", "language", "default_language", "fold", "categories", "variants"})
        more = {"brought": brought, "every": self.every_attribute, "instead": self.instead}
        return _without_unsaid({**content, **more})


# Keys that came later than the first mappings: unsaid, they must not change the name of what was read without them.
_LATER_RULES: dict[str, Any] = {
    "image_separator": "",
    "image_archive": None,
    "image_base": "",
    "availability": "stock",
    "repair_mojibake": False,
}
_LATER: dict[str, Any] = {
    "preset": "",
    "sheet": 1,
    "record": "",
    "language": "",
    "default_language": [],
    "fold": None,
    "categories": None,
    "variants": None,
    "own_categories": {},
    "escape": "",
}


def _without_unsaid(content: dict[str, Any]) -> dict[str, Any]:
    unsaid = {**_LATER, "brought": [], "every": False, "instead": []}
    kept = {key: value for key, value in content.items() if key not in unsaid or value != unsaid[key]}
    if "rules" in kept:
        kept["rules"] = {k: v for k, v in kept["rules"].items() if k not in _LATER_RULES or v != _LATER_RULES[k]}
    if kept.get("delivery", {}).get("actions") == Actions().model_dump():
        kept["delivery"] = {k: v for k, v in kept["delivery"].items() if k != "actions"}
    return kept


def load_mapping(file: Path | None, feed: Path) -> Mapping:
    """The vendor's form, or our own column names and the format of the feed's extension when there is none.

    Raises CatalogError that names the file and the key when the form is wrong, or the formats when none is known.
    """
    if file is None or not file.exists():
        return Mapping(format=feed_format(feed))
    try:
        given = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CatalogError(f"{file}: {error}.", remedy="Correct the TOML there; it is read as UTF-8.") from error
    try:
        if "format" not in given:
            given["format"] = preset_format(given.get("preset"), feed) or feed_format(feed)
        return Mapping.model_validate(given)
    except ValidationError as error:
        raise CatalogError(f"{file}: {_problems(error)}.", remedy="Correct or remove that key.") from error
    except ValueError as error:
        raise CatalogError(f"{file}: {error}.", remedy="Correct or remove that key.") from error


def of_kind(mapping: Mapping, kind: str | None) -> Mapping:
    """The same form for a delivery of another kind; itself when `kind` is None."""
    if kind in (None, mapping.delivery.kind):
        return mapping
    other = mapping.model_copy(update={"delivery": mapping.delivery.model_copy(update={"kind": kind})})
    other.__dict__.pop("hash", None)  # a copy takes cached answers along, and this one depends on the kind
    return other


def _problems(error: ValidationError) -> str:
    found = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"])
        said = re.sub(r"^Value error, ", "", problem["msg"])
        given = f", not {problem['input']!r}" if problem["type"] == "literal_error" else ""
        found.append(f"{key}: {said}{given}" if key else said)
    return "; ".join(found)


def feed_format(feed: Path) -> Format:
    """The format a file's name says, compression aside. Raises CatalogError naming the known ones."""
    known = EXTENSIONS.get(feed_suffix(feed))
    if known is None:
        raise CatalogError(
            f"{feed.name} has no extension this program reads (known formats: {', '.join(FORMATS)}, each also as .gz, "
            ".zip or .zst).",
            remedy='Deliver one of these, or say `format = "csv"` in the vendor\'s mapping if only the name is unusual.',
        )
    return known


def feed_suffix(feed: Path) -> str:
    """The extension of a feed, compression aside: of `feed.zip` that of the file in it. Empty when there is none."""
    name = feed.name.lower()
    bare = Path(name).stem if name.endswith(PACKED) else name
    if Path(bare).suffix in EXTENSIONS or not name.endswith(".zip"):
        return Path(bare).suffix
    return Path((member_name(feed) or "").lower()).suffix
