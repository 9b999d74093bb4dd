"""What a new published file takes over from the last one: tables whose facts stand, and the rows of items that stand as they stood.

The new file begins as a copy of the last one, and what follows from the same facts by the same SQL stays in it: every view and
macro, and each table whose `Origins` say so. The others are dropped and built whole, but for the items: a version of an item
never changes, and its text is most of what is published, so that those that stand no more are deleted, those that came are
added. Contents are the same as built whole, their order on the disk is not.

Only a file that this work database published last, byte for byte, and that the same program made under the same settings
is taken over: after a restore, an upgrade or a publication that was killed at its end everything is built whole. So too when
the last look at the facts and files found something broken: what stayed would stay broken.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from catalog.jobs import digest, program_version
from catalog.publishing import patching, views
from catalog.publishing.views import Statement
from catalog.review.review_ledger import workspace_id
from catalog.store import Store, quoted

TABLE = "items"
_KEPT = "items_taken_over"  # under another name until its turn comes: tables before it read the items of the work file
_KEY = "vendor, item_id, row_hash"
_PIECE = 1 << 20  # bytes copied at a time
# Small views asked for their rows: the facts they follow from grow every night, and seldom change what they say.
_ASKED = ("taken_deliveries",)
# Facts that change in place, or tell that others did.
_TELLING = ("schema_version", "workspace_places")
_BROKEN = """
    SELECT (counts->>'$.broken')::BIGINT > 0 FROM stages WHERE stage = 'verify' ORDER BY finished_at DESC, run_id DESC LIMIT 1"""
_OURS = "database_name = current_database() AND schema_name = 'main'"
_OF_THE_MOMENT = re.compile(r"\$\w|\bnow\(\)")


class Origins:
    """What the tables of a publication follow from, one text each: where it is the same, so is the table.

    Facts are only ever appended, so that how many rows a table of them has and where the last stands says which they are; a
    table of the published file is named by all that its statement reads. What tells of the run or the moment has no origin.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        own = {view.name for view in views.standing() + views.questions()}
        tables = store.query(f"SELECT table_name FROM duckdb_tables() WHERE {_OURS} AND NOT temporary").to_series()
        self._facts = self._counted(tables)
        self._known: dict[str, str | None] = {**self._facts}
        told = [self._known[name] for name in _TELLING]
        kept = store.query(f"SELECT view_name, sql FROM duckdb_views() WHERE {_OURS} AND NOT internal").rows()
        for view in views.ordered([Statement(name, sql) for name, sql in kept if name not in own]):
            self._known[view.name] = digest(*self._read(view))
        self._told = digest(told)

    def _counted(self, tables: Iterable[str]) -> dict[str, str]:
        """Facts by the name of their table."""
        asked = [f"SELECT '{name}', count(*), max(rowid) FROM {quoted(name)}" for name in tables]
        return {name: f"{rows} {last}" for name, rows, last in self._store.query(" UNION ALL ".join(asked)).rows()}

    def _read(self, statement: Statement) -> list[tuple[str, str | None]]:
        names = sorted(statement.words & self._known.keys())
        return [(name, self._known[name]) for name in names]

    def of(self, tables: Iterable[Statement]) -> dict[str, str]:
        """By name, for tables in the order they are built in; those of the moment, and what reads them, are left out."""
        found: dict[str, str] = {}
        for table in tables:
            if table.name in _ASKED:
                made: str | None = digest(self._store.query(f"SELECT * FROM {quoted(table.name)} ORDER BY ALL").rows())
            else:
                read = self._read(table)
                passing = _OF_THE_MOMENT.search(table.body) or any(text is None for _, text in read)
                made = None if passing else digest(self._told, *read)
            self._known[table.name] = made
            if made is not None:
                found[table.name] = made
        return found

    def beside(self, tables: Iterable[Statement]) -> dict[str, str]:
        """What the tables of single items follow from beside facts of these, and how far those go; after `of`."""
        found = {f"seen {name}": self._facts[name] for name in patching.GROWING}
        for table in tables:
            if how := patching.TABLES.get(table.name):
                read = [(name, origin) for name, origin in self._read(table) if name not in {table.name, *how.followed}]
                # what is followed may change for all items at once by what stands beside it
                read += [(name, found.get(f"beside {name}")) for name in sorted(how.followed & patching.TABLES.keys())]
                if all(origin is not None for _, origin in read):
                    found[f"beside {table.name}"] = digest(
                        self._told, *read, [self._facts[name] for name in how.beside]
                    )
        return found

    def grown(self, name: str) -> dict[str, str]:
        """The same of a table of facts after rows were appended to it, and to what is published of it alike."""
        return {name: digest(self._told, *self._counted([name]).items())}


def texts(store: Store, *, names: bool) -> str:
    """Names what a published file follows from beside the facts: SQL, levels of the hierarchy, pseudonyms, and whether people
    may be named in it.

    Blocks that a dropped table leaves free keep what stood there, so a file with names never becomes one without.
    """
    first, last = views.tables()
    every = first + views.standing() + last + views.questions() + views.macros() + views.table_macros()
    given = (views.taxonomy_depth(store), workspace_id(store), names)
    return digest(program_version(), version("duckdb"), [one.text for one in every], *given)


def copied(store: Store, published: Path, target: Path, told: str) -> dict[str, str] | None:
    """Copies the published file if it may be taken over, and says what its tables follow from (Origins.of); None, with
    nothing left at `target`, where it may not."""
    last = store.query(
        "SELECT sha256, texts, made FROM publications ORDER BY published_at DESC, run_id DESC LIMIT 1"
    ).rows()
    if not published.exists() or not last or last[0][1] != told or store.one(_BROKEN):
        return None
    sha256 = hashlib.sha256()
    with published.open("rb") as source, target.open("wb") as copy:
        while piece := source.read(_PIECE):
            sha256.update(piece)
            copy.write(piece)
    if sha256.hexdigest() == last[0][0]:
        return json.loads(last[0][2] or "{}")
    target.unlink()
    return None


@dataclass(frozen=True)
class Left:
    """What a copy of the last file is left with. stayed: the tables that are as they would be made; items: its items, under
    another name until all that reads those of the work file is made; patched: tables of single items to be made anew in part;
    before: tables under another name, to be compared with."""

    stayed: frozenset[str] = frozenset()
    items: bool = False
    patched: frozenset[str] = frozenset()
    before: frozenset[str] = frozenset()


def emptied(store: Store, stay: Iterable[str], patched: Iterable[str]) -> Left:
    """Drops the tables of the file being built but those that stay or are to be patched and its items; these too, and the
    ones to be patched, where too many items were deleted by now."""
    stayed = frozenset(stay)
    left = Left(stayed)
    with store.transaction():
        there = frozenset(
            store.query("SELECT table_name FROM duckdb_tables() WHERE database_name = 'building'").to_series()
        )
        if TABLE in there and (TABLE in stayed or _sound(store)):
            patched = there & (frozenset(patched) - stayed)
            left = Left(
                stayed, True, patched, there & (frozenset(patching.COMPARED) - stayed) if patched else frozenset()
            )
            store.execute(f"ALTER TABLE building.main.{TABLE} RENAME TO {_KEPT}")
        for name in sorted(left.before):
            store.execute(f"ALTER TABLE building.main.{quoted(name)} RENAME TO {quoted(name + patching.BEFORE)}")
        for name in sorted(there - stayed - left.patched - left.before - ({TABLE} if left.items else set())):
            store.execute(f"DROP TABLE building.main.{quoted(name)}")
    store.execute("CHECKPOINT building")  # what is built next goes where the dropped tables stood
    for name in ("items_come", "items_gone"):
        store.execute(f"CREATE OR REPLACE TEMP TABLE {name} (vendor VARCHAR, item_id VARCHAR, row_hash VARCHAR)")
    return left


def _sound(store: Store) -> bool:
    rows, places = store.query(f"SELECT count(*), coalesce(max(rowid) + 1, 0) FROM building.main.{TABLE}").row(0)
    return places - rows <= patching.MOST_DEAD * places


def compared(store: Store) -> None:
    """Notes which versions of items are live that were not in the last file, and which no more, once live_items is made."""
    store.execute(f"INSERT INTO items_come SELECT {_KEY} FROM live_items ANTI JOIN {_KEPT} USING ({_KEY})")
    store.execute(f"INSERT INTO items_gone SELECT {_KEY} FROM {_KEPT} ANTI JOIN live_items USING ({_KEY})")


def completed(store: Store, table: Statement) -> None:
    """Makes the items taken over those that are live now."""
    store.execute(
        f"""DELETE FROM {_KEPT} WHERE rowid IN (SELECT k.rowid FROM {_KEPT} k SEMI JOIN items_gone USING ({_KEY}))"""
    )
    if store.one("SELECT count(*) FROM items_come"):
        store.insert(_KEPT, table.asking_of({"live_items": "items_come"}))
    store.execute(f"ALTER TABLE {_KEPT} RENAME TO {TABLE}")


def cleared(store: Store, left: Left) -> None:
    """Drops what was kept only to be compared with."""
    for name in sorted(left.before):
        store.execute(f"DROP TABLE {quoted(name + patching.BEFORE)}")
    for name in ("items_come", "items_gone", patching.CHANGED):
        store.execute(f"DROP TABLE IF EXISTS temp.{quoted(name)}")
