"""Reading a vendor's file in bounded pieces: columns found by name, every row either taken or refused with a rule."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import polars as pl

from catalog.errors import FeedRefused
from catalog.mapping import Mapping
from catalog.records import Record, open_rows, suggest_dialect
from catalog.settings import Feeds

ATTRIBUTE = "attributes."
FEW = 5  # ragged rows fewer than this never refuse a feed, however short it is
RAW_REJECTS = {
    "line": pl.Int64,
    "item_id": pl.String,
    "rule": pl.String,
    "detail": pl.String,
    "raw": pl.String,
}


@dataclass(frozen=True)
class RawBatch:
    """Some rows of a file. rows: line, raw, nul (NUL characters were dropped), our columns as delivered text,
    attributes.<their name>. rejects: line, item_id, rule, detail, raw. Every row read is in exactly one of them."""

    rows: pl.DataFrame
    rejects: pl.DataFrame


@dataclass(frozen=True)
class Columns:
    """Where the cells of our columns stand in a row."""

    width: int
    places: dict[str, list[int]]
    attributes: dict[str, int]

    @cached_property
    def needed(self) -> int:
        """Cells a row must have so that no mapped column is missing."""
        every = [place for places in self.places.values() for place in places] + list(self.attributes.values())
        return 1 + max(every)


def find_columns(header: list[str], mapping: Mapping) -> Columns:
    """Finds the mapped columns by name.

    Raises FeedRefused when one is missing or occurs twice. With our own column names only item_id and one of title
    and image are required. A repeated attribute is kept by position: name, name#2, name#3.
    """
    places: dict[str, list[int]] = {}
    for name, place in _positions(header):
        places.setdefault(name, []).append(place)
    if not mapping.explicit:
        _require_ours(header)
    found: dict[str, list[int]] = {}
    for ours, theirs in mapping.wanted.items():
        if mapping.explicit or theirs[0] in places:
            found[ours] = [_place(ours, name, places, header) for name in theirs]
    return Columns(len(header), found, _attribute_places(places, mapping, header))


def _positions(header: list[str]) -> Iterator[tuple[str, int]]:
    return ((name, place) for place, name in enumerate(header))


def _attribute_places(places: dict[str, list[int]], mapping: Mapping, header: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in mapping.attributes:
        if name not in places:
            raise _missing("attributes", name, header)
        for number, place in enumerate(places[name], start=1):
            found[name if number == 1 else f"{name}#{number}"] = place
    return found


def _place(ours: str, theirs: str, places: dict[str, list[int]], header: list[str]) -> int:
    name = " ".join(theirs.split())
    if name not in places:
        raise _missing(ours, theirs, header)
    if len(places[name]) > 1:
        raise FeedRefused(
            "duplicate_header",
            f"The column {theirs!r}, mapped to {ours}, occurs {len(places[name])} times in the header.",
            remedy="Ask the vendor to name it once, or map another column.",
        )
    return places[name][0]


def _missing(ours: str, theirs: str, header: list[str]) -> FeedRefused:
    return FeedRefused(
        "missing_column",
        f"The file has no column {theirs!r}, which the mapping uses for {ours}. Its columns: {_shown(header)}.",
        remedy=f'Correct the line `{ours} = "{theirs}"` under [columns] of the vendor\'s mapping, or remove it.',
    )


def _require_ours(header: list[str]) -> None:
    absent = "item_id" if "item_id" not in header else "" if {"title", "image"} & set(header) else "title"
    if absent:
        raise FeedRefused(
            "missing_column",
            f"The file has no column {absent!r}. Its columns: {_shown(header)}.",
            remedy=f"Write a mapping vendors/<vendor>.toml whose [columns] has the line "
            f'`{absent} = "<their column>"`; every column used is named there.',
        )


def _shown(header: list[str]) -> str:
    names = ", ".join(header[:30])[:600] or "not listed in this format"
    return names + (f" and {len(header) - 30} more" if len(header) > 30 else "")


def read_rows(path: Path, mapping: Mapping, limits: Feeds) -> Iterator[RawBatch]:
    """Every row of the file, in pieces of `limits.batch_rows`; nothing is skipped but blank lines.

    Raises FeedRefused, possibly after some pieces: take nothing before the last one has come.
    """
    header, records = open_rows(path, mapping)
    with closing(records):
        try:
            columns = find_columns(header, mapping)
            damage = _Damage(limits.max_structural)
            yield from _batches(records, columns, damage, limits.batch_rows)
            damage.judge()
            if mapping.format == "jsonl" and damage.rows and not damage.ids:
                # JSON Lines have no header: a wrong name for the id shows only when no row has one.
                if not mapping.explicit:
                    _require_ours([])
                raise _missing("item_id", " ".join(mapping.wanted["item_id"]), [])
        except FeedRefused as refused:
            raise _with_dialect(refused, path, mapping) from None


def _batches(records: Iterator[Record], columns: Columns, damage: "_Damage", size: int) -> Iterator[RawBatch]:
    batch = _Batch(columns, damage)
    for record in records:
        batch.add(record)
        if batch.size >= size:
            yield batch.finished()
            batch = _Batch(columns, damage)
    if batch.size:
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

    def add(self, record: Record, rule: str | None) -> None:
        self.rows += 1
        if rule == "bad_encoding":
            self.undecodable += 1
        elif rule:
            self.structural += 1
            self.first = self.first or f"line {record.line}: {rule}"

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
    columns: Columns
    damage: _Damage
    good: list[Record] = field(default_factory=list)
    bad: list[tuple[int, str | None, str, str | None, str | None]] = field(default_factory=list)

    @property
    def size(self) -> int:
        return len(self.good) + len(self.bad)

    def add(self, record: Record) -> None:
        rule, detail = record.rule, record.detail
        if rule is None:
            detail = self._ragged(record.cells)
            rule = "ragged" if detail else None
        self.damage.add(record, rule)
        if rule is None:
            self.good.append(record)
        else:
            self.bad.append((record.line, self._item_id(record.cells), rule, detail, record.raw))

    def _ragged(self, cells: list[str | None]) -> str | None:
        width = len(cells)
        if width < self.columns.needed:
            return f"{width} cells where the header has {self.columns.width}: a mapped column is missing"
        if width > self.columns.width and any(cell and cell.strip() for cell in cells[self.columns.width :]):
            return f"{width} cells where the header has {self.columns.width}"
        return None

    def _item_id(self, cells: list[str | None]) -> str | None:
        found = [cells[place] for place in self.columns.places["item_id"] if place < len(cells)]
        return " ".join(cell for cell in found if cell) or None

    def finished(self) -> RawBatch:
        cells = [record.cells for record in self.good]
        values: dict[str, list] = {ours: _column(ours, places, cells) for ours, places in self.columns.places.items()}
        self.damage.ids += sum(value is not None for value in values["item_id"])
        for name, place in self.columns.attributes.items():
            values[ATTRIBUTE + name] = [row[place] for row in cells]
        rows = pl.DataFrame(
            {
                "line": [record.line for record in self.good],
                "raw": [record.raw for record in self.good],
                "nul": [record.nul for record in self.good],
                **values,
            },
            schema={"line": pl.Int64, "raw": pl.String, "nul": pl.Boolean, **dict.fromkeys(values, pl.String)},
        )
        return RawBatch(rows, pl.DataFrame(self.bad, schema=RAW_REJECTS, orient="row"))


def _column(ours: str, places: list[int], cells: list[list[str | None]]) -> list[str | None]:
    if len(places) == 1:
        return [row[places[0]] for row in cells]
    if ours == "image":
        return [next((cell for place in places if (cell := row[place])), None) for row in cells]
    return [" ".join(cell for place in places if (cell := row[place])) or None for row in cells]
