"""Rows of one product become one item: every row stays a row, but says what all of them say together."""

from collections.abc import Iterable, Iterator
from typing import Any

from catalog.errors import FeedRefused
from catalog.reading.cells import Cell, Record
from catalog.reading.columns import Fold
from catalog.reading.header import Columns, missing

MAX_GROUP = 10_000  # rows of one product
MAX_HELD = 200_000  # rows of products whose rows do not stand together


class Folder:
    """Folds the rows of a file that is read twice: first for which products are scattered, then for the rows."""

    def __init__(self, fold: Fold, header: list[str], columns: Columns) -> None:
        """Raises FeedRefused when the file has none of the columns that rows of a product share."""
        names = [name for name in fold.by if name in header]
        if not names:
            raise missing("fold", fold.by[0], header)
        self._place = header.index(names[0])
        self._blank_continues = fold.blank_continues
        self._columns = columns
        self._scattered: set[int] = set()

    def survey(self, records: Iterable[Record]) -> None:
        """Learns which products have other rows in between. Only hashes of their keys are held."""
        closed: set[int] = set()
        last = None
        for record in records:
            key = self._key(record, last)
            if key is None or key == last:
                continue
            if hash(key) in closed:
                self._scattered.add(hash(key))
            closed.add(hash(key))
            last = key

    def folded(self, records: Iterable[Record]) -> Iterator[Record]:
        """As many rows as come. Those of a product have the same cells: the first filled value of each column, of
        pictures and attributes all; all but the last are marked. Scattered products come last."""
        group: list[Record] = []
        held: dict[str, list[Record]] = {}
        waiting, last = 0, None
        for record in records:
            key = None if record.rule else self._key(record, last)
            if key is None:
                yield record
                continue
            if key != last:
                yield from self._merged(group)
                group, last = [], key
            if hash(key) in self._scattered:
                held.setdefault(key, []).append(record)
                waiting += 1
            else:
                group.append(record)
            if waiting > MAX_HELD or len(group) > MAX_GROUP:
                raise _too_many(key, waiting)
        yield from self._merged(group)
        for several in held.values():
            yield from self._merged(several)

    def _key(self, record: Record, last: str | None) -> str | None:
        cell = record.cells[self._place] if self._place < len(record.cells) else None
        key = cell.strip() if isinstance(cell, str) else ""
        return key or (last if self._blank_continues else None)

    def _merged(self, group: list[Record]) -> Iterator[Record]:
        if len(group) < 2:
            yield from group
            return
        width = max(len(record.cells) for record in group)
        cells = [self._cell(place, [r.cells[place] for r in group if place < len(r.cells)]) for place in range(width)]
        self._say_all_stocks(cells, group)
        nul = any(record.nul for record in group)
        for record in group:
            yield record._replace(cells=cells, nul=nul, folded=record is not group[-1])

    def _say_all_stocks(self, cells: list[Cell], group: list[Record]) -> None:
        """What every row says of its stock counts, each once: the first variant may be sold out and the next is not."""
        parts = self._columns.parts.get("availability", [])
        if not parts or any(place >= len(cells) for part in parts for place in part):
            return
        said = [" ".join(filter(None, (self._first(record, part) for part in parts))) for record in group]
        for part in parts:
            for place in part:
                cells[place] = None
        cells[parts[0][0]] = list(dict.fromkeys(filter(None, said)))

    def _first(self, record: Record, part: list[int]) -> str | None:
        found = (record.cells[place] for place in part if place < len(record.cells))
        return next((cell.strip() for cell in found if isinstance(cell, str) and cell.strip()), None)

    def _cell(self, place: int, several: list[Any]) -> Cell:
        filled = [cell for cell in several if cell and (not isinstance(cell, str) or cell.strip())]
        if place not in self._columns.collected:
            return filled[0] if filled else None
        texts: dict[str, None] = {}
        for cell in filled:
            texts.update(dict.fromkeys([cell] if isinstance(cell, str) else cell))
        return list(texts)


def _too_many(key: str, waiting: int) -> FeedRefused:
    if waiting > MAX_HELD:
        return FeedRefused(
            "scattered_rows",
            f"More than {MAX_HELD:,} rows belong to products whose rows do not stand together, for instance {key!r}.",
            remedy="Ask the vendor to sort the file by the column named under [fold] of the mapping.",
        )
    return FeedRefused(
        "giant_product",
        f"More than {MAX_GROUP:,} rows belong to the one product {key!r}.",
        remedy="Correct `by` under [fold] of the mapping: it must name the column that tells products apart.",
    )
