"""Stretches of delimited text in which every row is as it should be: found by their bytes, parsed as columns.

Most of most files is such text, and looking at each of its rows costs more than all that follows. Where anything is odd
(a quote inside a cell, a byte that does not decode, a lone carriage return), the row-by-row reader has its say instead.
"""

import io
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

from catalog.reading.cells import MAX_CELL, RAW_CUT
from catalog.reading.openings import BAD

_NEWLINE = ord("\n")


class Stretch(NamedTuple):
    """Rows as wide as the header. lines: int64 (n,), where each begins; raw: what stands in the file, cut; cells: one
    column of text, or of lists of several, per column of the file; named: attributes that bring their own names, a column
    each."""

    lines: np.ndarray
    raw: pl.Series
    cells: pl.DataFrame
    named: pl.DataFrame | None = None

    @property
    def rows(self) -> int:
        """How many they are."""
        return self.cells.height


class Cut(NamedTuple):
    """What a block of text comes to: its even rows, the others as (line, text) and how many characters and lines both take.

    A block without an end of a row, or with anything odd in it, comes to nothing: no characters.
    """

    stretch: Stretch | None
    others: list[tuple[int, str]]
    characters: int
    lines: int


NOTHING = Cut(None, [], 0, 0)


def cut(block: str, first: int, width: int, delimiter: str, quote: str) -> Cut:
    """Takes the whole rows at the beginning of a block. first: the number of its first line; width: cells of a row, more
    than one, for in a file of one column a blank line has as many."""
    if width < 2 or delimiter == quote or not (delimiter + quote).isascii() or "\0" in block or BAD in block:
        return NOTHING
    data = block.encode()
    if b"\r" in data and data.count(b"\r") != data.count(b"\r\n"):
        return NOTHING
    found = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(found == ord(quote)) if quote else np.empty(0, np.int64)
    ends = np.flatnonzero(found == _NEWLINE)
    rows = _outside(ends, quotes)
    if not rows.size:
        return NOTHING
    stop = int(rows[-1]) + 1
    quotes = quotes[: np.searchsorted(quotes, stop)]
    if not _well_quoted(found, quotes, ord(delimiter), stop):
        return NOTHING
    starts = np.concatenate([[0], rows + 1])
    lines = first + np.searchsorted(ends, starts[:-1])
    even = _widths(found[:stop], rows, quotes, ord(delimiter)) == width
    even &= np.diff(starts) <= MAX_CELL
    stretch = _parsed(data, starts, lines, even, _Shape(width, delimiter, quote))
    if stretch is not None and stretch.cells.height != stretch.lines.size:
        return NOTHING
    odd = np.flatnonzero(~even)
    others = [(int(lines[row]), data[starts[row] : starts[row + 1]].decode()) for row in odd]
    taken = stop if block.isascii() else len(data[:stop].decode())
    return Cut(stretch, others, taken, int(np.searchsorted(ends, stop)))


class _Shape(NamedTuple):
    width: int
    delimiter: str
    quote: str


def _outside(places: np.ndarray, quotes: np.ndarray) -> np.ndarray:
    """The places that stand in no quoted cell: an even number of quotes is before them."""
    if not quotes.size:
        return places
    passed = np.bincount(np.searchsorted(places, quotes), minlength=places.size + 1)[:-1]
    return places[np.cumsum(passed) % 2 == 0]


def _well_quoted(found: np.ndarray, quotes: np.ndarray, delimiter: int, stop: int) -> bool:
    """True when quotes only open a cell, close one, or stand doubled inside one (RFC 4180)."""
    if not quotes.size:
        return True
    opening, closing = quotes[::2], quotes[1::2]
    if opening.size != closing.size:
        return False
    before = np.where(opening > 0, found[opening - 1], _NEWLINE)
    doubled = np.concatenate([[False], opening[1:] == closing[:-1] + 1])
    after = found[np.minimum(closing + 1, stop - 1)]
    closes = (after == delimiter) | (after == _NEWLINE) | (after == ord("\r"))
    closes[:-1] |= doubled[1:]
    return bool(((before == delimiter) | (before == _NEWLINE) | doubled).all() and closes.all())


def _widths(found: np.ndarray, rows: np.ndarray, quotes: np.ndarray, delimiter: int) -> np.ndarray:
    """Cells of each row."""
    between = _outside(np.flatnonzero(found == delimiter), quotes)
    return np.diff(np.searchsorted(between, rows), prepend=0) + 1


def _parsed(data: bytes, starts: np.ndarray, lines: np.ndarray, even: np.ndarray, shape: _Shape) -> Stretch | None:
    if not even.any():
        return None
    if even.all():
        text = memoryview(data)[: starts[-1]]
    else:
        kept = np.flatnonzero(even)
        text = memoryview(b"".join(data[starts[row] : starts[row + 1]] for row in kept))
        lines, starts = lines[kept], np.concatenate([[0], np.cumsum(np.diff(starts)[kept])])
    names = [str(place) for place in range(shape.width)]
    cells = pl.read_csv(
        io.BytesIO(text),
        has_header=False,
        separator=shape.delimiter,
        quote_char=shape.quote or None,
        schema=dict.fromkeys(names, pl.String),
        empty_string_is_null=False,
    )
    offsets = pa.py_buffer(np.ascontiguousarray(starts, np.int32))
    raw = pa.StringArray.from_buffers(lines.size, offsets, pa.py_buffer(text))
    return Stretch(lines, pl.Series("raw", raw, dtype=pl.String).str.slice(0, RAW_CUT), cells)
