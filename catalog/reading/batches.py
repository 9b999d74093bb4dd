"""Rows become columns, a thousand or so together.

What is collected of them is lists of texts, not lists of rows: thousands of small lists that live on would be walked by
every collection of garbage.
"""

from collections.abc import Iterable
from typing import Any

import polars as pl

from catalog.reading.cells import LONGEST_NAME, MAX_ATTRIBUTES, MAX_SPREAD, Block, Cell, Record
from catalog.reading.header import Columns
from catalog.reading.stretched_columns import ATTRIBUTE

MAX_KEYS = 10_000  # names of attributes remembered as they are written
BLOCK = 1_000  # rows that become columns together
RAW_REJECTS = {
    "line": pl.Int64,
    "item_id": pl.String,
    "rule": pl.String,
    "detail": pl.String,
    "raw": pl.String,
}
_FACTS: dict[str, Any] = {"line": pl.Int64, "raw": pl.String, "nul": pl.Boolean}


class Spread:
    """Attributes that bring their own names: a column for each name.

    names: those of all rows so far, in the order they came.
    """

    def __init__(self) -> None:
        self.names: dict[str, None] = {}
        self._keys: dict[str, str] = {}
        self._plain: set[str] = set()  # those of the names that came written in their form
        self._columns: dict[str, list[str | None]] = {}

    def together(self, named: Iterable[tuple[str, str]]) -> dict[str, str]:
        """The attributes of a row; of one name several values are joined."""
        found: dict[str, str] = {}
        for name, text in named:
            key = self._keys.get(name)
            if key is None:
                key = self._key(name)
            if not key or not text:
                continue
            old = found.get(key)
            if old is None:
                found[key] = text
            elif text not in old.split(", "):
                found[key] = f"{old}, {text}"
        return found

    def _key(self, name: str) -> str:
        key = " ".join(name.split())[:LONGEST_NAME]
        if len(self._keys) < MAX_KEYS and len(name) <= LONGEST_NAME:
            self._keys[name] = key
        return key

    def add(self, row: int, found: dict[str, str]) -> None:
        """Writes the attributes of a row, which comes behind those before it."""
        for name, text in found.items():
            column = self._columns.get(name)
            if column is None:
                column = self._columns[name] = []
                self.names[name] = None
            if before := row - len(column):
                column += [None] * before
            column.append(text)

    def add_all(self, rows: list[dict[str, str] | None]) -> None:
        """Writes the attributes of all rows there are. Where every name is in its form and no text is empty, none can meet
        another under one name."""
        columns, plain = self._columns, self._plain
        for row, found in enumerate(rows):
            if not found:
                continue
            if not plain.issuperset(found) or not all(found.values()):
                self.add(row, self.together(found.items()))
                plain.update(name for name in found if name in self.names and self._keys.get(name) == name)
                continue
            for name, text in found.items():
                column = columns.get(name)
                if column is None:
                    column = columns[name] = []
                if before := row - len(column):
                    column += [None] * before
                column.append(text)

    def taken(self, rows: int) -> dict[str, list[str | None]]:
        """The columns of so many rows; the next ones begin anew."""
        columns, self._columns = self._columns, {}
        return {name: column + [None] * (rows - len(column)) for name, column in columns.items()}


class Batch:
    """At most `size` rows, those that were refused included."""

    def __init__(self, columns: Columns, size: int) -> None:
        self._columns = columns
        self._size = size
        self._spread = Spread()
        self._bad: list[tuple[int, str | None, str, str | None, str | None]] = []
        self._blocks: list[pl.DataFrame] = []
        self._taken = 0
        self._records: list[tuple[int, str | None, bool, bool, str | None]] = []
        self._cells: list[Any] = []  # of these, one after the other, each as wide as the header

    @property
    def full(self) -> bool:
        """True when it has as many rows as it may, or columns for so many names of attributes that more would take too
        much memory."""
        return self._taken + len(self._bad) >= self._size or len(self._spread.names) * self._taken > MAX_SPREAD

    @property
    def empty(self) -> bool:
        """True when no row was added."""
        return not self._taken and not self._bad

    def take(self, block: Block) -> bool:
        """Takes rows many at a time; False, and takes none, when they have to be added one by one."""
        columns, rows = self._columns, self._taken + block.rows
        if columns.pairs or columns.packed or rows + len(self._bad) > self._size or block.rows > 2 * BLOCK:
            return False
        maps = [block.cells[place :: block.width] for place in columns.maps]
        names = self._spread.names.keys() | {name for named in maps for found in named if found for name in found}
        most = sum(max([len(found) for found in named if found], default=0) for named in maps)
        if most > MAX_ATTRIBUTES or len(names) * rows > MAX_SPREAD:
            return False
        if self._records:
            self._end_block()
        if len(maps) == 1:
            self._spread.add_all(maps[0])
        else:
            for row, several in enumerate(zip(*maps, strict=True)):
                named = [pair for found in several if found for pair in found.items()]
                self._spread.add(row, self._spread.together(named))
        self._taken = rows
        self._cells = block.cells
        self._records = [(line, None, False, False, None) for line in range(block.first, block.first + block.rows)]
        self._end_block()
        return True

    def add(self, record: Record) -> None:
        """Takes a row, good or bad."""
        found: dict[str, str] = {}
        if record.rule is None and self._columns.brings_names:
            found = self._spread.together(self._columns.named(record.cells))
            if len(found) > MAX_ATTRIBUTES:
                detail = f"{len(found):,} attributes; {MAX_ATTRIBUTES:,} are the limit"
                record = record._replace(rule="too_many_attributes", detail=detail)
        if record.rule is not None:
            self._bad.append((record.line, self._item_id(record.cells), record.rule, record.detail, record.raw))
            return
        cells, width = record.cells, self._columns.width
        if len(cells) != width:  # what stands beyond the header is blank, or the row would be a bad one
            cells = [*cells[:width], *[None] * (width - len(cells))]
        if found:
            self._spread.add(len(self._records), found)
        self._cells += cells
        self._records.append((record.line, record.raw, record.nul, record.folded, record.product))
        self._taken += 1
        if len(self._records) == BLOCK:
            self._end_block()

    def _item_id(self, cells: list[Cell]) -> str | None:
        width = len(cells)
        short = [[place for place in part if place < width] for part in self._columns.parts["item_id"]]
        found = [next((str(cells[place]) for place in part if cells[place]), None) for part in short]
        return " ".join(text for text in found if text) or None

    def finished(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The rows and the rejects, as `feeds.RawBatch` has them."""
        if self._records or not self._blocks:
            self._end_block()
        rows = pl.concat(self._blocks, how="diagonal", rechunk=True) if len(self._blocks) > 1 else self._blocks[0]
        if "image" in self._columns.parts:
            rows = rows.with_columns(image=pl.col("images").list.first())
        ours = [name for name in self._columns.parts if name != "image"]
        attributes = [ATTRIBUTE + name for name in (*self._columns.attributes, *self._spread.names)]
        order = dict.fromkeys([*_FACTS, *ours, "product_id", *attributes, "folded", "images", "image"])
        rows = rows.select(name for name in order if name in rows.columns)
        return rows, pl.DataFrame(self._bad, schema=RAW_REJECTS, orient="row")

    def _end_block(self) -> None:
        width, taken = self._columns.width, self._records
        cells = [self._cells[place::width] for place in range(width)]
        lines, raws, nuls, folded, products = zip(*taken, strict=True) if taken else [()] * 5
        values = {ours: self._columns.texts(ours, cells) for ours in self._columns.parts if ours != "image"}
        if any(products):
            own = values.get("product_id", [None] * len(taken))
            values["product_id"] = [product or text for product, text in zip(products, own, strict=True)]
        values |= self._attributes(cells)
        frame: dict[str, Any] = {"line": lines, "raw": raws, "nul": nuls, **values}
        schema = {**_FACTS, **dict.fromkeys(values, pl.String)}
        if self._columns.folds:
            frame["folded"] = folded
            schema["folded"] = pl.Boolean
        if "image" in self._columns.parts:
            frame["images"] = self._columns.images(cells)
            schema["images"] = pl.List(pl.String)
        self._blocks.append(pl.DataFrame(frame, schema=schema))
        self._records, self._cells = [], []

    def _attributes(self, cells: list[list[Any]]) -> dict[str, list[str | None]]:
        """Column -> values: attributes that are columns of theirs, then those that bring their own names."""
        found = {ATTRIBUTE + name: self._columns.attribute(name, cells) for name in self._columns.attributes}
        for name, texts in self._spread.taken(len(self._records)).items():
            own = found.get(ATTRIBUTE + name)
            found[ATTRIBUTE + name] = [a or b for a, b in zip(own, texts, strict=True)] if own else texts
        return found
