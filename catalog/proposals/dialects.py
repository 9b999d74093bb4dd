"""The dialect of delimited text: delimiter, quote and header row, by how evenly the rows of a sample come out."""

import csv
import re
from collections import Counter
from dataclasses import dataclass
from statistics import median

from catalog.proposals.headers import columns, meaning
from catalog.proposals.values import Values
from catalog.reading.delimited import csv_reader

DELIMITERS = ",;\t|~^"
QUOTES = ('"', "'", "")
MAX_TITLE_ROWS = 30
_SHOWN = 3_000  # rows a dialect is judged by
_MAX_CELL = 1024 * 1024
_FEW_ROWS = 5  # rows below which a value that comes again proves nothing
_NEVER = set(" \"'\\._-()[]{}<>%*+=?!@&€$£\n\r")


@dataclass(frozen=True)
class Line:
    """A row of the sample with the number of its first line."""

    number: int
    cells: list[str]

    @property
    def filled(self) -> int:
        """Cells with something in them."""
        return sum(bool(cell.strip()) for cell in self.cells)


@dataclass(frozen=True)
class Dialect:
    """How rows come apart. even: share of readable rows of the usual width; rows: those judged by; why: one clause each."""

    delimiter: str
    quote: str
    escape: str
    width: int
    even: float
    rows: list[Line]


@dataclass(frozen=True)
class Header:
    """Where the header stands (its line number), its cells, and what stands above; sure: it looks like one."""

    row: int
    cells: list[str]
    above: list[str]
    sure: bool


def find_dialect(text: str) -> Dialect | None:
    """The dialect under which the beginning of a file has the most even rows of two columns and more; None if none."""
    csv.field_size_limit(_MAX_CELL)
    lines = _lines(text)
    quotes = [(quote, "") for quote in QUOTES]
    quotes += [('"', "\\")] if any('\\"' in line for line in lines) else []
    tried = [dialect for mark in _candidates(lines) for quote in quotes if (dialect := _try(lines, mark, *quote))]
    good = [dialect for dialect in tried if dialect.width > 1]
    # Of one delimiter quotes go before width: without them a comma inside a cell would make more columns.
    best = {one.delimiter: max((d for d in good if d.delimiter == one.delimiter), key=_quoted) for one in good}
    ranked = sorted(best.values(), key=_rank, reverse=True)
    # A sign inside the cells may part rows more evenly than the one between them, but then no line names the columns.
    return next((one for one in ranked if _has_header(one)), ranked[0] if ranked else None)


def _has_header(dialect: Dialect) -> bool:
    header = find_header(dialect.rows) if dialect.even >= 0.5 else None
    return header is not None and header.sure


def _lines(text: str) -> list[str]:
    lines = text.replace("\0", "").splitlines(keepends=True) if "\n" not in text else _by_line_feed(text)
    return lines


def _by_line_feed(text: str) -> list[str]:
    # str.splitlines would also split at form feeds and at U+2028, which the reader takes as text.
    return re.findall(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+", text.replace("\0", ""))


def _quoted(dialect: Dialect) -> tuple[float, int, int]:
    return round(dialect.even, 2), -QUOTES.index(dialect.quote), -len(dialect.escape)


def _rank(dialect: Dialect) -> tuple[float, int, int]:
    evenness = round(dialect.even, 2)
    return evenness * (1 - 0.5**dialect.width), dialect.width, -_order(dialect.delimiter)


def _order(mark: str) -> int:
    return DELIMITERS.find(mark) if mark in DELIMITERS else len(DELIMITERS)


def _candidates(lines: list[str]) -> list[str]:
    """The usual delimiters that occur, and any other sign that occurs in nearly every line."""
    shown = [line for line in lines[:60] if line.strip()]
    found = Counter(mark for line in shown for mark in set(line) if not (mark.isalnum() or mark in _NEVER))
    usual = [mark for mark in DELIMITERS if mark in found]
    return usual + [
        m for m, times in found.items() if m not in usual and m != "/" and times >= max(2, 0.9 * len(shown))
    ]


def _try(lines: list[str], delimiter: str, quote: str, escape: str) -> Dialect | None:
    if not _worth_trying(lines, delimiter, quote):
        return None
    rows, broken = read_lines(lines, delimiter, quote, escape)
    widths = Counter(len(row.cells) for row in rows)
    if not widths:
        return None
    width = max(widths, key=lambda size: (widths[size] * (1 if size > 1 else 0.2), size))
    above = next((at for at, row in enumerate(rows) if row.filled > max(1, 0.5 * width)), 0)
    body = rows[above:] if above <= MAX_TITLE_ROWS else rows
    even = sum(_fits(row, width, len(body[0].cells)) for row in body) / max(1, len(body) + broken)
    return Dialect(delimiter, quote, escape, width, even, rows)


def _fits(row: Line, width: int, header: int) -> bool:
    """Whether a row is as wide as most. The header may be shorter by cells that are empty in every row."""
    usual = len(row.cells) == width and not any(cell.strip() for cell in row.cells[header:])
    return usual or len(row.cells) == header


def _worth_trying(lines: list[str], delimiter: str, quote: str) -> bool:
    """Quotes always; none where there are some that may mean nothing; apostrophes where they stand as quotes would."""
    if quote != "'":
        return quote == '"' or any('"' in line for line in lines)
    found = sum(f"'{delimiter}'" in line or line.startswith("'") for line in lines[:200])
    return found > 0.5 * len(lines[:200])


def read_lines(lines: list[str], delimiter: str, quote: str, escape: str = "") -> tuple[list[Line], int]:
    """Rows of a sample and how many could not be read. A row cut by the sample's end is left out; blank lines are no rows."""
    source = _Numbered(lines)
    reader = csv_reader(source, delimiter, quote, escape)
    rows: list[Line] = []
    broken = 0
    while len(rows) < _SHOWN:
        first = source.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error:
            if source.ended:  # a quote that never closes swallows the rest
                broken += source.number - first + 1
                break
            broken += 1
            continue
        if len(cells) > 1 or (cells and cells[0].strip()):
            rows.append(Line(first, cells))
    return rows, broken


class _Numbered:
    def __init__(self, lines: list[str]) -> None:
        self._lines = iter(lines)
        self.number = 0
        self.ended = False

    def __iter__(self) -> "_Numbered":
        return self

    def __next__(self) -> str:
        try:
            line = next(self._lines)
        except StopIteration:
            self.ended = True
            raise
        self.number += 1
        return line


def find_header(rows: list[Line]) -> Header | None:
    """The first row that names columns: about as many filled cells as the rows have, texts, hardly one twice.

    None when there is no row at all. `sure` is False when the row looks like the rows below it.
    """
    if not rows:
        return None
    usual = median(row.filled for row in rows)
    first = next((at for at in range(min(len(rows), MAX_TITLE_ROWS + 1)) if _may_name(rows[at], usual)), None)
    if first is None:
        return Header(rows[0].number, rows[0].cells, [], sure=False)
    while first < MAX_TITLE_ROWS and _named_again(rows, first):
        first += 1
    row = rows[first]
    above = [" ".join(cell for cell in one.cells if cell.strip())[:60] for one in rows[:first]]
    return Header(
        row.number, [" ".join(cell.split()) for cell in row.cells], above, _unlike_data(row, rows[first + 1 :])
    )


def _named_again(rows: list[Line], first: int) -> bool:
    """True when the row below a header names the columns once more: some exports have names for people above those for
    programs, and the upper row alone would leave the lower one to be read as an item."""
    upper, lower = rows[first], rows[first + 1] if first + 1 < len(rows) else None
    if lower is None or lower.filled < max(2, 0.8 * upper.filled):
        return False
    return (
        _names(lower) > 0.9 and _known(lower) >= max(3, 0.5 * _known(upper)) and _unlike_data(lower, rows[first + 2 :])
    )


def _known(row: Line) -> int:
    """How many cells mean columns of ours."""
    return sum(any(meaning(cell, ours).score >= 0.5 for ours in columns()) for cell in row.cells if len(cell) <= 80)


def _may_name(row: Line, usual: float) -> bool:
    return row.filled >= max(2, 0.5 * usual) and _names(row) > 0.6


def _names(row: Line) -> float:
    """Share of the filled cells that could be a column's name."""
    filled = [cell.strip() for cell in row.cells if cell.strip()]
    good = [cell for cell in filled if len(cell) <= 80 and "://" not in cell and any(c.isalpha() for c in cell)]
    return len(good) / len(filled) if filled else 0.0


def _unlike_data(row: Line, below: list[Line]) -> bool:
    """False when the row holds what the columns below it hold: numbers above numbers, addresses above addresses, or in
    two columns a code of the same build, or a value that comes again. A header repeated further down is no sign."""
    if _names(row) < 0.7:
        return False
    signs = 0
    others = [one for one in below[:500] if one.cells != row.cells]
    for place, cell in enumerate(row.cells):
        values = Values("", [one.cells[place] if place < len(one.cells) else None for one in others])
        own = Values("", [cell])
        alike = values.numbers > 0.9 or values.urls > 0.9 or values.dates > 0.9
        if alike and (own.numbers or own.urls or own.dates):
            return False
        signs += bool(own.filled) and _one_of(own.filled[0], values)
    return signs < 2


def _one_of(cell: str, values: Values) -> bool:
    """Whether a cell is built like nearly all values of a column, digits included, or is itself one of them."""
    if len(values.filled) < _FEW_ROWS:
        return False
    built = _build(cell)
    alike = any(c.isdigit() for c in cell) and values.share(lambda other: _build(other) == built) > 0.9
    return alike or values.counts[cell] > 0


def _build(cell: str) -> str:
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "9", cell))
