"""Plain records of an XML file, found by their bytes: elements whose children hold text and nothing else.

Most records of most files are plain, and an element of a tree for each of their children takes longer than all that follows.
Whatever is not surely plain and well-formed (comments, nested elements, entities but the usual, characters XML does
not have) counts as odd, and is left to the parser.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl
import pyarrow as pa

from catalog.reading.xml_tags import CLOSE, ENTITY, ODD, OPEN, RARE, Names, Tag, sections, unusual

MAX_PLAIN = 256 * 1024  # bytes of a record; the bounds of texts and cells lie far above
_TAB, _NEWLINE, _BLANK, _ASCII = (np.uint8(byte) for byte in (0x09, 0x0A, 0x20, 0x80))
_NEAR = 1 << 17  # bytes looked at together: what fits a core's cache is not fetched five times
_NO_CHARACTERS = ("\ufffe", "\uffff")


@dataclass(frozen=True)
class Plain:
    """Plain records. rows: how many; tags: those of the block that differ.

    opening: int64 (rows,), tokens of the records' own tags. leaf: int64 (children,), tokens at which children begin.
    row: int64 (children,), the record of each. names: int16 (children,), numbers of their names. codes: int32 (tokens,), of
    each token its place in `tags` and `values`, those that stand apart. pieces: each token's tag and what follows it, as it
    is written. marked: uint8 (children,), ENTITY or RARE where it may hold what they name. loose: bool (children,), where it
    may have blanks around it.
    """

    opening: np.ndarray
    leaf: np.ndarray
    row: np.ndarray
    names: np.ndarray
    codes: np.ndarray
    tags: list[Tag]
    values: list[list[str]]
    pieces: pl.Series
    marked: np.ndarray
    loose: np.ndarray

    @property
    def rows(self) -> int:
        """How many records they are."""
        return self.opening.size

    def own(self, attribute: str) -> pl.Series:
        """What the records' own tags say in an attribute, without blanks around it; null where they have none."""
        tags, values = self.tags, self.values
        said = [
            values[code][place]
            if (place := tags[code].apart.get(attribute)) is not None
            else tags[code].attributes.get(attribute)
            for code in self.codes[self.opening].tolist()
        ]
        return pl.Series([text and text.strip() for text in said], dtype=pl.String)


class Tokens:
    """The tags in a block of text that begins behind a record, and which of the records they make are plain."""

    def __init__(self, block: bytes, names: Names) -> None:
        block = block[: block.rfind(b">") + 1]
        if not _sound(block):
            block = b""
        found = np.frombuffer(block, np.uint8)
        self._block, self._found = block, found
        opens, closes = (np.flatnonzero(found == ord(mark)) for mark in "<>")
        self._sections = sections(block) if (found[opens + 1] == ord("!")).any() else np.empty((0, 2), np.int64)
        self._starts, self._ends = _tags(_outside(opens, self._sections), _outside(closes, self._sections))
        self._pieces = _pieces(block, self._starts, self._ends)
        tags = self._pieces.gather_every(2).to_arrow(compat_level=pl.CompatLevel.oldest()).dictionary_encode()
        self._codes = np.frombuffer(
            tags.indices.buffers()[1] or b"", np.int32
        )  # to_numpy would load pandas if there is one
        self._tags, self._values = names.read(tags.dictionary.to_pylist())
        self._kinds = np.array([tag.kind for tag in self._tags] or [0], np.int8)[self._codes]
        self._names = np.array([tag.name for tag in self._tags] or [0], np.int16)[self._codes]
        self._marked = np.zeros(self._codes.size, np.uint8)
        self._marked[self._token_of(self._sections[:, 0])] = RARE
        self._first, self._last = self._records(closes)

    def _token_of(self, places: np.ndarray) -> np.ndarray:
        """The token in which, or behind which, these bytes stand; what stands before the first must reach the parser with
        it."""
        return np.maximum(np.searchsorted(self._starts, places, side="right") - 1, 0)

    def _records(self, closes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The first and the last token of each plain record."""
        kinds, record = self._kinds, self._names == 0
        opened, closed = (kinds == OPEN) & ~record, (kinds == CLOSE) & ~record
        good = kinds != ODD
        pair = opened[:-1] & closed[1:] & (self._names[:-1] == self._names[1:])
        good[:-1] &= ~opened[:-1] | pair
        good[1:] &= ~closed[1:] | pair
        good[-1:] &= ~opened[-1:]
        good[:1] &= ~closed[:1]
        good[self._spoilt(closes)] = False
        own = np.flatnonzero(record)
        first, last = own[:-1], own[1:]
        whole = (kinds[first] == OPEN) & (kinds[last] == CLOSE)
        bad = np.concatenate([[0], np.cumsum(~good)])
        whole &= (bad[last + 1] == bad[first]) & (self._ends[last] - self._starts[first] < MAX_PLAIN)
        return first[whole], last[whole]

    def _spoilt(self, closes: np.ndarray) -> np.ndarray:
        """Tokens in which, or behind which, stands what may not, or what is not surely understood."""
        block, found = self._block, self._found
        places = [np.empty(0, np.int64)]
        for at in range(0, found.size, _NEAR):
            near = found[at : at + _NEAR]
            controls, usual = near < _BLANK, near - _TAB <= _NEWLINE - _TAB  # modulo 256
            if np.count_nonzero(controls) > np.count_nonzero(usual):
                places.append(at + np.flatnonzero(controls & ~usual))
        if (found[np.maximum(closes - 1, 0)] == ord("]")).any():
            ends = np.fromiter((at.start() for at in re.finditer(rb"\]\]>", block)), np.int64)
            places.append(_outside(ends, self._sections))
        if b"&" in block:
            marks = _outside(np.flatnonzero(found == ord("&")), self._sections)
            numbers, others = unusual(block, found, marks)
            self._marked[self._token_of(marks)] |= ENTITY
            self._marked[self._token_of(numbers)] |= RARE
            places.append(others)
        return self._token_of(np.concatenate(places))

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
        leaf = np.flatnonzero((np.cumsum(inside[:-1]) > 0) & (self._kinds == OPEN) & (self._names > 0))
        edges = [self._found[self._ends[leaf] + 1], self._found[self._starts[leaf + 1] - 1]]
        return Plain(
            opening=first,
            leaf=leaf,
            row=np.cumsum(begun)[leaf] - 1,
            names=self._names[leaf],
            codes=self._codes,
            tags=self._tags,
            values=self._values,
            pieces=self._pieces,
            marked=self._marked[leaf],
            loose=np.logical_or.reduce([(edge <= _BLANK) | (edge >= _ASCII) for edge in edges]),
        )


def _sound(block: bytes) -> bool:
    """True when the bytes are UTF-8, of characters that XML has, but for controls."""
    if block.isascii():
        return True
    try:
        text = block.decode()
    except UnicodeDecodeError:
        return False
    return not any(character in text for character in _NO_CHARACTERS)


def _outside(places: np.ndarray, sections: np.ndarray) -> np.ndarray:
    """The places that stand in no section."""
    if not sections.size:
        return places
    before = np.searchsorted(sections[:, 0], places, side="right") - 1
    return places[(before < 0) | (places >= sections[before, 1])]


def _tags(opens: np.ndarray, closes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where tags begin and end: each at a '<' and the next '>'. Where another '<' comes between, both end there."""
    if opens.size == closes.size and (opens < closes).all() and (closes[:-1] < opens[1:]).all():
        return opens, closes
    after = np.searchsorted(closes, opens)
    opens = opens[after < closes.size]
    return opens, closes[after[after < closes.size]]


def _pieces(block: bytes, starts: np.ndarray, ends: np.ndarray) -> pl.Series:
    """Tags and the texts behind them, one after the other. Where a '<' stands inside a tag, the piece before it is cut."""
    edges = np.empty(2 * starts.size + 1, np.int32)
    edges[0:-1:2] = starts
    edges[1::2] = ends + 1
    edges[-1] = ends[-1] + 1 if ends.size else 0
    edges[1::2] = np.minimum(edges[1::2], edges[2::2])
    texts = pa.StringArray.from_buffers(edges.size - 1, pa.py_buffer(edges), pa.py_buffer(block))
    return pl.Series("piece", texts.cast(pa.string_view()), dtype=pl.String)
