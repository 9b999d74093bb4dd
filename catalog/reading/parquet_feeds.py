"""Rows of Parquet files."""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from catalog.errors import FeedRefused
from catalog.reading.cells import MAX_COLUMNS, Cell, Record, Rows, at, cell_of, checked
from catalog.reading.columns import EVERY
from catalog.reading.mapping import Mapping
from catalog.reading.unpacking import MAX_INFLATION, SMALL, bomb, seekable

_LOOKED_AT = 1_000  # rows that say whether bytes are text
_ROWS = 2_000  # read at a time, fewer where they are long
_BYTES = 32 * 1024 * 1024  # of texts that rows are made of at a time
_TEXTS = {"NONE", "STRING", "JSON", "BSON", "ENUM"}


def parquet_rows(path: Path, mapping: Mapping) -> Rows:
    """Rows of a Parquet file, numbered from 1. Raises FeedRefused when it is damaged or lacks a mapped column."""
    rows = _records(path, mapping)
    return next(rows).cells, rows


def _records(path: Path, mapping: Mapping) -> Generator[Record, None, None]:
    """The header, then the rows. Only the mapped columns are read; the cells of the others are None."""
    with seekable(path) as plain, plain.open("rb") as source:
        try:
            file = _opened(source)
            top = list(file.schema_arrow.names)
            if len(top) > MAX_COLUMNS:
                raise pa.ArrowInvalid(f"{len(top):,} columns; {MAX_COLUMNS:,} are the limit")
            nested = [name for name in mapping.names if name not in top and name.split(".")[0] in top]
            header = top + nested
            yield Record(0, header, None)
            wanted = set(header) if EVERY in mapping.names else set(mapping.names) & set(header)
            read = sorted({name if name in top else name.split(".")[0] for name in wanted})
            for line, row in enumerate(_dicts(file, read, plain.stat().st_size), start=1):
                cells: list[Cell] = [cell_of(at(row, name)) if name in wanted else None for name in header]
                yield checked(line, cells, None, "a binary column that is not UTF-8")
        except (pa.ArrowException, OSError, ValueError) as error:
            raise _broken(error) from error


def _opened(source: Any) -> Any:
    """A Parquet file whose texts are read as places in a list of distinct ones: in a file of a kilobyte a text of megabytes
    may stand in every row."""
    kinds = pq.ParquetFile(source).schema
    leaves = [kinds.column(n) for n in range(len(kinds))]
    texts = [one.path for one in leaves if one.physical_type == "BYTE_ARRAY" and one.logical_type.type in _TEXTS]
    return pq.ParquetFile(source, read_dictionary=texts)


def _dicts(file: Any, columns: list[str], size: int) -> Iterator[dict[str, Any]]:
    """size: bytes of the file. Raises FeedRefused before it makes rows of many times as many."""
    leaves = [file.schema.column(n) for n in range(len(file.schema))]
    fixed = max((one.length for one in leaves if one.physical_type == "FIXED_LEN_BYTE_ARRAY"), default=1)
    plain = 0
    for batch in file.iter_batches(batch_size=max(1, min(_ROWS, _BYTES // fixed)), columns=columns):
        texts = [text for column in batch.columns for text in _texts(column)]
        lengths = [pc.binary_length(text.dictionary) for text in texts]
        plain += batch.num_rows * (batch.num_columns + fixed)
        plain += sum(pc.sum(pc.take(n, t.indices)).as_py() or 0 for n, t in zip(lengths, texts, strict=True))
        if plain > SMALL and plain > MAX_INFLATION * size:
            raise bomb("parquet")
        longest = sum(pc.max(each).as_py() or 0 for each in lengths)
        rows = max(1, min(batch.num_rows, _BYTES // max(1, longest)))
        for start in range(0, batch.num_rows, rows):
            yield from batch.slice(start, rows).to_pylist()


def _texts(column: pa.Array) -> Iterator[pa.DictionaryArray]:
    """The texts of a column, also those in its lists and structures."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        yield column
    elif pa.types.is_struct(kind) or pa.types.is_map(kind):
        for part in column.flatten() if pa.types.is_struct(kind) else (column.keys, column.items):
            yield from _texts(part)
    elif pa.types.is_nested(kind):
        yield from _texts(column.flatten())


def column_names(path: Path) -> list[str]:
    """Columns that may hold text, those inside structures by dotted paths, as in JSON. Bytes that are no text (pictures,
    hashes) are left out: a row that is read with them is quarantined. Raises FeedRefused when the file is damaged."""
    with seekable(path) as plain:
        try:
            file = _opened(plain)
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
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)):
        return True
    first = next(file.iter_batches(batch_size=_LOOKED_AT, columns=[name]), None)
    try:
        found = None if first is None else first.column(0)
        found = found.dictionary if isinstance(found, pa.DictionaryArray) else found
        return found is None or bool(found.cast(pa.binary()).cast(pa.string()).validate(full=True) is None)
    except pa.ArrowInvalid:
        return False


def _broken(error: Exception) -> FeedRefused:
    said = (str(error).splitlines() or [type(error).__name__])[0]
    return FeedRefused(
        "broken_parquet",
        f"The Parquet file cannot be read ({said[:200]}).",
        remedy="Ask the vendor to send it again, or correct `format` in the mapping.",
    )
