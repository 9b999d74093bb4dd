"""Reading a vendor's file in bounded pieces: columns found by name, every row either taken or refused with a rule."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import polars as pl

from catalog.errors import FeedRefused
from catalog.reading.batches import RAW_REJECTS, Batch
from catalog.reading.cells import MAX_SPREAD, Block, Cell
from catalog.reading.folding import Folder
from catalog.reading.header import Columns, find_columns, missing, require_ours
from catalog.reading.mapping import Mapping
from catalog.reading.products import Products
from catalog.reading.records import HEADERLESS, Record, open_pieces, open_rows, suggest_dialect
from catalog.reading.stretched_columns import as_rows
from catalog.reading.stretches import Stretch
from catalog.settings import Feeds

__all__ = ["RAW_REJECTS", "RawBatch", "read_rows"]

FEW = 5  # ragged rows fewer than this never refuse a feed, however short it is
SMALL = 10_000  # rows of a stretch that are fewer than make a batch of their own
ENOUGH = 20_000  # rows of small ones that do: the last batch is worked on alone, while nothing is read
Piece = Record | Stretch | Block
_IDENTIFYING = ("item_id", "product_id")


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


def _alone(rows: Iterator[Piece]) -> Iterator[Record]:
    """Rows that fold or belong together, which come one by one."""
    return cast("Iterator[Record]", rows)


def _judged(pieces: Iterable[Piece], columns: Columns, damage: "_Damage") -> Iterator[Piece]:
    """The rows; refused are those of another shape than the header, and those named by a number that lost digits."""
    width = columns.width
    for record in pieces:
        if not isinstance(record, Record):
            damage.rows += record.rows
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


def _batches(pieces: Iterator[Piece], columns: Columns, damage: "_Damage", size: int) -> Iterator[RawBatch]:
    """Rows taken one by one are collected over stretches: their lines may lie before those of the batch before."""
    batch, small = Batch(columns, size), _Small(size)
    for piece in pieces:
        if isinstance(piece, Stretch):
            rows = as_rows(piece, columns)
            damage.ids += rows["item_id"].count()
            yield from (RawBatch(part, pl.DataFrame(schema=RAW_REJECTS)) for part in small.together(rows))
            continue
        for record in _one_by_one(piece, batch):
            batch.add(record)
            if batch.full:
                yield _finished(batch, damage)
                batch = Batch(columns, size)
        if batch.full:
            yield _finished(batch, damage)
            batch = Batch(columns, size)
    last = [RawBatch(part, pl.DataFrame(schema=RAW_REJECTS)) for part in small.rest()]
    if not batch.empty:
        last.append(_finished(batch, damage))
    yield from sorted(last, key=lambda part: min([*part.rows["line"].head(1), *part.rejects["line"].head(1)]))


class _Small:
    """Rows of stretches: those of small ones wait for each other, for a batch costs much the same whatever its size."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._waiting: list[pl.DataFrame] = []

    def together(self, rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """Rows of at most the size of a batch, and no more names of attributes than it may have."""
        names = {name for part in (*self._waiting, rows) for name in part.columns}
        height = sum(part.height for part in self._waiting) + rows.height
        if height > self._size or height * len(names) > MAX_SPREAD:
            yield from self.rest()
        self._waiting.append(rows)
        if rows.height >= min(SMALL, self._size) or height >= ENOUGH:
            yield from self.rest()

    def rest(self) -> Iterator[pl.DataFrame]:
        """Those that still wait."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            yield from pl.concat(waiting, how="diagonal", rechunk=True).iter_slices(self._size)


def _one_by_one(piece: Record | Block, batch: Batch) -> Iterable[Record]:
    """The rows that a batch does not take together."""
    if isinstance(piece, Record):
        return (piece,)
    return () if batch.take(piece) else piece.records()


def _finished(batch: Batch, damage: "_Damage") -> RawBatch:
    rows, rejects = batch.finished()
    damage.ids += rows["item_id"].count()
    return RawBatch(rows, rejects)


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
