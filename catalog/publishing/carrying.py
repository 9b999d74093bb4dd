"""What a new published file takes over from the last one: the rows of items that stand as they stood.

A version of an item never changes, and its text is most of what is published: written anew every night it took a quarter of
the time. So the new file begins as a copy of the last one, which is emptied but for the items; those that stand no more are
deleted, those that came are added, and all other tables are built whole. Contents are the same as built whole, their order on
the disk is not.

Only a file that this work database published last, byte for byte, and that the same program made under the same settings
is taken over: after a restore, an upgrade or a publication that was killed at its end everything is built whole.
"""

import hashlib
from importlib.metadata import version
from pathlib import Path

from catalog.jobs import digest, program_version
from catalog.publishing import views
from catalog.publishing.views import Statement
from catalog.store import Store

TABLE = "items"
_KEPT = "items_taken_over"  # under another name until its turn comes: tables before it read the items of the work file
_KEY = "vendor, item_id, row_hash"
_MOST_DEAD = 0.25  # of the rows on the disk; deleted ones are skipped by every question, and take room
_PIECE = 1 << 20  # bytes copied at a time
# One row per thing in the file being built that is not taken over: the statement that drops it.
_DROPS = f"""
    WITH made AS (
        SELECT 'VIEW' AS kind, view_name AS name FROM duckdb_views() WHERE database_name = 'building' AND NOT internal
        UNION ALL
        SELECT 'TABLE', table_name FROM duckdb_tables() WHERE database_name = 'building' AND table_name <> '{TABLE}'
        UNION
        SELECT CASE function_type WHEN 'macro' THEN 'MACRO' ELSE 'MACRO TABLE' END, function_name FROM duckdb_functions()
        WHERE database_name = 'building' AND NOT internal
    )
    SELECT 'DROP ' || kind || ' building.main."' || replace(name, '"', '""') || '"' FROM made
"""


def texts(*, names: bool) -> str:
    """Names what the published rows of items follow from beside the facts, and whether people may be named in the file.

    Blocks that a dropped table leaves free keep what stood there, so a file with names never becomes one without.
    """
    first, last = views.tables()
    items = [table.text for table in first + last if table.name == TABLE]
    return digest(program_version(), version("duckdb"), items, [macro.text for macro in views.macros()], names)


def copied(store: Store, published: Path, target: Path, told: str) -> bool:
    """Copies the published file if its items may be taken over; False, with nothing left at `target`, where they may not."""
    last = store.query("SELECT sha256, texts FROM publications ORDER BY published_at DESC, run_id DESC LIMIT 1").rows()
    if not published.exists() or not last or last[0][1] != told:
        return False
    sha256 = hashlib.sha256()
    with published.open("rb") as source, target.open("wb") as copy:
        while piece := source.read(_PIECE):
            sha256.update(piece)
            copy.write(piece)
    if sha256.hexdigest() == last[0][0]:
        return True
    target.unlink()
    return False


def emptied(store: Store) -> bool:
    """Drops everything from the file being built but its items; False, and these too, where too many were deleted by now."""
    with store.transaction():
        store.execute(";\n".join(store.query(_DROPS).to_series()))
        rows, places = store.query(f"SELECT count(*), coalesce(max(rowid) + 1, 0) FROM building.main.{TABLE}").row(0)
        sound = places - rows <= _MOST_DEAD * places
        store.execute(
            f"ALTER TABLE building.main.{TABLE} RENAME TO {_KEPT}" if sound else f"DROP TABLE building.main.{TABLE}"
        )
    store.execute("CHECKPOINT building")  # what is built next goes where the dropped tables stood
    return sound


def completed(store: Store, table: Statement) -> None:
    """Makes the items taken over those that are live now."""
    store.execute(
        f"""DELETE FROM {_KEPT} WHERE rowid IN (SELECT k.rowid FROM {_KEPT} k ANTI JOIN live_items USING ({_KEY}))"""
    )
    store.execute(
        f"CREATE OR REPLACE TEMP TABLE items_come AS SELECT {_KEY} FROM live_items ANTI JOIN {_KEPT} USING ({_KEY})"
    )
    store.insert(_KEPT, table.asking_of("live_items", "items_come"))
    store.execute(f"ALTER TABLE {_KEPT} RENAME TO {TABLE}")
    store.execute("DROP TABLE temp.items_come")
