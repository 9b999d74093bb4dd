"""The whole review queue as one table, to plan with and to look into: CSV or Parquet.

It is no sheet. It has no tokens and cannot be answered, so writing it lends nothing and records nothing; rows that
somebody holds are in it too. Hidden rows are hidden as they are on sheets, so that it may lie beside them.
"""

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pyarrow.parquet

from catalog import durable, sheets
from catalog.errors import CatalogError
from catalog.review import review_queue
from catalog.review.review_queue import NEUTRAL
from catalog.store import Store
from catalog.taxonomies.taxonomy import Taxonomy

CANDIDATES = [f"candidate_{n + 1}" for n in range(sheets.CANDIDATES)]
COLUMNS = (
    "place", "worth", "group_id", "group_size", "vendor", "item_id", "title", "price", "currency", "image", "reason",
    "sentence", "parent", *CANDIDATES, "queued_at", "held_by",
)  # fmt: skip
_TOLD = ("reason", "group_id", "worth", "parent")
_SLICE = 250_000  # rows made at a time: what their paths and sentences take is bounded
_ACTIVE = r"\A[=+\-@\t\r\n'\uff1d\uff0b\uff0d\uff20]"  # as `sheets.inert` has it
_INSIDE = f"({sheets.MARKS})('*(?:{sheets.FORMULA}))"
Write = Callable[[pl.DataFrame], None]


def dump(store: Store, queue: pl.DataFrame, taxonomy: Taxonomy, file: Path) -> int:
    """Writes an ordered queue to FILE, .csv or .parquet, whole or not at all; returns the rows.

    `worth` is what a decision is worth, in items; it and `reason` are empty for hidden rows. Raises CatalogError for
    another ending and when the file cannot be written.
    """
    writers = {".csv": _csv, ".parquet": _parquet}
    if file.suffix not in writers:
        raise CatalogError(f"{file} ends neither in .csv nor in .parquet.", remedy="Name such a file.")
    part = file.with_name(f".{file.name}.part")
    try:
        with writers[file.suffix](part) as write:
            for start in range(0, max(queue.height, 1), _SLICE):
                part_of_it = review_queue.detailed(store, queue.slice(start, _SLICE), taxonomy)
                write(_shown(part_of_it, start, taxonomy))
        durable.sync(part)
        part.replace(file)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise CatalogError(
            f"{file} cannot be written: {error.strerror or error}.",
            remedy="Name a file in a folder that exists and has room, and run the command again.",
        ) from error
    return queue.height


def _shown(rows: pl.DataFrame, start: int, taxonomy: Taxonomy) -> pl.DataFrame:
    """Rows of an ordered queue with the columns of `COLUMNS`."""
    ids, paths = taxonomy.nodes["category_id"], taxonomy.nodes["path"]

    def path_of(node: pl.Expr) -> pl.Expr:
        return node.replace_strict(ids, paths, default=None, return_dtype=pl.String)

    best = [path_of(pl.col("candidates").list.get(place, null_on_oob=True)) for place in range(sheets.CANDIDATES)]
    rows = rows.with_columns(
        pl.int_range(start + 1, start + rows.height + 1, dtype=pl.Int64).alias("place"),
        pl.col("worth") / 1000,
        path_of(pl.col("parent_id")).alias("parent"),
        *(one.alias(name) for one, name in zip(best, CANDIDATES, strict=True)),
    )
    return pl.concat([rows.filter(~pl.col("blind")), _hidden(rows.filter("blind"))]).select(COLUMNS).sort("place")


def _hidden(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows without anything that tells what the system thought of them."""
    neutral = pl.concat_list(CANDIDATES).list.drop_nulls().list.sort()
    nothing = [pl.lit(None, kind).alias(name) for name, kind in rows.schema.items() if name in _TOLD]
    return rows.with_columns(
        pl.lit(NEUTRAL).alias("sentence"),
        *nothing,
        *(neutral.list.get(place, null_on_oob=True).alias(name) for place, name in enumerate(CANDIDATES)),
    )


@contextmanager
def _csv(path: Path) -> Iterator[Write]:
    """UTF-8 with a byte order mark, every text inert in a spreadsheet."""
    header = io.StringIO()
    csv.writer(header).writerow(COLUMNS)
    with path.open("wb") as file:
        file.write(header.getvalue().encode("utf-8-sig"))

        def write(rows: pl.DataFrame) -> None:
            texts = [pl.col(name) for name, kind in rows.schema.items() if kind == pl.String]
            texts = [text.str.replace_all(_INSIDE, "${1}'${2}") for text in texts]
            inert = [pl.when(text.str.contains(_ACTIVE)).then(pl.lit("'") + text).otherwise(text) for text in texts]
            inert = [cell.alias(text.meta.output_name()) for cell, text in zip(inert, texts, strict=True)]
            rows.with_columns(inert).write_csv(file, include_header=False, line_terminator="\r\n")

        yield write


@contextmanager
def _parquet(path: Path) -> Iterator[Write]:
    writer: pyarrow.parquet.ParquetWriter | None = None

    def write(rows: pl.DataFrame) -> None:
        nonlocal writer
        table = rows.to_arrow()
        writer = writer or pyarrow.parquet.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table)

    try:
        yield write
    finally:
        if writer is not None:
            writer.close()
