"""Tags of an XML file, read once for all that are written alike; and what the texts and values around them mean."""

import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import polars as pl

MAX_NAMES = 1_000  # of elements; what has more is left to the parser and its bounds
MAX_KNOWN, SHORT = 10_000, 200  # tags remembered, and characters of each
ODD, OPEN, CLOSE, EMPTY = range(4)  # of an odd tag nothing is known
ENTITY, RARE = 1, 2  # marks of texts: one of the five entities; numbers of characters, or CDATA
_NAME = r"[A-Za-z_][A-Za-z0-9_.-]{0,99}"
_ATTRIBUTE = rf"[ \t\n]+({_NAME})[ \t\n]*=[ \t\n]*(\"[^\"<\t\n]*\"|'[^'<\t\n]*')"
_TAG = re.compile(rf"<(/?)((?:({_NAME}):)?({_NAME}))((?:{_ATTRIBUTE})*)[ \t\n]*(/?)>")
_ATTRIBUTES = re.compile(_ATTRIBUTE)
_NUMBER = (
    r"#(?:9|10|13|3[2-9]|[4-9][0-9]|[1-9][0-9]{2,3}|"
    r"x(?:[2-9a-fA-F][0-9a-fA-F]|[1-9a-fA-F][0-9a-fA-F]{2}|[1-9a-cA-C][0-9a-fA-F]{3}));"
)
ENTITIES = {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'", "&amp;": "&"}
SECTION = "<![CDATA["
_SECTION = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_SECTION_BYTES = re.compile(_SECTION.pattern.encode(), re.DOTALL)
_ENTITY = re.compile(rf"&(?:lt;|gt;|quot;|apos;|amp;|{_NUMBER})")
_NUMBER_BYTES = re.compile(f"&{_NUMBER}".encode())


class Tag(NamedTuple):
    """What a tag says. name: the number of its element's name; attributes: as they are written, entities decoded; apart: of
    the others, the place of each among the values that stand apart from the tag."""

    kind: int
    name: int
    attributes: dict[str, str]
    apart: dict[str, int]


_NO_TAG = Tag(ODD, -1, {}, {})
_NOTHING: list[str] = []


class Name(NamedTuple):
    """A name of elements, as it is written."""

    prefix: str
    local: str


class Names:
    """The names of records and their children. Number 0 is that of the records.

    prefixes: those declared around the records. fits: tells whether a child of this name, with these attributes, may stand
    in a plain record.
    """

    def __init__(self, record: Name, prefixes: frozenset[str], fits: Callable[[Name, dict[str, str]], bool]) -> None:
        self.names = [record]
        self.prefixes = prefixes
        self._own = f"<{record.prefix}:{record.local} " if record.prefix else f"<{record.local} "
        self._numbers = {record: 0}
        self._fits = fits
        self._tags: dict[str, Tag] = {}
        self._around: dict[str, Tag] = {}

    def read(self, written: list[str]) -> tuple[list[Tag], list[list[str]]]:
        """Reads different tags; one is odd where anything about it is. With the tags, values that stand apart from them."""
        tags: list[Tag] = []
        values: list[list[str]] = []
        for text in written:
            tag, said = self._tags.get(text), _NOTHING
            if tag is None:  # ids make a tag of its own of every record: what stands around the values is read once
                said = text.split('"')
                around = '""'.join(said[::2])
                tag = self._around.get(around) or self._read_around(around)
                if tag.kind == ODD or "\n" in text or "\t" in text:
                    tag, said = self._kept(text), _NOTHING
                elif "&" in text:
                    said = [decoded(value) for value in said]
            tags.append(tag)
            values.append(said)
        return tags, values

    def _read_around(self, around: str) -> Tag:
        """Tags of records that differ in values alone; odd where values may be quoted otherwise, or it is another tag."""
        tag = self._read(around) if around.startswith(self._own) and "'" not in around else _NO_TAG
        tag = _NO_TAG if tag.name else Tag(tag.kind, 0, {}, {name: 2 * n + 1 for n, name in enumerate(tag.attributes)})
        if len(self._around) < MAX_KNOWN and len(around) < SHORT:
            self._around[around] = tag
        return tag

    def _kept(self, written: str) -> Tag:
        tag = self._tags.get(written)
        if tag is None:
            tag = self._read(written)
            if len(self._tags) < MAX_KNOWN and len(written) < SHORT:
                self._tags[written] = tag
        return tag

    def _read(self, written: str) -> Tag:
        found = _TAG.fullmatch(written)
        if not found:
            return _NO_TAG
        closing, _, prefix, local, said, *_, empty = found.groups()
        pairs = _ATTRIBUTES.findall(said)
        attributes = {key: decoded(value[1:-1]) for key, value in pairs}
        if len(attributes) < len(pairs) or "xmlns" in attributes:
            return _NO_TAG
        number = self._number(Name(prefix or "", local), attributes)
        if number < 0 or (closing and (said or empty)) or (empty and not number):
            return _NO_TAG
        return Tag(CLOSE if closing else EMPTY if empty else OPEN, number, attributes, {})

    def _number(self, name: Name, attributes: dict[str, str]) -> int:
        number = self._numbers.get(name, -1)
        if number == 0 or (name.prefix and name.prefix not in self.prefixes) or not self._fits(name, attributes):
            return min(number, 0)
        if number < 0 and len(self.names) < MAX_NAMES:
            number = self._numbers[name] = len(self.names)
            self.names.append(name)
        return number


def decoded(text: str) -> str:
    """A text with its entities decoded, once."""
    return _ENTITY.sub(_character, text) if "&" in text else text


def contents(written: pl.Series, marks: np.ndarray) -> pl.Series:
    """What is between tags, decoded where it is no CDATA. marks: of each text."""
    texts = written.str.replace_many(list(ENTITIES), list(ENTITIES.values()))
    rare = np.flatnonzero(marks & RARE)
    return texts.scatter(rare, [_content(text) for text in written.gather(rare)]) if rare.size else texts


def _content(text: str) -> str:
    if SECTION not in text:
        return decoded(text)
    return "".join(part if number % 2 else decoded(part) for number, part in enumerate(_SECTION.split(text)))


def _character(found: re.Match[str]) -> str:
    written = found.group()
    if written[1] != "#":
        return ENTITIES[written]
    return chr(int(written[3:-1], 16) if written[2] == "x" else int(written[2:-1]))


def sections(block: bytes) -> np.ndarray:
    """int64 (n, 2): where sections of CDATA begin and end."""
    return np.array([place.span() for place in _SECTION_BYTES.finditer(block)], np.int64).reshape(-1, 2)


def unusual(block: bytes, found: np.ndarray, marks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the places of '&', those at which the number of a character begins, and those at which nothing begins that is
    surely understood. found: the bytes of the block."""
    after = [found[np.minimum(marks + place, found.size - 1)] for place in range(1, 6)]
    known = np.zeros(marks.size, bool)
    for entity in ENTITIES:
        known |= np.logical_and.reduce([some == ord(mark) for some, mark in zip(after, entity[1:], strict=False)])
    others = marks[~known]
    number = np.array([_NUMBER_BYTES.match(block, at) is not None for at in others.tolist()], bool)
    return others[number], others[~number]
