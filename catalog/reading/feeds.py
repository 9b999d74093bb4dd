"""Reading a vendor's file in bounded pieces: columns found by name, every row either taken or refused with a rule."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, cast

import polars as pl

from catalog.errors import FeedRefused
from catalog.reading.cells import Cell
from catalog.reading.folding import Folder
from catalog.reading.header import LONGEST_NAME, Columns, find_columns, missing, require_ours
from catalog.reading.mapping import Mapping
from catalog.reading.products import Products
from catalog.reading.records import HEADERLESS, Record, open_pieces, open_rows, suggest_dialect
from catalog.reading.stretched_columns import ATTRIBUTE, as_rows
from catalog.reading.stretches import Stretch
from catalog.settings import Feeds

MAX_ATTRIBUTES = 1_000  # of one row that bring their own names
MAX_SPREAD = 3_000_000  # rows of a batch times names of attributes
BLOCK = 1_000  # rows that become columns together
FEW = 5  # ragged rows fewer than this never refuse a feed, however short it is
RAW_REJECTS = {
    "line": pl.Int64,
    "item_id": pl.String,
    "rule": pl.String,
    "detail": pl.String,
    "raw": pl.String,
}
_IDENTIFYING = ("item_id", "product_id")
_FACTS: dict[str, Any] = {"line": pl.Int64, "raw": pl.String, "nul": pl.Boolean}


@dataclass(frozen=True)
class RawBatch:
    """Some rows of a file. rows: line, raw, nul (NUL characters were dropped), our columns as delivered text, attributes.<name>, and where pictures are mapped
    image, the first, and images, all of them; where rows are folded, folded: another row of its product stays.
    rejects: line, item_id, rule, detail, raw. Every row read is in exactly
    one of them."""

    rows: pl.DataFrame
    rejects: pl.DataFrame


def read_rows(path: Path, mapping: Mapping, limits: Feeds) -> Iterator[RawBatch]:
    """Every row of the file, in pieces of at most `limits.batch_rows`; nothing is skipped but blank lines.

    Raises FeedRefused, possibly after some pieces: take nothing before the last one has come. Pieces need not be in the
    order of their lines.
    """
    header, pieces = open_pieces(path, mapping)
    with closing(pieces):
        try:
            columns = find_columns(header, mapping)
            damage = _Damage(limits.max_structural)
            rows = _judged(pieces, columns, damage)
            if mapping.fold:
                rows = _folded(_alone(rows), path, mapping, Folder(mapping.fold, header, columns))
            if mapping.variants:
                rows = _related(_alone(rows), path, mapping, columns, Products(mapping.variants, header, columns))
            yield from _batches(rows, columns, damage, limits.batch_rows)
            damage.judge()
            if mapping.format in HEADERLESS and damage.rows and not damage.ids:
                # JSON and XML have no header: a wrong name for the id shows only when no row has one.
                if not mapping.explicit:
                    require_ours([])
                raise missing("item_id", " ".join(mapping.wanted["item_id"]), [])
        except FeedRefused as refused:
            raise _with_dialect(refused, path, mapping) from None


def _alone(rows: Iterator[Record | Stretch]) -> Iterator[Record]:
    """Rows that fold or belong together, which come one by one."""
    return cast("Iterator[Record]", rows)


def _judged(pieces: Iterable[Record | Stretch], columns: Columns, damage: "_Damage") -> Iterator[Record | Stretch]:
    """The rows; refused are those of another shape than the header, and those named by a number that lost digits."""
    width = columns.width
    for record in pieces:
        if isinstance(record, Stretch):
            damage.rows += record.lines.size
            damage.ids += record.lines.size
            yield record
            continue
        damage.rows += 1
        if record.rule is None and len(record.cells) != width and (detail := _ragged(record.cells, columns)):
            record = record._replace(rule="ragged", detail=detail)  # noqa: PLW2901 - one record, judged
        if record.rule:
            damage.add(record)
        elif record.shortened and (detail := _unidentified(record, columns)):
            record = record._replace(rule="digits_lost", detail=detail)  # noqa: PLW2901 - one record, judged
        yield record


def _unidentified(record: Record, columns: Columns) -> str | None:
    """Why a row cannot be told from others: products whose numbers differ in their last digits look the same."""
    for ours in _IDENTIFYING:
        for place in columns.sources(ours, record.cells):
            if place in record.shortened:
                return f"{ours} {record.cells[place]}: the number has more digits than a spreadsheet keeps"
    return None


def _ragged(cells: list[Cell], columns: Columns) -> str | None:
    width = len(cells)
    if width < columns.needed:
        return f"{width} cells where the header has {columns.width}: a mapped column is missing"
    if width > columns.width and any(cell and str(cell).strip() for cell in cells[columns.width :]):
        return f"{width} cells where the header has {columns.width}"
    return None


def _folded(rows: Iterator[Record], path: Path, mapping: Mapping, folder: Folder) -> Iterator[Record]:
    _, before = open_rows(path, mapping)
    with closing(before):
        folder.survey(before)
    return folder.folded(rows)


def _related(
    rows: Iterator[Record], path: Path, mapping: Mapping, columns: Columns, products: Products
) -> Iterator[Record]:
    for learn in products.surveys():
        _, before = open_rows(path, mapping)
        with closing(before):
            learn(_alone(_judged(before, columns, _Damage(1.0))))
    return products.related(rows)


def _batches(pieces: Iterator[Record | Stretch], columns: Columns, damage: "_Damage", size: int) -> Iterator[RawBatch]:
    """Rows taken one by one are collected over stretches: their lines may lie before those of the batch before."""
    batch = _Batch(columns, damage)
    for piece in pieces:
        if isinstance(piece, Stretch):
            rows = as_rows(piece, columns)
            yield from (RawBatch(part, pl.DataFrame(schema=RAW_REJECTS)) for part in rows.iter_slices(size))
            continue
        batch.add(piece)
        if len(batch) >= size or (batch.names and batch.wide):
            yield batch.finished()
            batch = _Batch(columns, damage)
    if len(batch):
        yield batch.finished()


def _with_dialect(refused: FeedRefused, path: Path, mapping: Mapping) -> FeedRefused:
    if mapping.format not in ("csv", "tsv") or refused.reason not in ("missing_column", "structure"):
        return refused
    better = suggest_dialect(path, mapping)
    if not better:
        return refused
    return FeedRefused(refused.reason, refused.message, remedy=f"The file reads evenly with {better}. {refused.remedy}")


@dataclass
class _Damage:
    """Counts rows whose structure is broken, over the whole file."""

    allowed: float
    rows: int = 0
    structural: int = 0
    undecodable: int = 0
    ids: int = 0
    first: str = ""

    def add(self, record: Record) -> None:
        """Counts a broken row."""
        if record.rule == "bad_encoding":
            self.undecodable += 1
        else:
            self.structural += 1
            self.first = self.first or f"line {record.line}: {record.rule}"

    def judge(self) -> None:
        """Raises FeedRefused when too many rows are broken: then the dialect is wrong, not the rows."""
        if self._too_many(self.structural):
            raise FeedRefused(
                "structure",
                f"{self.structural:,} of {self.rows:,} rows do not have the shape of the header or are not readable "
                f"({self.first}); {self.allowed:.0%} are allowed.",
                remedy="Compare `delimiter`, `quote` and `format` in the mapping with the file, "
                "or ask the vendor to correct the export.",
            )
        if self._too_many(self.undecodable):
            raise FeedRefused(
                "bad_encoding",
                f"{self.undecodable:,} of {self.rows:,} rows have bytes the declared encoding does not have.",
                remedy="Write the encoding the vendor uses into the mapping, for instance "
                '`encoding = "windows-1252"` (western Europe) or `encoding = "windows-1251"` (Cyrillic).',
            )

    def _too_many(self, broken: int) -> bool:
        return broken > self.allowed * self.rows and (broken >= FEW or broken == self.rows)


@dataclass
class _Batch:
    """Rows taken one by one. They become columns a block at a time: thousands of lists that live on would be walked by
    every collection of garbage."""

    columns: Columns
    damage: _Damage
    good: list[Record] = field(default_factory=list)
    bad: list[tuple[int, str | None, str, str | None, str | None]] = field(default_factory=list)
    named: list[dict[str, str]] = field(default_factory=list)
    names: dict[str, None] = field(default_factory=dict)
    blocks: list[pl.DataFrame] = field(default_factory=list)
    taken: int = 0

    def __len__(self) -> int:
        return self.taken + len(self.bad)

    @property
    def wide(self) -> bool:
        """True when a column for each attribute's name would take too much memory with more rows."""
        return len(self.names) * self.taken > MAX_SPREAD

    def add(self, record: Record) -> None:
        if record.rule is None and self.columns.brings_names:
            record = self._with_attributes(record)
        if record.rule is not None:
            self.bad.append((record.line, self._item_id(record.cells), record.rule, record.detail, record.raw))
            return
        self.good.append(record)
        self.taken += 1
        if len(self.good) == BLOCK:
            self._end_block()

    def _with_attributes(self, record: Record) -> Record:
        """Takes the attributes that bring their own names; too many of them are no product."""
        found: dict[str, str] = {}
        for name, text in self.columns.named(record.cells):
            key = " ".join(name.split())[:LONGEST_NAME]
            if not key or not text:
                continue
            old = found.get(key)
            if old is None:
                found[key] = text
            elif text not in old.split(", "):
                found[key] = f"{old}, {text}"
        if len(found) > MAX_ATTRIBUTES:
            detail = f"{len(found):,} attributes; {MAX_ATTRIBUTES:,} are the limit"
            return record._replace(rule="too_many_attributes", detail=detail)
        self.named.append(found)
        self.names.update(dict.fromkeys(found))
        return record

    def _item_id(self, cells: list[Cell]) -> str | None:
        width = len(cells)
        short = [[place for place in part if place < width] for part in self.columns.parts["item_id"]]
        found = [next((str(cells[place]) for place in part if cells[place]), None) for part in short]
        return " ".join(text for text in found if text) or None

    def finished(self) -> RawBatch:
        if self.good or not self.blocks:
            self._end_block()
        rows = pl.concat(self.blocks, how="diagonal", rechunk=True) if len(self.blocks) > 1 else self.blocks[0]
        if "image" in self.columns.parts:
            rows = rows.with_columns(image=pl.col("images").list.first())
        ours = [name for name in self.columns.parts if name != "image"]
        attributes = [ATTRIBUTE + name for name in (*self.columns.attributes, *self.names)]
        order = dict.fromkeys([*_FACTS, *ours, "product_id", *attributes, "folded", "images", "image"])
        rows = rows.select(name for name in order if name in rows.columns)
        return RawBatch(rows, pl.DataFrame(self.bad, schema=RAW_REJECTS, orient="row"))

    def _end_block(self) -> None:
        cells = [record.cells for record in self.good]
        values: dict[str, list] = {o: self.columns.texts(o, cells) for o in self.columns.parts if o != "image"}
        self.damage.ids += sum(value is not None for value in values["item_id"])
        if any(record.product for record in self.good):
            own = values.get("product_id", [None] * len(cells))
            values["product_id"] = [record.product or text for record, text in zip(self.good, own, strict=True)]
        values |= self._attributes(cells)
        frame: dict[str, Any] = {
            "line": [record.line for record in self.good],
            "raw": [record.raw for record in self.good],
            "nul": [record.nul for record in self.good],
            **values,
        }
        schema = {**_FACTS, **dict.fromkeys(values, pl.String)}
        if self.columns.folds:
            frame["folded"] = [record.folded for record in self.good]
            schema["folded"] = pl.Boolean
        if "image" in self.columns.parts:
            frame["images"] = self.columns.images(cells)
            schema["images"] = pl.List(pl.String)
        self.blocks.append(pl.DataFrame(frame, schema=schema))
        self.good, self.named = [], []

    def _attributes(self, cells: list[list[Cell]]) -> dict[str, list]:
        """Column -> values: attributes that are columns of theirs, then those that bring their own names."""
        found: dict[str, list] = {}
        for name in self.columns.attributes:
            found[ATTRIBUTE + name] = self.columns.attribute(name, cells)
        for name in dict.fromkeys(chain.from_iterable(self.named)):
            texts = [named.get(name) for named in self.named]
            own = found.get(ATTRIBUTE + name)
            found[ATTRIBUTE + name] = [a or b for a, b in zip(own, texts, strict=True)] if own else texts
        return found
