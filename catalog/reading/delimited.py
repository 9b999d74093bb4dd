"""Rows of delimited text, by Python's csv module in strict mode over our own decoder."""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Any

from catalog.errors import FeedRefused
from catalog.reading.cells import MAX_CELL, MAX_COLUMNS, RAW_CUT, Record, Rows, giant_cell
from catalog.reading.mapping import Mapping
from catalog.reading.openings import BAD, Ahead, Lines, decoded, open_text, readable, unterminated
from catalog.reading.stretches import NOTHING, Stretch, cut

_BLOCK = 16 * 1024 * 1024  # characters looked at together, some forty thousand rows
_SAMPLE_ROWS = 500


def csv_rows(path: Path, mapping: Mapping) -> Rows:
    """Rows of delimited text in csv's strict mode; blank lines are not rows."""
    records = _csv_records(path, mapping)
    return _header(next(records, None), mapping), records


def csv_pieces(path: Path, mapping: Mapping) -> tuple[list[str], Generator[Record | Stretch, None, None]]:
    """The same rows, most of them many at a time."""
    pieces = _pieces(path, mapping)
    first = next(pieces, None)
    assert not isinstance(first, Stretch)  # no stretch begins before the header is known
    return _header(first, mapping), pieces


def _header(header: Record | None, mapping: Mapping) -> list[str]:
    if header is None:
        raise FeedRefused(
            "no_header",
            f"The file ends before its header (line {mapping.header_row}).",
            remedy="Ask the vendor to send it again, or correct `header_row` in the mapping.",
        )
    if header.rule:
        raise FeedRefused(
            header.rule,
            f"The header cannot be read: {header.detail}.",
            remedy="Correct `encoding` (for instance windows-1251), `delimiter`, `quote` or `header_row` in the mapping.",
        )
    if len(header.cells) > MAX_COLUMNS:
        raise FeedRefused(
            "too_many_columns",
            f"The header has {len(header.cells):,} columns; {MAX_COLUMNS:,} are the limit.",
            remedy="Correct `delimiter` in the mapping, or ask the vendor for fewer columns.",
        )
    return [" ".join(cell.split()) for cell in header.cells]


def csv_reader(lines: Iterable[str], delimiter: str, quote: str, escape: str = "") -> Any:
    """Python's reader in strict mode. escape: a backslash where quotes inside cells stand behind one; other backslashes
    stay what they are."""
    if not quote:
        return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE, strict=True)
    if not escape:
        return csv.reader(lines, delimiter=delimiter, quotechar=quote, strict=True)
    alone = re.compile(rf"\\([\\{re.escape(quote)}])?")
    doubled = (alone.sub(lambda found: found[0] if found[1] else "\\\\", line) for line in lines)
    return csv.reader(doubled, delimiter=delimiter, quotechar=quote, escapechar=escape, strict=True)


def _csv_records(path: Path, mapping: Mapping) -> Generator[Record, None, None]:
    with open_text(path, mapping.encoding) as text:
        yield from _records(_from_header(Lines(text), mapping), mapping)


def _pieces(path: Path, mapping: Mapping) -> Generator[Record | Stretch, None, None]:
    """The header, then block by block what `cut` takes; a block it does not take is read row by row."""
    with open_text(path, mapping.encoding) as text:
        ahead = Ahead(text)
        lines = _from_header(Lines(ahead), mapping)
        header = next(_records(lines, mapping), None)
        if header is None:
            return
        yield header
        while lines.gave_back or (block := ahead.block(_BLOCK)):
            found = NOTHING
            if not lines.gave_back and not mapping.escape:
                found = cut(block, lines.number + 1, len(header.cells), mapping.separator, mapping.quote)
            if not found.characters:
                yield from _records(lines, mapping, lambda: ahead.exhausted and not lines.gave_back)
                continue
            ahead.skip(found.characters)
            lines.number += found.lines
            if found.stretch:
                yield found.stretch
            for line, row in found.others:
                alone = Lines(io.StringIO(row, newline=""))
                alone.number = line - 1
                yield from _records(alone, mapping)


def _from_header(lines: Lines, mapping: Mapping) -> Lines:
    """The lines, the next of which is that of the header."""
    for _ in range(mapping.header_row - 1):
        lines.begin()
        next(lines, None)
    return lines


def _records(
    lines: Lines, mapping: Mapping, enough: Callable[[], bool] = lambda: False
) -> Generator[Record, None, None]:
    """Row by row to the end, or until a row ends where it is enough."""
    csv.field_size_limit(MAX_CELL)
    reader = csv_reader(lines, mapping.separator, mapping.quote, mapping.escape)
    while True:
        first = lines.begin()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield _misquoted(lines, first, error)
        else:
            if len(cells) > 1 or (cells and cells[0].strip()):
                yield readable(first, cells, "".join(lines.taken), lines.nul)
        if enough():
            return


def _misquoted(lines: Lines, first: int, error: csv.Error) -> Record:
    if "field limit" in str(error):
        if len(lines.taken) > 1:
            raise unterminated(first)
        raise giant_cell(f"Line {first}")
    if lines.ended:
        raise unterminated(first)
    lines.retry_after_first()
    raw = lines.taken[0][:RAW_CUT].replace(BAD, "\ufffd")
    return Record(first, [], raw, "bad_quote", f"{error}; a quote inside a quoted cell must be doubled")


def suggest_dialect(path: Path, mapping: Mapping) -> str:
    """The mapping lines under which the beginning of the file has rows of one width, or nothing when none do."""
    with open_text(path, mapping.encoding) as text:
        sample = decoded(text.read, 400_000).replace("\0", "").splitlines(keepends=True)[mapping.header_row - 1 :]
    escaped = ['"'] if any('\\"' in line for line in sample) else []
    candidates = [(delimiter, quote, "") for quote in ('"', "") for delimiter in ",;\t|~"]
    candidates += [(delimiter, quote, "\\") for quote in escaped for delimiter in ",;\t|~"]
    fits = {dialect: _fit(sample, *dialect) for dialect in candidates}
    best = max(fits, key=lambda dialect: fits[dialect])
    now = (mapping.separator, mapping.quote, mapping.escape)
    if fits[best] <= fits.get(now, (0.0, 0)) or fits[best][0] < 0.9:
        return ""
    delimiter, quote, escape = best
    said = [f'delimiter = "{delimiter}"'.replace("\t", "\\t")]
    said += [] if quote == mapping.quote else [f"quote = '{quote}'"]
    said += [] if escape == mapping.escape else [f"escape = '{escape}'"]
    return " and ".join(said)


def _fit(sample: list[str], delimiter: str, quote: str, escape: str) -> tuple[float, int]:
    """Share of rows that are readable and as wide as the header, and that width; (0, 0) when there is one column."""
    reader = csv_reader(sample[:-1] if len(sample) > 1 else sample, delimiter, quote, escape)
    widths: list[int] = []
    while len(widths) < _SAMPLE_ROWS:
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error:
            cells = [""]
        if cells:
            widths.append(len(cells))
    if not widths or widths[0] < 2:
        return 0.0, 0
    return Counter(widths)[widths[0]] / len(widths), widths[0]
