"""Rows as they stand in CSV, JSON Lines and Parquet files: every one yielded, with its line, readable or not."""

import csv
import json
import math
import re
import tempfile
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from shutil import copyfileobj
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from catalog.errors import FeedRefused
from catalog.mapping import Mapping
from catalog.openings import BAD, Lines, is_gzip, open_plain, open_text, unterminated

MAX_CELL = 1024 * 1024
MAX_COLUMNS = 5_000
RAW_CUT = 500
_SAMPLE_ROWS = 500
_SURROGATE = re.compile("[\ud800-\udfff]")


class Record(NamedTuple):
    """One row: its cells in the order of the header, or the rule it broke before it had any."""

    line: int
    cells: list[Any]
    raw: str | None
    rule: str | None = None
    detail: str | None = None
    nul: bool = False


Rows = tuple[list[str], Generator[Record, None, None]]


def open_rows(path: Path, mapping: Mapping) -> Rows:
    """The header and the rows of a file. For JSON Lines and Parquet the header is the list of columns asked for.

    Raises FeedRefused, at once or on the way, when the file as a whole cannot be read truthfully.
    """
    if mapping.format == "jsonl":
        return _names(mapping), json_rows(path, mapping)
    if mapping.format == "parquet":
        return parquet_rows(path, mapping)
    return csv_rows(path, mapping)


def _names(mapping: Mapping) -> list[str]:
    theirs = [name for names in mapping.wanted.values() for name in names]
    return list(dict.fromkeys(theirs + mapping.attributes))


def csv_rows(path: Path, mapping: Mapping) -> Rows:
    """Rows of delimited text in csv's strict mode; blank lines are not rows."""
    csv.field_size_limit(MAX_CELL)
    records = _csv_records(path, mapping)
    try:
        header = next(records)
    except StopIteration:
        raise FeedRefused(
            "no_header",
            f"The file ends before its header (line {mapping.header_row}).",
            remedy="Ask the vendor to send it again, or correct `header_row` in the mapping.",
        ) from None
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
    return [" ".join(cell.split()) for cell in header.cells], records


def _csv_reader(lines: Iterable[str], delimiter: str, quote: str, *, strict: bool = True) -> Any:
    if not quote:
        return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE, strict=strict)
    return csv.reader(lines, delimiter=delimiter, quotechar=quote, strict=strict)


def _csv_records(path: Path, mapping: Mapping) -> Generator[Record, None, None]:
    with open_text(path, mapping.encoding) as text:
        lines = Lines(text)
        for _ in range(mapping.header_row - 1):
            lines.begin()
            next(lines, None)
        reader = _csv_reader(lines, mapping.separator, mapping.quote)
        while True:
            first = lines.begin()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield _misquoted(lines, first, error)
                continue
            if len(cells) > 1 or (cells and cells[0].strip()):
                yield _readable(first, cells, "".join(lines.taken), lines.nul)


def _readable(first: int, cells: list[Any], raw: str, nul: bool) -> Record:
    if BAD in raw:
        shown = raw[:RAW_CUT].replace(BAD, "\ufffd")
        cells = [cell.replace(BAD, "\ufffd") for cell in cells]
        return Record(first, cells, shown, "bad_encoding", "bytes that the declared encoding does not have")
    return Record(first, cells, raw[:RAW_CUT], nul=nul)


def _misquoted(lines: Lines, first: int, error: csv.Error) -> Record:
    if "field limit" in str(error):
        if len(lines.taken) > 1:
            raise unterminated(first)
        raise FeedRefused(
            "giant_cell",
            f"Line {first} has a cell of more than {MAX_CELL:,} characters.",
            remedy="Ask the vendor to correct that row; nothing of the file was taken.",
        )
    if lines.ended:
        raise unterminated(first)
    lines.retry_after_first()
    raw = lines.taken[0][:RAW_CUT].replace(BAD, "\ufffd")
    return Record(first, [], raw, "bad_quote", f"{error}; a quote inside a quoted cell must be doubled")


def suggest_dialect(path: Path, mapping: Mapping) -> str:
    """The mapping lines under which the beginning of the file has rows of one width, or nothing when none do."""
    with open_text(path, mapping.encoding) as text:
        sample = text.read(400_000).replace("\0", "").splitlines(keepends=True)[mapping.header_row - 1 :]
    candidates = [(delimiter, quote) for quote in ('"', "") for delimiter in ",;\t|~"]
    fits = {dialect: _fit(sample, *dialect) for dialect in candidates}
    best = max(fits, key=lambda dialect: fits[dialect])
    if fits[best] <= fits.get((mapping.separator, mapping.quote), (0.0, 0)) or fits[best][0] < 0.9:
        return ""
    delimiter = best[0].replace("\t", "\\t")
    return f'delimiter = "{delimiter}"' + ("" if best[1] == mapping.quote else f" and quote = '{best[1]}'")


def _fit(sample: list[str], delimiter: str, quote: str) -> tuple[float, int]:
    """Share of rows that are readable and as wide as the header, and that width; (0, 0) when there is one column."""
    reader = _csv_reader(sample[:-1] if len(sample) > 1 else sample, delimiter, quote)
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


def json_rows(path: Path, mapping: Mapping) -> Generator[Record, None, None]:
    """Rows of JSON Lines: an object a line. Numbers keep the digits they were written with."""
    names, single = _names(mapping), set(mapping.wanted.get("image", []))
    with open_text(path, mapping.encoding) as text:
        lines = Lines(text)
        while True:
            first = lines.begin()
            line = next(lines, None)
            if line is None:
                return
            if line.strip():
                yield _json_record(first, line, lines.nul, names, single)


def _json_record(first: int, line: str, nul: bool, names: list[str], single: set[str]) -> Record:
    if BAD in line:
        return _readable(first, [], line, nul)
    raw = line[:RAW_CUT]
    try:
        found = json.loads(line, parse_float=str, parse_int=str, parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        return Record(first, [], raw, "bad_json", f"{type(error).__name__}: {error}"[:200])
    if not isinstance(found, dict):
        return Record(first, [], raw, "bad_json", "the line is not an object")
    cells = [_text(at(found, name), one=name in single) for name in names]
    if "\\u" in line:
        if any(cell and _SURROGATE.search(cell) for cell in cells):
            return Record(first, [], raw, "bad_encoding", "half of a surrogate pair")
        nul = nul or any(cell and "\0" in cell for cell in cells)
        cells = [cell.replace("\0", "") if cell else cell for cell in cells]
    return Record(first, cells, raw, nul=nul)


def at(record: Any, path: str) -> Any:
    """The value under a key, or under a dotted path of keys and list positions; None when there is none."""
    if isinstance(record, dict) and path in record:
        return record[path]
    for key in path.split("."):
        if isinstance(record, dict):
            record = record.get(key)
        elif isinstance(record, list) and key.isdecimal() and int(key) < len(record):
            record = record[int(key)]
        else:
            return None
    return record


def _text(value: Any, *, one: bool = False) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        found = [text for part in value if (text := _text(part))]
        return (found[0] if one else ", ".join(found)) if found else None
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


def parquet_rows(path: Path, mapping: Mapping) -> Rows:
    """Rows of a Parquet file, numbered from 1. Raises FeedRefused when it is damaged or lacks a mapped column."""
    rows = _parquet_records(path, mapping)
    return next(rows).cells, rows


def _seekable(path: Path) -> BinaryIO:
    if not is_gzip(path):
        return path.open("rb")
    unpacked = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115 - closed by the reader of the rows
    with open_plain(path) as packed:
        copyfileobj(packed, unpacked)
    unpacked.seek(0)
    return unpacked


def _parquet_records(path: Path, mapping: Mapping) -> Generator[Record, None, None]:
    """The header, then the rows. Only the mapped columns are read; the cells of the others are None."""
    with closing(_seekable(path)) as source:
        try:
            file = pq.ParquetFile(source)
            top = list(file.schema_arrow.names)
            nested = [name for name in _names(mapping) if name not in top and name.split(".")[0] in top]
            header = top + nested
            yield Record(0, header, None)
            wanted, single = set(_names(mapping)) & set(header), set(mapping.wanted.get("image", []))
            read = sorted({name if name in top else name.split(".")[0] for name in wanted})
            for line, row in enumerate(_parquet_dicts(file, read), start=1):
                cells = [_text(at(row, name), one=name in single) if name in wanted else None for name in header]
                yield _parquet_record(line, cells)
        except (pa.ArrowException, OSError) as error:
            raise _broken_parquet(error) from error


def _parquet_dicts(file: Any, columns: list[str]) -> Iterator[dict[str, Any]]:
    for batch in file.iter_batches(batch_size=2_000, columns=columns):
        yield from batch.to_pylist()


def _parquet_record(line: int, cells: list[str | None]) -> Record:
    if any(cell and len(cell) > MAX_CELL for cell in cells):
        raise FeedRefused(
            "giant_cell",
            f"Row {line} has a cell of more than {MAX_CELL:,} characters.",
            remedy="Ask the vendor to correct that row; nothing of the file was taken.",
        )
    if any(cell and not cell.isascii() and _SURROGATE.search(cell) for cell in cells):
        return Record(line, [], None, "bad_encoding", "a binary column that is not UTF-8")
    nul = any(cell and "\0" in cell for cell in cells)
    return Record(line, [cell.replace("\0", "") if cell else cell for cell in cells] if nul else cells, None, nul=nul)


def _broken_parquet(error: Exception) -> FeedRefused:
    return FeedRefused(
        "broken_parquet",
        f"The Parquet file cannot be read ({str(error).splitlines()[0][:200]}).",
        remedy="Ask the vendor to send it again, or correct `format` in the mapping.",
    )
