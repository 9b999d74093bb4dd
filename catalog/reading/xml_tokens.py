"""Plain records of an XML file, found by their bytes: elements whose children hold text and nothing else.

Most records of most files are plain, and an element of a tree for each of their children takes longer than all that follows.
Whatever is not surely plain and well-formed (comments, nested elements, entities but the usual, characters XML does
not have) counts as odd, and is left to the parser.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

MAX_PLAIN = 256 * 1024  # bytes of a record; the bounds of texts and cells lie far above
MAX_NAMES = 1_000  # of elements; what has more is left to the parser and its bounds
MAX_KNOWN, SHORT = 10_000, 200  # tags remembered, and characters of each
_ODD, _OPEN, _CLOSE, _EMPTY = range(4)  # of an odd tag nothing is known
_NAME = r"[A-Za-z_][A-Za-z0-9_.-]{0,99}"
_ATTRIBUTE = rf"[ \t\n]+({_NAME})[ \t\n]*=[ \t\n]*(\"[^\"<\t\n]*\"|'[^'<\t\n]*')"
_TAG = re.compile(rf"<(/?)((?:({_NAME}):)?({_NAME}))((?:{_ATTRIBUTE})*)[ \t\n]*(/?)>")
_ATTRIBUTES = re.compile(_ATTRIBUTE)
_NUMBER = (
    r"#(?:9|10|13|3[2-9]|[4-9][0-9]|[1-9][0-9]{2,3}|"
    r"x(?:[2-9a-fA-F][0-9a-fA-F]|[1-9a-fA-F][0-9a-fA-F]{2}|[1-9a-cA-C][0-9a-fA-F]{3}));"
)
ENTITIES = {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'", "&amp;": "&"}
_SECTION = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_SECTION_BYTES = re.compile(_SECTION.pattern.encode(), re.DOTALL)
_ENTITY = re.compile(rf"&(?:lt;|gt;|quot;|apos;|amp;|{_NUMBER})")
_ENTITY_BYTES = re.compile(_ENTITY.pattern.encode())
SECTION = "<![CDATA["
_NO_CHARACTERS = ("\ufffe", "\uffff")


class Tag(NamedTuple):
    """What a tag says. name: the number of its element's name; attributes: as they are written, entities decoded."""

    kind: int
    name: int
    attributes: dict[str, str]


_NO_TAG = Tag(_ODD, -1, {})


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
        self._numbers = {record: 0}
        self._fits = fits
        self._tags: dict[str, Tag] = {}

    def tag(self, written: str) -> Tag:
        """Reads a tag; it is odd where anything about it is."""
        tag = self._tags.get(written)
        if tag is not None:
            return tag
        around, values = self._parted(written)
        if not values:
            return self._kept(written)
        # Ids make a tag of its own of every record: what stands around the values is read once.
        tag = self._kept(around)
        if tag.kind == _ODD or tag.name:
            return self._kept(written)
        if "&" in written:
            values = [decoded(value) for value in values]
        return Tag(tag.kind, 0, dict(zip(tag.attributes, values, strict=True)))

    def _parted(self, written: str) -> tuple[str, list[str]]:
        """A tag with empty values, and these; nothing where values may be quoted otherwise or hold more than a line."""
        parts = written.split('"')
        around = '""'.join(parts[::2])
        if len(parts) % 2 == 0 or "'" in around or "\n" in written or "\t" in written:
            return written, []
        return around, parts[1::2]

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
        return Tag(_CLOSE if closing else _EMPTY if empty else _OPEN, number, attributes)

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


def content(text: str) -> str:
    """What is between two tags, decoded where it is no CDATA."""
    if SECTION not in text:
        return decoded(text)
    return "".join(part if number % 2 else decoded(part) for number, part in enumerate(_SECTION.split(text)))


def _character(found: re.Match[str]) -> str:
    written = found.group()
    if written[1] != "#":
        return ENTITIES[written]
    return chr(int(written[3:-1], 16) if written[2] == "x" else int(written[2:-1]))


@dataclass(frozen=True)
class Plain:
    """Plain records. rows: how many; tags: of each token, -1 in `leaf` if no child begins there.

    opening: int64 (rows,), tokens of the records' own tags. leaf: int64 (children,), tokens at which children begin.
    row: int64 (children,), the record of each. names: int64 (children,), numbers of their names. codes: int32 (tokens,), of
    each token its place in `tags`. texts: what follows each token, as it is written.
    """

    opening: np.ndarray
    leaf: np.ndarray
    row: np.ndarray
    names: np.ndarray
    codes: np.ndarray
    tags: list[Tag]
    texts: pl.Series

    @property
    def rows(self) -> int:
        """How many records they are."""
        return self.opening.size


class Tokens:
    """The tags in a block of text that begins behind a record, and which of the records they make are plain."""

    def __init__(self, block: bytes, names: Names) -> None:
        block = block[: block.rfind(b">") + 1]
        if not _sound(block):
            block = b""
        found = np.frombuffer(block, np.uint8)
        self._sections = _sections(block)
        starts, ends = _tags(found, self._sections)
        self._block, self._starts, self._ends = block, starts, ends
        pieces = _pieces(block, starts, ends)
        self._texts = pieces.gather_every(2, 1)
        coded = pieces.gather_every(2).to_arrow(compat_level=pl.CompatLevel.oldest()).dictionary_encode()
        self._codes = coded.indices.to_numpy()
        self._tags = [names.tag(tag) for tag in coded.dictionary.to_pylist()]
        self._kinds = np.array([tag.kind for tag in self._tags] or [0], np.int8)[self._codes]
        self._names = np.array([tag.name for tag in self._tags] or [0], np.int64)[self._codes]
        self._first, self._last = self._records(found)

    def _records(self, found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The first and the last token of each plain record."""
        kinds, record = self._kinds, self._names == 0
        opens, closes = (kinds == _OPEN) & ~record, (kinds == _CLOSE) & ~record
        good = kinds != _ODD
        pair = opens[:-1] & closes[1:] & (self._names[:-1] == self._names[1:])
        good[:-1] &= ~opens[:-1] | pair
        good[1:] &= ~closes[1:] | pair
        good[-1:] &= ~opens[-1:]
        good[:1] &= ~closes[:1]
        good[self._spoilt(found)] = False
        own = np.flatnonzero(record)
        first, last = own[:-1], own[1:]
        whole = (kinds[first] == _OPEN) & (kinds[last] == _CLOSE)
        bad = np.concatenate([[0], np.cumsum(~good)])
        whole &= (bad[last + 1] == bad[first]) & (self._ends[last] - self._starts[first] < MAX_PLAIN)
        return first[whole], last[whole]

    def _spoilt(self, found: np.ndarray) -> np.ndarray:
        """Tokens in which, or behind which, stands what may not, or what is not surely understood."""
        places = [np.flatnonzero((found < 0x20) & (found != 0x09) & (found != 0x0A))]
        if b"]]>" in self._block:
            ends = np.fromiter((at.start() for at in re.finditer(rb"\]\]>", self._block)), np.int64)
            places.append(_outside(ends, self._sections))
        if (several := self._block.count(b"&")) and len(_ENTITY_BYTES.findall(self._block)) < several:
            known = np.fromiter((at.start() for at in _ENTITY_BYTES.finditer(self._block)), np.int64)
            places.append(_outside(np.setdiff1d(np.flatnonzero(found == ord("&")), known), self._sections))
        before = np.searchsorted(self._starts, np.concatenate(places), side="right")
        return np.maximum(before - 1, 0)  # what stands before the first record must reach the parser with it

    def runs(self) -> Iterator[tuple[int, int, slice]]:
        """Runs of plain records with nothing but text between them: where each begins and ends, and which they are."""
        if not self._first.size:
            return
        apart = np.flatnonzero(self._first[1:] != self._last[:-1] + 1) + 1
        bounds = [0, *apart.tolist(), self._first.size]
        for begin, end in pairwise(bounds):
            yield int(self._starts[self._first[begin]]), int(self._ends[self._last[end - 1]]) + 1, slice(begin, end)

    def plain(self, which: list[slice]) -> Plain:
        """The records of some runs together."""
        first = np.concatenate([self._first[some] for some in which])
        last = np.concatenate([self._last[some] for some in which])
        begun = np.zeros(self._codes.size, np.int64)
        begun[first] = 1
        inside = np.zeros(self._codes.size + 1, np.int64)
        inside[first] += 1
        inside[last] -= 1
        leaf = np.flatnonzero((np.cumsum(inside[:-1]) > 0) & (self._kinds == _OPEN) & (self._names > 0))
        row = np.cumsum(begun)[leaf] - 1
        return Plain(first, leaf, row, self._names[leaf], self._codes, self._tags, self._texts)


def _sound(block: bytes) -> bool:
    """True when the bytes are UTF-8, of characters that XML has, but for controls."""
    try:
        text = block.decode()
    except UnicodeDecodeError:
        return False
    return text.isascii() or not any(character in text for character in _NO_CHARACTERS)


def _sections(block: bytes) -> np.ndarray:
    """int64 (n, 2): where sections of CDATA begin and end."""
    found = [place.span() for place in _SECTION_BYTES.finditer(block)] if SECTION.encode() in block else []
    return np.array(found, np.int64).reshape(-1, 2)


def _outside(places: np.ndarray, sections: np.ndarray) -> np.ndarray:
    """The places that stand in no section."""
    if not sections.size:
        return places
    before = np.searchsorted(sections[:, 0], places, side="right") - 1
    return places[(before < 0) | (places >= sections[before, 1])]


def _tags(found: np.ndarray, sections: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where tags begin and end: each at a '<' and the next '>'. Where another '<' comes between, both end there."""
    starts, closing = (_outside(np.flatnonzero(found == ord(mark)), sections) for mark in "<>")
    after = np.searchsorted(closing, starts)
    starts = starts[after < closing.size]
    return starts, closing[after[after < closing.size]]


def _pieces(block: bytes, starts: np.ndarray, ends: np.ndarray) -> pl.Series:
    """Tags and the texts behind them, one after the other. Where a '<' stands inside a tag, the piece before it is cut."""
    edges = np.empty(2 * starts.size + 1, np.int32)
    edges[0:-1:2] = starts
    edges[1::2] = ends + 1
    edges[-1] = ends[-1] + 1 if ends.size else 0
    edges[1::2] = np.minimum(edges[1::2], edges[2::2])
    texts = pa.StringArray.from_buffers(edges.size - 1, pa.py_buffer(edges), pa.py_buffer(block))
    return pl.Series("piece", texts, dtype=pl.String)
