"""Rows of XLSX and XLS workbooks, all cells as text. Sizes are checked before a workbook is opened."""

import re
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fastexcel
import polars as pl

from catalog.errors import FeedRefused
from catalog.reading.cells import MAX_COLUMNS, RAW_CUT, Record, Rows, checked
from catalog.reading.mapping import Mapping
from catalog.reading.number_formats import column_number, with_zeros
from catalog.reading.old_formats import with_old_zeros
from catalog.reading.old_workbooks import SIGNATURE, largest_sheet
from catalog.reading.unpacking import MAX_INFLATION, SMALL, bomb, opened_zip, seekable

MAX_WORKBOOK = 256 * 1024 * 1024  # bytes as delivered
MAX_PLAIN = 1024 * 1024 * 1024  # bytes of all parts, unpacked
MAX_CELLS = 30_000_000  # rows times columns: the reader holds a cell for each, filled or not
_CELL = re.compile(rb'<(?:\w+:)?(?:c|row)\s[^>]*?\br="([A-Z]*)(\d+)"')
_ZIPPED = b"PK\x03\x04"
_LONGEST_TAG = 256
_CHUNK = 1024 * 1024
_MANY_DIGITS = r"^\d{16,}$"
_SLICE = 2_000
Shortened = dict[int, tuple[int, ...]]  # row as in the spreadsheet -> places of numbers that lost digits


def sheet_rows(path: Path, mapping: Mapping) -> Rows:
    """Rows of one sheet, numbered as in the spreadsheet; empty rows are none.

    Raises FeedRefused when the file is no workbook, is damaged or too large, or lacks the sheet or its header.
    """
    rows = _records(path, mapping)
    return next(rows).cells, rows


def _records(path: Path, mapping: Mapping) -> Generator[Record, None, None]:
    """The header, then the rows."""
    with seekable(path) as plain:
        _check(plain)
        frame, shortened = _loaded(plain, mapping.sheet)
    header = _header(frame, mapping.header_row)
    yield Record(0, header, None)
    for line, cells in _lines(frame, mapping.header_row):
        if any(cell and cell.strip() for cell in cells):
            raw = "\t".join(cell or "" for cell in cells)[:RAW_CUT]
            record = checked(line, cells, raw, "half of a surrogate pair")
            yield record._replace(shortened=shortened[line]) if line in shortened else record


def _lines(frame: pl.DataFrame, header_row: int) -> Iterator[tuple[int, list[str | None]]]:
    for start in range(header_row, frame.height, _SLICE):
        for offset, cells in enumerate(frame.slice(start, _SLICE).rows()):
            yield start + offset + 1, list(cells)


def _header(frame: pl.DataFrame, header_row: int) -> list[str]:
    if frame.width > MAX_COLUMNS:
        raise FeedRefused(
            "too_many_columns",
            f"The sheet has {frame.width:,} columns; {MAX_COLUMNS:,} are the limit.",
            remedy="Ask the vendor for fewer columns, or name another `sheet` in the mapping.",
        )
    names = frame.row(header_row - 1) if frame.height >= header_row else ()
    if not any(names):
        raise FeedRefused(
            "no_header",
            f"Row {header_row} of the sheet, where its header should be, is empty or missing.",
            remedy="Correct `header_row` (counted as in the spreadsheet) or `sheet` in the mapping.",
        )
    return [" ".join((name or "").split()) for name in names]


def _loaded(path: Path, sheet: str | int) -> tuple[pl.DataFrame, Shortened]:
    """Every cell of a sheet as text, from its first row on, and where numbers lost digits. Sheets count from 1."""
    with _trusted():
        content = path.read_bytes()
        workbook = fastexcel.read_excel(content)
        named = sheet if isinstance(sheet, str) else sheet - 1
        known = workbook.sheet_names
        if not known:
            raise ValueError("it has no sheet")
        if named not in known and named not in range(len(known)):
            raise FeedRefused(
                "missing_sheet",
                f"The workbook has no sheet {sheet!r}; it has {', '.join(map(repr, known[:20]))}.",
                remedy="Correct `sheet` in the mapping: a name, or a number counted from 1.",
            )
        frame = workbook.load_sheet(named, header_row=None, skip_rows=0, dtypes="string").to_polars()
        frame, shortened = _with_exponents(frame, _long_numbers(workbook, named, frame))
        name = named if isinstance(named, str) else known[named]
        if content.startswith(_ZIPPED):
            return with_zeros(path, name, frame), shortened
        return with_old_zeros(content, name, frame), shortened


@contextmanager
def _trusted() -> Iterator[None]:
    """Whatever the reader of workbooks stumbles over is a refusal of the file."""
    try:
        yield
    except (fastexcel.FastExcelError, pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise _broken(error) from error
    except BaseException as error:
        # A panic of the reader, for instance over a date in the year 10^9, would otherwise end the whole night.
        if type(error).__name__ == "PanicException":
            raise _broken(error) from error
        raise


def _long_numbers(workbook: fastexcel.ExcelReader, sheet: str | int, frame: pl.DataFrame) -> pl.DataFrame:
    """Columns with whole numbers of more than 15 digits that stand in a sheet as numbers, and where: true or null.

    Asked for as a truth value a number is true or false and a text is none; that alone tells them apart.
    """
    long = frame.select(pl.all().str.contains(_MANY_DIGITS))
    places = [place for place, column in enumerate(long.iter_columns()) if column.any()]
    if not places:
        return pl.DataFrame()
    kinds = workbook.load_sheet(sheet, header_row=None, skip_rows=0, dtypes="boolean", use_columns=places).to_polars()
    numbers = zip(places, kinds.iter_columns(), strict=True)
    return pl.DataFrame([(long.to_series(place) & column.is_not_null()).alias(str(place)) for place, column in numbers])


def _with_exponents(frame: pl.DataFrame, long: pl.DataFrame) -> tuple[pl.DataFrame, Shortened]:
    """Such numbers as a spreadsheet itself would write them, with the digits it keeps: the others look like digits of
    an id and are none."""
    shortened: Shortened = {}
    for column in long.iter_columns():
        place = int(column.name)
        texts = frame.to_series(place).to_list()
        for row in column.arg_true():
            texts[row] = f"{float(texts[row]):.14E}"
            shortened[row + 1] = (*shortened.get(row + 1, ()), place)
        frame = frame.with_columns(pl.Series(frame.columns[place], texts, dtype=pl.String))
    return frame, shortened


def _broken(error: Any) -> FeedRefused:
    said = (str(error).splitlines() or [type(error).__name__])[0]
    return FeedRefused(
        "broken_workbook",
        f"The workbook cannot be read ({said[:200]}).",
        remedy="Ask the vendor to save and send it again, without a password.",
    )


def _check(path: Path) -> None:
    with path.open("rb") as file:
        first = file.read(len(SIGNATURE))
    if path.stat().st_size > MAX_WORKBOOK:
        raise _too_large(f"{path.stat().st_size:,} bytes; {MAX_WORKBOOK:,} are the limit")
    if first.startswith(_ZIPPED):
        _check_parts(path)
    elif first == SIGNATURE:
        _check_old(path)
    else:
        raise FeedRefused(
            "unknown_format",
            "The content is no workbook (XLSX or XLS), whatever its name says.",
            remedy="Open it in a text editor: exports named .xls are often text or HTML tables. Correct `format` in the "
            "mapping (for text: csv or tsv), or ask the vendor for XLSX.",
        )


def _check_old(path: Path) -> None:
    try:
        rows, columns = largest_sheet(path.read_bytes())
    except ValueError as error:
        raise _broken(error) from error
    if rows * columns > MAX_CELLS:
        raise _too_many_cells(rows, columns)


def _check_parts(path: Path) -> None:
    """What the directory of the archive declares, then what its sheets really hold."""
    size = path.stat().st_size
    try:
        with opened_zip(path) as archive:
            parts = archive.infolist()
            plain = sum(part.file_size for part in parts)
            if plain > SMALL and plain > MAX_INFLATION * size:
                raise bomb("xlsx")
            if plain > MAX_PLAIN:
                raise _too_large(f"{plain:,} bytes unpacked; {MAX_PLAIN:,} are the limit")
            for part in parts:
                _check_part(archive, part)
    except (OSError, EOFError, ValueError, NotImplementedError, RuntimeError, zlib.error, zipfile.BadZipFile) as error:
        raise _broken(error) from error


def _check_part(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """Reads a part to its end, which compares its checksum and its declared size; of a sheet, the extent is taken."""
    rows, columns, tail = 0, 0, b""
    sheet = part.filename.startswith("xl/worksheets/") and part.filename.endswith(".xml")
    with archive.open(part) as file:
        while chunk := file.read(_CHUNK):
            if not sheet:
                continue
            for letters, number in _CELL.findall(tail + chunk):
                rows, columns = max(rows, int(number[:9])), max(columns, column_number(letters))
            tail = chunk[-_LONGEST_TAG:]
    if rows * columns > MAX_CELLS:
        raise _too_many_cells(rows, columns)


def _too_many_cells(rows: int, columns: int) -> FeedRefused:
    return _too_large(f"a sheet of {rows:,} rows and {columns:,} columns; {MAX_CELLS:,} cells are the limit")


def _too_large(what: str) -> FeedRefused:
    return FeedRefused(
        "workbook_too_large",
        f"The workbook has {what}.",
        remedy="Ask the vendor to delete empty rows and columns beyond the data, or to send CSV.",
    )


def first_rows(path: Path, rows: int) -> dict[str, list[list[str | None]]]:
    """The first rows of every sheet by its name, all cells as text; empty rows are kept, so that places count.

    Raises FeedRefused when the file is no workbook, is damaged or too large.
    """
    with seekable(path) as plain:
        _check(plain)
        with _trusted():
            names = fastexcel.read_excel(plain.read_bytes()).sheet_names
        return {name: [list(row) for row in _loaded(plain, name)[0].head(rows).rows()] for name in names}
