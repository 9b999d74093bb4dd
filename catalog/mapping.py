"""How a vendor's file maps to our columns: the form of vendors/<vendor>.toml."""

import codecs
import re
import tomllib
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from catalog.errors import CatalogError
from catalog.jobs import digest

TEXT_COLUMNS = ("title", "description", "brand", "vendor_category")
FACT_COLUMNS = ("item_id", "price", "currency", "gtin", "product_id", "image")
LABEL_COLUMNS = ("vendor", "category_id", "category_path", "labelled_by", "labelled_at", "delivered_at")
Format = Literal["csv", "tsv", "jsonl", "parquet"]
COLUMNS = FACT_COLUMNS + TEXT_COLUMNS + LABEL_COLUMNS
ATTRIBUTES = "attributes"
# These decode escapes and half characters, which no database can hold.
_NO_ENCODINGS = {
    "utf-7",
    "unicode-escape",
    "unicode_escape",
    "raw-unicode-escape",
    "raw_unicode_escape",
    "punycode",
    "idna",
}
FORMATS: tuple[Format, ...] = get_args(Format)
EXTENSIONS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".txt": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rules(_Part):
    """What a row of this vendor may look like."""

    duplicates: Literal["last", "quarantine"] = "quarantine"
    max_drop: float | None = Field(default=None, gt=0, le=1)
    price_decimal: Literal["auto", ".", ","] = "auto"
    currency: str | None = Field(default=None, pattern="^[A-Z]{3}$")
    image_archive: str | None = Field(default=None, pattern=r"(?i)^[^/\\]+\.zip$")


class Delivery(_Part):
    """What a file of this vendor is, and how often one is due."""

    kind: Literal["full", "delta"] = "full"
    expected_every: str | None = Field(default=None, pattern=r"^[1-9]\d*[hd]$")

    @property
    def due(self) -> timedelta | None:
        """`expected_every` as a length of time."""
        if self.expected_every is None:
            return None
        number = int(self.expected_every[:-1])
        return timedelta(hours=number) if self.expected_every.endswith("h") else timedelta(days=number)


class Mapping(_Part):
    """One vendor's form. `columns` is our column -> theirs; empty means that the file uses our own names."""

    format: Format
    encoding: str = "utf-8"
    delimiter: str = Field(default="", max_length=1)
    quote: str = Field(default='"', max_length=1)
    header_row: int = Field(default=1, ge=1)
    columns: dict[str, str | list[str]] = {}
    rules: Rules = Rules()
    delivery: Delivery = Delivery()

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            "".encode(value)
            name = codecs.lookup(value).name
        except (LookupError, UnicodeError):
            name = "utf-7"
        if name in _NO_ENCODINGS:
            raise ValueError(f"{value!r} is no encoding of text files; for instance utf-8, utf-16, windows-1251")
        return name

    @field_validator("delimiter")
    @classmethod
    def _usable_delimiter(cls, value: str) -> str:
        if value in ("\n", "\r", "\0", '"'):
            raise ValueError(f"{value!r} cannot separate columns")
        return value

    @field_validator("columns")
    @classmethod
    def _known_columns(cls, value: dict[str, str | list[str]]) -> dict[str, str | list[str]]:
        if "images" in value:
            value = {("image" if ours == "images" else ours): theirs for ours, theirs in value.items()}
        unknown = sorted(value.keys() - {*COLUMNS, ATTRIBUTES})
        if unknown:
            raise ValueError(f"unknown column {unknown[0]!r}; known: {', '.join((*COLUMNS, ATTRIBUTES))}")
        empty = [ours for ours, theirs in value.items() if not theirs or not all(theirs)]
        if empty:
            raise ValueError(f"{empty[0]!r} names no column of theirs")
        return value

    @model_validator(mode="after")
    def _enough_columns(self) -> "Mapping":
        if self.columns and "item_id" not in self.columns:
            raise ValueError("[columns] must say which column is item_id")
        if self.columns and not {"title", "image"} & self.columns.keys():
            raise ValueError("[columns] must name a title, an image, or both")
        return self

    @property
    def explicit(self) -> bool:
        """True when the form names columns; otherwise the file is expected to use our own names."""
        return bool(self.columns)

    @property
    def separator(self) -> str:
        """The delimiter in force."""
        return self.delimiter or ("\t" if self.format == "tsv" else ",")

    @cached_property
    def wanted(self) -> dict[str, list[str]]:
        """Our column -> their columns, without the attributes."""
        given = self.columns if self.explicit else {name: name for name in COLUMNS}
        return {ours: _several(theirs) for ours, theirs in given.items() if ours != ATTRIBUTES}

    @cached_property
    def attributes(self) -> list[str]:
        """Their columns that become attributes."""
        return _several(self.columns.get(ATTRIBUTES, []))

    @cached_property
    def hash(self) -> str:
        """Names what decides the content that is read; a change means that the same file may read differently."""
        # A form without an archive keeps the name it had before there were archives: under a new one
        # files read before would be read again.
        unnamed = set() if self.rules.image_archive else {"image_archive"}
        return digest(self.model_dump(exclude={"rules": {"max_drop", *unnamed}, "delivery": {"expected_every"}}))


def _several(names: str | list[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


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
    if "format" not in given:
        given["format"] = feed_format(feed)
    try:
        return Mapping.model_validate(given)
    except ValidationError as error:
        raise CatalogError(f"{file}: {_problems(error)}.", remedy="Correct or remove that key.") from error


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
    name = feed.name.lower().removesuffix(".gz")
    known = EXTENSIONS.get(Path(name).suffix)
    if known is None:
        raise CatalogError(
            f"{feed.name} has no extension this program reads (known formats: {', '.join(FORMATS)}, each also as .gz).",
            remedy='Deliver one of these, or say `format = "csv"` in the vendor\'s mapping if only the name is unusual.',
        )
    return known
