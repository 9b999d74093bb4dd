"""Rows as readers of all formats hand them on, and the values of their cells as text."""

import json
import math
import re
from collections.abc import Generator, Iterator
from decimal import Decimal
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

from catalog.errors import FeedRefused

MAX_CELL = 1024 * 1024
MAX_COLUMNS = 5_000
MAX_ATTRIBUTES = 1_000  # of one row that bring their own names
MAX_SPREAD = 3_000_000  # rows of a batch times names of attributes
LONGEST_NAME = 200  # of an attribute
RAW_CUT = 500
SURROGATE = re.compile("[\ud800-\udfff]")
# What a cell may hold: text; several texts (pictures, repeated elements); named texts (attributes).
Cell = str | list[str] | dict[str, str] | None


class Record(NamedTuple):
    """One row: its cells in the order of the header, or the rule it broke before it had any.

    line: 1-based; the physical line or spreadsheet row, in Parquet, JSON arrays and XML the number of the record.
    folded: the row's content is part of a product whose other rows say the rest.
    shortened: places of numbers whose last digits a spreadsheet did not keep.
    product: the id of the product that the row is a variant of, where another row says so.
    """

    line: int
    cells: list[Any]
    raw: str | None
    rule: str | None = None
    detail: str | None = None
    nul: bool = False
    folded: bool = False
    shortened: tuple[int, ...] = ()
    product: str | None = None


class Block(NamedTuple):
    """Consecutive rows without anything odd. first: the number of the first; cells: of all rows one after the other, each
    of the header's width."""

    first: int
    width: int
    cells: list[Any]

    @property
    def rows(self) -> int:
        """How many they are."""
        return len(self.cells) // self.width

    def records(self) -> Iterator[Record]:
        """The rows one by one."""
        for row in range(self.rows):
            yield Record(self.first + row, self.cells[row * self.width : (row + 1) * self.width], None)


Rows = tuple[list[str], Generator[Record, None, None]]


def at(record: Any, path: str) -> Any:
    """The value under a key, or under a dotted path of keys and list positions; None when there is none. `*` stands for
    every entry of a list, and `a+b` for the values under several keys as one text."""
    if isinstance(record, dict) and path in record:
        return record[path]
    around, every, inside = path.partition(".*.")
    if every:
        entries = at(record, around)
        found = (at(entry, inside) for entry in entries) if isinstance(entries, list) else ()
        return list(chain.from_iterable(one if isinstance(one, list) else [one] for one in found))
    *steps, last = path.split(".")
    if "+" in last:
        inner = at(record, ".".join(steps)) if steps else record
        if isinstance(inner, dict) and last in inner:
            return inner[last]
        return " ".join(filter(None, (text_of(at(inner, key)) for key in last.split("+")))) or None
    for key in (*steps, last):
        if isinstance(record, dict):
            record = record.get(key)
        elif isinstance(record, list) and key.isdecimal() and int(key) < len(record):
            record = record[int(key)]
        else:
            return None
    return record


def cell_of(value: Any) -> str | list[str] | None:
    """A value of JSON or Parquet as text; of a list every filled entry. Objects become JSON."""
    if isinstance(value, list | tuple):
        return [text for part in value if (text := text_of(part))]
    return text_of(value)


def text_of(value: Any) -> str | None:
    """A value as one text; lists are joined by a comma."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return ", ".join(text for part in value if (text := text_of(part))) or None
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return _scalar(value)


def _scalar(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        # A whole number stored as a float is an id or a GTIN that a spreadsheet touched.
        return f"{value:.0f}" if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="surrogateescape")
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def named(entries: dict[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Every filled value of an object with its dotted path."""
    for key, value in entries.items():
        if isinstance(value, dict):
            yield from named(value, f"{path}{key}.")
        elif text := text_of(value):
            yield f"{path}{key}", text


def texts(cell: Cell) -> Iterator[str]:
    """All texts of a cell, the names of attributes included."""
    if isinstance(cell, str):
        yield cell
    elif isinstance(cell, dict):
        yield from cell
        yield from cell.values()
    elif cell:
        yield from cell


def without_nul(cells: list[Any]) -> list[Any]:
    """The cells without NUL characters, which no database can hold."""
    return [_without_nul(cell) for cell in cells]


def _without_nul(cell: Cell) -> Cell:
    if isinstance(cell, str):
        return cell.replace("\0", "")
    if isinstance(cell, dict):
        return {name.replace("\0", ""): text.replace("\0", "") for name, text in cell.items()}
    return [text.replace("\0", "") for text in cell] if cell else cell


def checked(line: int, cells: list[Any], raw: str | None, wrong: str) -> Record:
    """A record of cells that were no text before. `wrong` says what stands where half characters are found.

    Raises FeedRefused when a cell is longer than MAX_CELL.
    """
    whole = "".join([cell if isinstance(cell, str) else _together(cell) for cell in cells if cell])
    if len(whole) > MAX_CELL or "\0" in whole or not (whole.isascii() or _encodes(whole)):
        return _looked_at(line, cells, raw, wrong)
    return Record(line, cells, raw)


def short(cells: list[Any]) -> bool:
    """True when no text among cells of many rows can be longer than MAX_CELL."""
    filled = list(filter(None, cells))
    several = [_together(cell) for cell in filled if type(cell) is not str]
    return (
        max(map(len, chain(filled, several)), default=0) <= MAX_CELL
    )  # several texts are no more than their characters


def _together(cell: list[str] | dict[str, str]) -> str:
    return "".join([*cell, *cell.values()] if isinstance(cell, dict) else cell)


def _encodes(text: str) -> bool:
    """True when no half of a surrogate pair is in a text; many times faster than a search for one."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _looked_at(line: int, cells: list[Any], raw: str | None, wrong: str) -> Record:
    """What `checked` says of cells that are not all short and plain together."""
    found = [text for cell in cells if cell for text in texts(cell)]
    if any(len(text) > MAX_CELL for text in found):
        raise giant_cell(f"Row {line}")
    if any(not text.isascii() and SURROGATE.search(text) for text in found):
        return Record(line, [], raw, "bad_encoding", wrong)
    if any("\0" in text for text in found):
        return Record(line, without_nul(cells), raw, nul=True)
    return Record(line, cells, raw)


def listed(name: str, texts: pl.Series, ends: np.ndarray) -> pl.Series:
    """A column of lists out of all their texts. ends: int64 (rows + 1,), where each list begins, and where the last ends."""
    flat = texts.to_arrow(compat_level=pl.CompatLevel.newest())
    kind = pa.large_list(flat.type)  # from buffers, because pa.array would load all of pandas where there is one
    return pl.Series(name, pa.Array.from_buffers(kind, ends.size - 1, [None, pa.py_buffer(ends)], children=[flat]))


def giant_cell(where: str) -> FeedRefused:
    """The refusal of a file with a cell that cannot be a product's."""
    return FeedRefused(
        "giant_cell",
        f"{where} has a cell of more than {MAX_CELL:,} characters.",
        remedy="Ask the vendor to correct that row; nothing of the file was taken.",
    )
