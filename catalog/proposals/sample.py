"""A bounded sample of a file's rows, read through the same door as a delivery."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from catalog.proposals.headers import meaning
from catalog.proposals.values import Values
from catalog.reading.mapping import Mapping
from catalog.reading.records import open_rows

FIRST = 10_000  # rows taken one by one
EVERY = 10  # of the rows after those, one in so many
MOST = 100_000  # rows read at all
CELLS = 3_000_000  # cells held


@dataclass(frozen=True)
class Sample:
    """The columns of a sample. read: rows passed; broken: rows of those that cannot be read; whole: the file ended."""

    columns: list[Values]
    read: int
    broken: int
    whole: bool

    @property
    def rows(self) -> int:
        """Rows looked at."""
        return len(self.columns[0].cells) if self.columns else 0

    def column(self, header: str) -> Values | None:
        """A column by its header; the first of several with the same one."""
        return next((column for column in self.columns if column.header == header), None)

    @property
    def said(self) -> str:
        """What was looked at, in words."""
        if self.whole and self.read == self.rows:
            return "its only row" if self.read == 1 else f"all {self.read:,} rows"
        return f"{self.rows:,} of {'all' if self.whole else 'the first'} {self.read:,} rows"


def everything(draft: dict[str, Any], names: list[str]) -> Mapping:
    """A mapping that reads all named columns: for looking, not for keeping."""
    columns = {"item_id": names[0], "title": names[0], "attributes": names}
    return Mapping.model_validate({**draft, "columns": columns})


def take(path: Path, mapping: Mapping) -> Sample:
    """Reads the sample. Raises FeedRefused where the reader of deliveries would."""
    header, records = open_rows(path, mapping)
    width = len(header)
    lists = {place for place, name in enumerate(header) if meaning(name, "vendor_category").score >= 0.5}
    kept: list[list[str | None]] = []
    read = broken = 0
    with closing(records):
        for record in islice(records, MOST):
            read += 1
            if record.rule or _ragged(record.cells, width):
                broken += 1
            elif _wanted(read, len(kept), width):
                kept.append([_plain(cell, every=at in lists) for at, cell in enumerate(record.cells[:width])])
    return Sample(list(_columns(header, kept)), read, broken, read < MOST)


def _wanted(read: int, kept: int, width: int) -> bool:
    return kept * width < CELLS and (read <= FIRST or read % EVERY == 0)


def _ragged(cells: list[Any], width: int) -> bool:
    return len(cells) > width and any(cell and str(cell).strip() for cell in cells[width:])


def _plain(cell: Any, *, every: bool = False) -> str | None:
    """The text of a cell; of several the first, or all of them as levels of a category; of named ones none."""
    if isinstance(cell, list | tuple) and every:
        return " | ".join(part for part in map(_plain, cell) if part) or None
    if isinstance(cell, list | tuple):
        return next((part for part in map(_plain, cell) if part), None)
    return cell if isinstance(cell, str) else None


def _columns(header: list[str], rows: Iterable[list[str | None]]) -> Iterator[Values]:
    table = list(rows)
    for place, name in enumerate(header):
        yield Values(name, [row[place] if place < len(row) else None for row in table])
