"""Rows of Parquet files."""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from catalog.errors import FeedRefused
from catalog.reading.cells import MAX_COLUMNS, Cell, Record, Rows, at, cell_of, checked
from catalog.reading.columns import EVERY
from catalog.reading.mapping import Mapping
from catalog.reading.unpacking import seekable

_LOOKED_AT = 1_000  # rows that say whether bytes are text


def parquet_rows(path: Path, mapping: Mapping) -> Rows:
    """Rows of a Parquet file, numbered from 1. Raises FeedRefused when it is damaged or lacks a mapped column."""
    rows = _records(path, mapping)
    return next(rows).cells, rows


def _records(path: Path, mapping: Mapping) -> Generator[Record, None, None]:
    """The header, then the rows. Only the mapped columns are read; the cells of the others are None."""
    with seekable(path) as plain, plain.open("rb") as source:
        try:
            file = pq.ParquetFile(source)
            top = list(file.schema_arrow.names)
            if len(top) > MAX_COLUMNS:
                raise pa.ArrowInvalid(f"{len(top):,} columns; {MAX_COLUMNS:,} are the limit")
            nested = [name for name in mapping.names if name not in top and name.split(".")[0] in top]
            header = top + nested
            yield Record(0, header, None)
            wanted = set(header) if EVERY in mapping.names else set(mapping.names) & set(header)
            read = sorted({name if name in top else name.split(".")[0] for name in wanted})
            for line, row in enumerate(_dicts(file, read), start=1):
                cells: list[Cell] = [cell_of(at(row, name)) if name in wanted else None for name in header]
                yield checked(line, cells, None, "a binary column that is not UTF-8")
        except (pa.ArrowException, OSError, ValueError) as error:
            raise _broken(error) from error


def _dicts(file: Any, columns: list[str]) -> Iterator[dict[str, Any]]:
    for batch in file.iter_batches(batch_size=2_000, columns=columns):
        yield from batch.to_pylist()


def column_names(path: Path) -> list[str]:
    """Columns that may hold text, those inside structures by dotted paths, as in JSON. Bytes that are no text (pictures,
    hashes) are left out: a row that is read with them is quarantined. Raises FeedRefused when the file is damaged."""
    with seekable(path) as plain:
        try:
            file = pq.ParquetFile(plain)
            names = [name for field in file.schema_arrow for name in _paths(field.name, field.type)]
            return [name for name in names if "." in name or _is_text(file, name)]
        except (pa.ArrowException, OSError, ValueError) as error:
            raise _broken(error) from error


def _paths(name: str, kind: pa.DataType) -> Iterator[str]:
    if pa.types.is_struct(kind):
        for field in kind:
            yield from _paths(f"{name}.{field.name}", field.type)
    elif pa.types.is_list(kind) and pa.types.is_struct(kind.value_type):
        yield from (f"{name}.0.{field.name}" for field in kind.value_type)
    else:
        yield name


def _is_text(file: Any, name: str) -> bool:
    """False for a column of bytes that are not UTF-8; older writers declare texts as bytes."""
    kind = file.schema_arrow.field(name).type
    if not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)):
        return True
    first = next(file.iter_batches(batch_size=_LOOKED_AT, columns=[name]), None)
    try:
        return first is None or bool(first.column(0).cast(pa.binary()).cast(pa.string()).validate(full=True) is None)
    except pa.ArrowInvalid:
        return False


def _broken(error: Exception) -> FeedRefused:
    said = (str(error).splitlines() or [type(error).__name__])[0]
    return FeedRefused(
        "broken_parquet",
        f"The Parquet file cannot be read ({said[:200]}).",
        remedy="Ask the vendor to send it again, or correct `format` in the mapping.",
    )
