"""The one door to the private work file, with its migrations."""

import errno
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from threading import RLock
from typing import Any

import duckdb
import polars as pl

from catalog.errors import CatalogError
from catalog.failpoints import reached

Params = Sequence[Any] | Mapping[str, Any]  # for ? and for $name


def quoted(identifier: str) -> str:
    """An SQL identifier, safe whatever a vendor called it."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL writes it, for the statements that take no parameters."""
    return "'" + text.replace("'", "''") + "'"


def migrations() -> dict[int, Traversable]:
    """The numbered migrations that ship with the program, by number."""
    found = (resources.files("schemas") / "migrations").iterdir()
    return {int(file.name[:4]): file for file in found if file.name.endswith(".sql")}


def _bound(params: Params) -> list[Any] | dict[str, Any]:
    return dict(params) if isinstance(params, Mapping) else list(params)


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EFBIG)
_NO_ROOM = re.compile(
    r"No space left|could not write|Could not write|Could not sync|max_temp_directory_size|database has been invalidated"
)


def disk_trouble(error: BaseException | None) -> CatalogError | None:
    """What a person is told when a disk is full or fails, wherever that was noticed; None for any other error."""
    while error is not None:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        failed = isinstance(error, OSError) and error.errno in _FULL
        if failed or (isinstance(error, duckdb.Error) and _NO_ROOM.search(str(error))):
            return CatalogError(
                f"The disk could not be written: {said}.",
                remedy="Make room (catalog doctor says how much is free) and run again: it goes on where it stopped, and "
                "what was published before stays as it was.",
            )
        error = error.__cause__ or error.__context__
    return None


class Store:
    """The work database of one workspace. Only one process may hold it; the run lock sees to that.

    Its threads take turns: each statement is given and answered before the next.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path) -> None:
        self.connection = connection
        self.path = path
        self.stage = "store"
        self._depth = 0
        self._turn = RLock()

    @classmethod
    def open(cls, path: Path, *, memory_limit: str = "1GB", threads: int = 2) -> "Store":
        """Opens (or makes) the work file and brings its tables up to this version.

        Raises CatalogError when another process holds the file or a newer version wrote it.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        new = not path.exists()
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": memory_limit,
            "threads": threads,
            "preserve_insertion_order": True,
            # Each checkpoint rewrites the last rows of every table it touches: at the usual 16 MB a night of many vendors
            # would spend minutes on it. What waits in the log is read again in seconds after a crash.
            "checkpoint_threshold": "256MB",
        }
        try:
            connection = duckdb.connect(str(path), config=config)
        except duckdb.IOException as error:
            raise CatalogError(
                f"{path} cannot be opened: {str(error).splitlines()[0]}",
                remedy="Wait for the other run to end, or look whether the disk is full (catalog doctor).",
            ) from error
        if new:
            path.chmod(0o600)  # addresses of pictures may hold keys, and notes of reviewers names
        connection.execute(f"SET temp_directory = {literal(str(path.parent / 'spill'))}")
        connection.execute("SET TimeZone = 'UTC'")
        store = cls(connection, path)
        store._migrate()
        return store

    @classmethod
    def reading(cls, path: Path, *, memory_limit: str = "1GB", threads: int = 2) -> "Store":
        """The work file opened so that nothing can be written but temporary tables.

        Raises CatalogError when there is none, another process writes it, or its tables are of another version.
        """
        if not path.exists():
            raise CatalogError(f"{path} does not exist yet.", remedy="Begin with: catalog taxonomy import FILE")
        config: dict[str, str | bool | int | float | list[str]] = {"memory_limit": memory_limit, "threads": threads}
        try:
            connection = duckdb.connect(str(path), read_only=True, config=config)
        except duckdb.IOException as error:
            raise CatalogError(
                f"{path} cannot be read: {str(error).splitlines()[0]}", remedy="Wait for the other run to end."
            ) from error
        connection.execute("SET TimeZone = 'UTC'")
        store = cls(connection, path)
        have = set(store.query("SELECT version FROM schema_version")["version"])
        if have != migrations().keys():
            connection.close()
            raise CatalogError(f"The tables of {path} are of another version.", remedy="Run: catalog upgrade")
        return store

    @classmethod
    def versions(cls, path: Path) -> set[int]:
        """The migrations a work file has; none where there is no file."""
        if not path.exists():
            return set()
        connection = duckdb.connect(str(path), read_only=True)
        try:
            return {version for (version,) in connection.execute("SELECT version FROM schema_version").fetchall()}
        finally:
            connection.close()

    def close(self) -> None:
        """Checkpoints and closes."""
        self.connection.close()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _migrate(self) -> None:
        self.connection.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER, name VARCHAR)")
        have = set(self.query("SELECT version FROM schema_version")["version"])
        known = migrations()
        newest = max(known)
        if max(have, default=0) > newest:
            raise CatalogError(
                f"{self.path} was written by a newer version (schema {max(have)}, this program knows {newest}).",
                remedy="Upgrade this installation; going back needs a restored backup.",
            )
        # Every one that is missing, not only those above the highest: versions made side by side come in any order.
        for version in sorted(known.keys() - have):
            with self.transaction():
                self.connection.execute(known[version].read_text(encoding="utf-8"))
                self.execute("INSERT INTO schema_version VALUES (?, ?)", [version, known[version].name])

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """One thread alone from reading to writing; statements of others wait.

        Two threads that both read what is free, then take it, would take the same. A transaction of a thread belongs
        inside, when there are several.
        """
        with self._turn:
            yield

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside becomes visible together or not at all; inner transactions join the outer one."""
        self._depth += 1
        if self._depth == 1:
            self.connection.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._depth -= 1
            if self._depth == 0:
                self.connection.execute("ROLLBACK")
            raise
        self._depth -= 1
        if self._depth == 0:
            reached(f"{self.stage}.before_commit")
            self.connection.execute("COMMIT")
            reached(f"{self.stage}.after_commit")

    @contextmanager
    def one_thread(self) -> Iterator[None]:
        """Statements inside run on one thread of DuckDB. Rows appended piece by piece are written where they stay; by
        several threads each piece is written beside and then copied, a third of the time of appending."""
        threads = self.one("SELECT current_setting('threads')")
        self.execute("SET threads = 1")
        try:
            yield
        finally:
            self.execute(f"SET threads = {int(threads)}")

    def append(self, table: str, frame: pl.DataFrame) -> int:
        """Appends rows by column name; columns the frame lacks stay NULL. Returns the number of rows."""
        if frame.height:
            reached(f"{self.stage}.{table}")
            # DuckDB finds the local variable by its name. Registered, it would be held until the transaction ends: all of a
            # delivery of millions of rows.
            _rows = frame.to_arrow(compat_level=pl.CompatLevel.newest())
            columns = ", ".join(quoted(c) for c in frame.columns)
            with self._turn:
                self.connection.execute(f"INSERT INTO {quoted(table)} BY NAME SELECT {columns} FROM _rows")
        return frame.height

    def insert(self, table: str, sql: str, params: Params = ()) -> None:
        """Appends what a query answers, by column name; columns it lacks stay NULL."""
        reached(f"{self.stage}.{table}")
        self.execute(f"INSERT INTO {quoted(table)} BY NAME {sql}", params)

    def append_row(self, table: str, **values: Any) -> None:
        """Appends one row given as column=value."""
        reached(f"{self.stage}.{table}")
        columns = ", ".join(quoted(c) for c in values)
        marks = ", ".join("?" for _ in values)
        self.execute(f"INSERT INTO {quoted(table)} ({columns}) VALUES ({marks})", list(values.values()))

    def execute(self, sql: str, params: Params = ()) -> None:
        """Runs a statement for its effect."""
        with self._turn:
            self.connection.execute(sql, _bound(params))

    def query(self, sql: str, params: Params = (), *, given: pl.DataFrame | None = None) -> pl.DataFrame:
        """The whole result as a frame; for results that fit in memory. given: rows the statement reads by this name."""
        if given is not None:
            given = given.to_arrow()  # found by its name like the rows of `append`, for the same reason
        with self._turn:
            result = self.connection.sql(sql, params=_bound(params)).to_arrow_table()
        frame = pl.from_arrow(result)
        return frame if isinstance(frame, pl.DataFrame) else frame.to_frame()

    def batches(self, sql: str, params: Params = (), *, rows: int = 50_000) -> Iterator[pl.DataFrame]:
        """The result in bounded pieces, read through a cursor of its own, so that writing may go on meanwhile.

        The cursor does not see what the current transaction has not committed.
        """
        cursor = self.connection.cursor()
        try:
            reader = cursor.sql(sql, params=_bound(params)).to_arrow_reader(rows)
            for batch in reader:
                frame = pl.from_arrow(batch)
                if isinstance(frame, pl.DataFrame) and frame.height:
                    yield frame
        finally:
            cursor.close()

    def one(self, sql: str, params: Params = ()) -> Any:
        """The first column of the first row, or None."""
        # fetched to the end: an unfinished result would refuse the next query on this connection
        with self._turn:
            found = self.connection.execute(sql, _bound(params)).fetchall()
        return found[0][0] if found else None

    @contextmanager
    def frame(self, name: str, frame: pl.DataFrame) -> Iterator[None]:
        """Makes a frame readable in SQL under a name while inside."""
        with self._turn:
            self.connection.register(name, frame.to_arrow())
            try:
                yield
            finally:
                self.connection.unregister(name)

    @contextmanager
    def beside(self, path: Path, name: str) -> Iterator[frozenset[str]]:
        """Another database file, to be read as `name` while inside; gives the names of its tables.

        Raises CatalogError when it is none or is damaged.
        """
        try:
            self.connection.execute(f"ATTACH {literal(str(path))} AS {quoted(name)} (READ_ONLY)")
        except duckdb.Error as error:
            raise CatalogError(
                f"{path} cannot be opened: {str(error).splitlines()[0]}", remedy="Restore it from a backup."
            ) from error
        try:
            tables = self.query("SELECT table_name FROM duckdb_tables() WHERE database_name = ?", [name])
            yield frozenset(tables["table_name"])
        except duckdb.Error as error:
            raise CatalogError(
                f"{path} cannot be read: {str(error).splitlines()[0]}", remedy="Restore it from a backup."
            ) from error
        finally:
            self.connection.execute(f"DETACH {quoted(name)}")

    @contextmanager
    def building(self, path: Path, *, storage_version: str) -> Iterator[str]:
        """A new database file that statements write to while inside; names it lacks are found in the work file.

        Gives the name under which the work file can be addressed.

        Left in order, the file is complete: checkpointed, closed, without a write-ahead log. Raises CatalogError when
        the disk is full or the memory allowed is too little.
        """
        home = str(self.one("SELECT current_database()"))
        self.connection.execute(f"ATTACH {literal(str(path))} AS building (STORAGE_VERSION {literal(storage_version)})")
        try:
            self.connection.execute(f"SET search_path = 'building.main,{quoted(home)}.main'")
            # rows are written as they come: to keep them in order, finished ones wait in memory for those before them
            self.connection.execute("SET preserve_insertion_order = false")
            yield home
            self.connection.execute("CHECKPOINT building")
        except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
            short = isinstance(error, duckdb.OutOfMemoryException) and not _NO_ROOM.search(str(error))
            raise CatalogError(
                f"{path.parent} could not be written: {str(error).splitlines()[0]}",
                remedy=(
                    "Raise database.memory_limit in catalog.toml"
                    if short
                    else "Look whether its disk is full (catalog doctor), make room"
                )
                + " and run again; what was published before stays as it was.",
            ) from error
        finally:
            self.connection.execute("SET preserve_insertion_order = true")
            self.connection.execute(f"USE {quoted(home)}")
            self.connection.execute("DETACH building")
