"""Locked-down reading of the published file: what an analyst's statement may do, and no more."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from catalog.errors import CatalogError
from catalog.store import quoted

_PIECE = 100_000  # rows of an answer held at a time
# Types a frame cannot hold, or no CSV.
_NO_FRAME = re.compile(r"\b(INTERVAL|UNION|BIT|BLOB|TIME WITH TIME ZONE|VARIANT|BIGNUM|GEOMETRY)\b")


class Reader:
    """The published file that lay there when it was opened, for one text of statements after the other."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def query(self, sql: str) -> pl.DataFrame:
        """The last answer to an analyst's statements; an empty frame when none of them asks anything.

        Raises CatalogError with DuckDB's own message when a statement is wrong or not allowed.
        """
        return next(reversed(self.answers(sql)), pl.DataFrame())

    def answers(self, sql: str) -> list[pl.DataFrame]:
        """What each of an analyst's statements that asks something answers, in their order. Raises as query."""
        found = []
        for statement in self._statements(sql):
            if not _asks(statement):
                self._carry_out(statement)
                continue
            with self._asked(statement) as relation:
                table = relation.to_arrow_table()
            frame = pl.from_arrow(table.rename_columns(_told_apart(table.column_names)))
            found.append(frame if isinstance(frame, pl.DataFrame) else frame.to_frame())
        return found

    def parquet(self, sql: str, target: Path) -> int:
        """Writes the last answer to an analyst's statements as Parquet, in bounded pieces, and returns its rows; else as query.

        What stands before it is carried out, what stands after it is not.
        """
        statements = self._statements(sql)
        last = max((place for place, one in enumerate(statements) if _asks(one)), default=None)
        if last is None:
            raise CatalogError("The statement answers nothing.", remedy="Parquet needs an answer with columns.")
        for statement in statements[:last]:
            self._carry_out(statement)
        with self._asked(statements[last]) as relation:
            return _written(relation, target)

    def _statements(self, sql: str) -> list[duckdb.Statement]:
        with _explained():
            return self._connection.extract_statements(sql)

    def _carry_out(self, statement: duckdb.Statement) -> None:
        with _explained():
            self._connection.execute(statement)

    @contextmanager
    def _asked(self, statement: duckdb.Statement) -> Iterator[duckdb.DuckDBPyRelation]:
        """The answer of a statement, to be read inside."""
        with _explained():
            relation = self._connection.sql(statement)
            texts = [c for c, kind in zip(relation.columns, relation.types, strict=True) if _NO_FRAME.search(str(kind))]
            if texts:
                casts = ", ".join(f"CAST({quoted(c)} AS VARCHAR) AS {quoted(c)}" for c in texts)
                relation = relation.project(f"* REPLACE ({casts})")
            yield relation


def _asks(statement: duckdb.Statement) -> bool:
    """Whether a statement is answered with rows. What only sets or makes something is answered with a count or a word."""
    one_of_several = statement.type == duckdb.StatementType.MULTI  # PIVOT looks for its columns first
    return one_of_several or statement.expected_result_type == [duckdb.ExpectedResultType.QUERY_RESULT]


@contextmanager
def _explained() -> Iterator[None]:
    """DuckDB's errors as CatalogErrors that say what an analyst may do."""
    try:
        yield
    except duckdb.Error as error:
        raise CatalogError(
            f"The query was not answered. {error}",
            remedy="Correct it; `catalog sql .tables` lists what there is. The file is read-only and closed to other "
            "files, extensions and settings.",
        ) from error


def _written(relation: duckdb.DuckDBPyRelation, target: Path) -> int:
    reader = relation.to_arrow_reader(_PIECE)
    schema = pa.schema([f.with_name(n) for f, n in zip(reader.schema, _told_apart(reader.schema.names), strict=True)])
    rows = 0
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for batch in reader:
            writer.write_batch(batch.rename_columns(schema.names))
            rows += batch.num_rows
    return rows


@contextmanager
def reading(path: Path) -> Iterator[Reader]:
    """Opens a published file read-only: no files, no extensions, settings locked. Opening it costs as much as many questions.

    Raises CatalogError when nothing has been published yet.
    """
    if not path.exists():
        raise CatalogError(f"{path} does not exist yet.", remedy="Run `catalog nightly` (or `catalog publish`) first.")
    with tempfile.TemporaryDirectory(prefix="catalog-sql-", ignore_cleanup_errors=True) as spill:
        # What does not fit in memory would go beside the published file, where who only asks writes nothing.
        connection = duckdb.connect(str(path), read_only=True, config={"temp_directory": spill})
        try:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
            yield Reader(connection)
        finally:
            connection.close()


def query_published(path: Path, sql: str) -> pl.DataFrame:
    """One question to a published file; raises as reading and Reader.query."""
    with reading(path) as reader:
        return reader.query(sql)


def published_version(path: Path) -> str | None:
    """The schema version a published file says of itself; None when there is none, or it cannot be read."""
    try:
        return str(query_published(path, "SELECT schema_version()").item())
    except (CatalogError, duckdb.Error):
        return None


def _told_apart(names: list[str]) -> list[str]:
    """The names, the second `a` as `a_2`: SQL answers may repeat a name, frames may not."""
    found: list[str] = []
    for name in names:
        number, free = 1, name
        while free in found:
            number += 1
            free = f"{name}_{number}"
        found.append(free)
    return found
