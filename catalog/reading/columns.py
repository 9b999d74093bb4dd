"""What a form may say about one of our columns, about attributes, folded rows and categories of the vendor's own."""

import codecs
import re
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

ATTRIBUTES = "attributes"
EVERY = "*"
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


class Part(BaseModel):
    """A part of a form: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _said_only(found: dict[str, Any], key: str) -> dict[str, Any]:
    return found if found.get(key) else {name: value for name, value in found.items() if name != key}


class First(Part):
    """Alternatives for one column: of those the file has, the first that is filled in a row. `required`: one must be
    in the file, or it is refused. `name`: what an attribute is called, if not as the first of them. `otherwise`: columns
    that together make the title of an item in which none of them is filled."""

    first: list[str] = Field(min_length=1)
    required: bool = True
    name: str = ""
    otherwise: list[str] = Field(default_factory=list)

    @model_serializer(mode="wrap")
    def _without_unsaid(self, usual: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A key that came later than the first forms must not change the name of what is read without it."""
        return _said_only(usual(self), "otherwise")


class Pairs(Part):
    """Names and values of attributes that stand beside each other.

    In tables `name` and `value` are columns: `{n}` stands for 1, 2, 3 ..., and a column that occurs several times is
    paired with the other by order. In XML and JSON `each` is the path of what repeats, the others are paths from there.
    `without` lists values that say nothing.
    """

    name: str = ""
    value: str
    unit: str = ""
    each: str = ""
    without: list[str] = Field(default_factory=list)
    required: bool = True

    @model_validator(mode="after")
    def _named(self) -> "Pairs":
        if not self.name:
            raise ValueError("`name` must say where the attribute's name stands")
        return self


class Packed(Part):
    """A column that holds several attributes in one cell, for instance `colour=red,size=L`. `between` may name several
    separators; `without` lists names that are left out."""

    packed: str
    between: str | list[str] = Field(default=",", min_length=1)
    equals: str = Field(default="=", min_length=1)
    required: bool = True
    without: list[str] = Field(default_factory=list)

    @property
    def separator(self) -> str:
        """A regular expression of what stands between two attributes."""
        several = [self.between] if isinstance(self.between, str) else self.between
        return f"({'|'.join(re.escape(mark) for mark in several)})"

    @model_serializer(mode="wrap")
    def _without_unsaid(self, usual: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A key that came later than the first forms must not change the name of what is read without it."""
        return _said_only(usual(self), "without")


class Fold(Part):
    """Rows of one product become one item. `by`: the column they share (the first of these the file has); with
    `blank_continues` a row without it belongs to the row above."""

    by: list[str] = Field(min_length=1)
    blank_continues: bool = False


class Variants(Part):
    """Which product a row belongs to where another row says so.

    `listed`: the column in which a product lists its variants by id, as `<key>=<id>` between commas and bars.
    `number`: the column that `product_id` means when it begins with `prefix` (`id:12` is the row with 12 there); of several
    the first that the file has.
    """

    listed: str = ""
    key: str = "sku"
    number: str | list[str] = ""
    prefix: str = "id:"


class Links(Part):
    """Elements of an XML file that say which item stands in which category: paths below `record`."""

    record: list[str]
    item: list[str]
    category: list[str]


class Categories(Part):
    """The vendor's own category tree inside an XML file: what `vendor_category` names by id is shown as a path."""

    record: list[str]
    id: list[str]
    name: list[str]
    parent: list[str] = Field(default_factory=list)
    links: Links | None = None


def read_columns(given: dict[str, Any], known: tuple[str, ...]) -> dict[str, Any]:
    """The section [columns] with its tables read. Raises ValueError naming the column that is wrong."""
    if "images" in given:
        given = {("image" if ours == "images" else ours): theirs for ours, theirs in given.items()}
    unknown = sorted(given.keys() - set(known))
    if unknown:
        raise ValueError(f"unknown column {unknown[0]!r}; known: {', '.join(known)}")
    return {ours: _several(ours, theirs) for ours, theirs in given.items()}


def _several(ours: str, theirs: Any) -> Any:
    if isinstance(theirs, list):
        if not theirs:
            raise ValueError(f"{ours!r} names no column of theirs")
        several = [_one(ours, part) for part in theirs]
        if any(isinstance(part, First) and part.otherwise for part in several):
            raise ValueError(f"`otherwise` in {ours!r} cannot be one part of several")
        return several
    found = _one(ours, theirs)
    if isinstance(found, First) and found.otherwise and ours != "title":
        raise ValueError(f"`otherwise` makes a title, not {ours!r}")
    return found


def _one(ours: str, theirs: Any) -> str | Part:
    if isinstance(theirs, str | Part):
        if not theirs:
            raise ValueError(f"{ours!r} names no column of theirs")
        return theirs
    if not isinstance(theirs, dict):
        raise ValueError(f"{ours!r} must name columns, not {theirs!r}")
    kind: type[Part] = First
    if ours == ATTRIBUTES and "first" not in theirs:
        kind = Packed if "packed" in theirs else Pairs
    try:
        return kind.model_validate(theirs)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{ours}.{'.'.join(str(key) for key in first['loc'])}: {first['msg']}") from None


def as_parts(theirs: Any) -> list[First]:
    """The parts of one of our columns, which are joined."""
    several = theirs if isinstance(theirs, list) else [theirs]
    return [part if isinstance(part, First) else First(first=[part]) for part in several]


def known_encoding(value: str) -> str:
    """The codec's own name. Raises ValueError when there is no such encoding of text."""
    try:
        "".encode(value)
        name = codecs.lookup(value).name
    except (LookupError, UnicodeError):
        name = "utf-7"
    if name in _NO_ENCODINGS:
        raise ValueError(f"{value!r} is no encoding of text files; for instance utf-8, utf-16, windows-1251")
    return name
