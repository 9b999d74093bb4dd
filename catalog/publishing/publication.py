"""The published file: built beside the old one, checked, and put in its place by one rename."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from catalog import durable
from catalog.errors import CatalogError
from catalog.failpoints import reached
from catalog.jobs import Counts, program_version
from catalog.publishing import carrying, changes, compression, parts, patching, views
from catalog.review.review_ledger import workspace_id
from catalog.store import Store

STORAGE_VERSION = "v1.5.0"  # readable by DuckDB 1.5 clients and later
OUTCOMES = ("placed", "placed_at_parent", "review", "decided", "duplicate", "quarantine")
SETTLED = (*OUTCOMES, "withdrawn")  # rows that end an item end as nothing else
# Who decided, as the published file names them. Without the workspace's id nobody can try names out on a pseudonym.
# Words the program itself put there name nobody.
PSEUDONYM = """
    CREATE OR REPLACE TEMP MACRO reviewer_name(who) AS CASE
        WHEN {named} OR who IN ('import', 'reviewer', 'adjudication') THEN who
        ELSE 'reviewer-' || substr(sha256('{workspace_id}' || chr(31) || who), 1, 8)
    END
"""
# Each finds what must not be there; the first row names an example.
CHECKS = {
    "rows of a run do not add up": f"""
        SELECT run_id || ' ' || vendor || ': ' || rows_in || ' rows in, ' || ({" + ".join(SETTLED)}) || ' settled'
        FROM run_summary WHERE rows_in <> {" + ".join(SETTLED)}""",
    "an item stands in two categories": """
        SELECT vendor || ' ' || item_id FROM current_category GROUP BY vendor, item_id HAVING count(*) > 1""",
    "an item waits twice in the backlog": """
        SELECT vendor || ' ' || item_id FROM review_backlog GROUP BY vendor, item_id HAVING count(*) > 1""",
    "an item has two current predictions": """
        SELECT vendor || ' ' || item_id FROM predictions_current GROUP BY vendor, item_id HAVING count(*) > 1""",
    "a run and vendor is summed up twice": """
        SELECT run_id || ' ' || vendor FROM run_summary GROUP BY run_id, vendor HAVING count(*) > 1""",
    "the file does not name exactly one run": """
        SELECT count(*) || ' rows' FROM freshness HAVING count(*) <> 1 OR count(run_id) <> 1""",
}


@dataclass(frozen=True)
class Edition:
    """Who publishes, and when. names: whether reviewers stand in the file by name."""

    run_id: str
    published_at: datetime
    names: bool = False


@dataclass(frozen=True)
class Published:
    """What was put in place: the file's sha256, how much it holds, as its table publications says, what it follows from
    (carrying.texts), each table by itself (carrying.Origins), the tables that were taken over as they stood, and those of
    single items that were made anew in part (patching)."""

    sha256: str
    counts: Counts
    texts: str
    made: dict[str, str]
    stayed: frozenset[str]
    patched: frozenset[str]


def schema_version() -> str:
    """What the macro schema_version() answers in the files this program publishes."""
    [macro] = [macro for macro in views.macros() if macro.name == "schema_version"]
    return macro.text.rpartition(" AS '")[2].partition("'")[0]


def publish(store: Store, target: Path, edition: Edition, *, fence: Callable[[], None] | None = None) -> Published:
    """Replaces `target` by a file built from the work database.

    Readers see the old file or the new one. `fence` is called last before the rename and may raise to keep the old
    one. Raises CatalogError when an invariant is broken or the disk is full; the old file then stays.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(target.parent)
    temporary = target.parent / f".tmp-{edition.run_id}.duckdb"
    views.create(store)
    texts = carrying.texts(store, names=edition.names)
    try:
        last = carrying.copied(store, target, temporary, texts)
        reached("publish.copied")
        counts, made, stayed, patched = _build(store, temporary, edition, last)
        temporary.chmod(0o444)
        sha256 = _synced(temporary)
        reached("publish.fence")
        if fence is not None:
            fence()
        reached("publish.rename")
        temporary.replace(target)
    except BaseException:
        # a full disk must get its space back now, not at the next publish
        temporary.unlink(missing_ok=True)
        raise
    durable.sync(target.parent)
    return Published(sha256, counts, texts, made, stayed, patched)


def _remove_leftovers(folder: Path) -> None:
    for left in folder.glob(".tmp-*"):
        left.unlink(missing_ok=True)


def _build(
    store: Store, path: Path, edition: Edition, last: Mapping[str, str] | None
) -> tuple[Counts, dict[str, str], frozenset[str], frozenset[str]]:
    """last: `path` is a copy of the last file, whose tables follow from these; None where there is no such file."""
    depth = views.taxonomy_depth(store)
    # Facts that name people come first: what is derived from them then finds them here, under pseudonyms.
    first, after = views.tables()
    tables = [*first, *(views.with_levels(view, depth).as_table() for view in views.standing()), *after]
    divided = parts.among(store)
    origins = carrying.Origins(store)
    made = origins.of(tables)
    beside = origins.beside(tables)
    stayed = frozenset(name for name, origin in made.items() if last and last.get(name) == origin)
    places = patching.grown(store, last) if last else None
    patchable = patching.alike(last, beside) if last and places else ()
    with store.building(path, storage_version=STORAGE_VERSION) as work, _reviewers(store, edition):
        left = carrying.Left() if last is None else carrying.emptied(store, stayed, patchable)
        if last is None:
            for macro in views.macros():
                store.execute(macro.text)
        built = _fill(store, tables, edition, divided, left=left, places=places or {})
        store.execute("USE building")  # from here on nothing of the work file is visible: the new one stands alone
        reached("publish.views")
        if last is None:
            for statement in views.questions() + views.table_macros():
                store.execute(views.with_levels(statement, depth).text)
        views.comment(store, _told(built, whole=last is None))
        _check(store)
        changes.record(store, work, edition.run_id, divided)
        counts = json.loads(store.one("SELECT counts FROM publications WHERE run_id = ?", [edition.run_id]))
        reached("publish.checkpoint")
    patched = left.patched - {table.name for table in built}
    return counts, made | beside | origins.grown("category_changes"), stayed, patched


def _fill(
    store: Store,
    tables: list[views.Statement],
    edition: Edition,
    divided: parts.Parts,
    *,
    left: carrying.Left,
    places: Mapping[str, int],
) -> list[views.Statement]:
    """Makes the tables, in their order, and says which were built whole. left: what there is of the last file; places: from
    which facts on it is to be patched."""
    facts = {"run_id": edition.run_id, "published_at": edition.published_at, "version": program_version()}
    whole = []
    for table in tables:
        if table.name == carrying.TABLE and left.items:
            reached(f"publish.{table.name}")
            carrying.completed(store, table)
        elif table.name not in left.stayed:
            reached(f"publish.{table.name}")
            if table.name in left.patched and patching.patched(store, table, places, left.before):
                continue
            if table.name in compression.TABLES:
                compression.made(store, table, divided)
            else:
                store.execute(table.text, {name: value for name, value in facts.items() if f"${name}" in table.text})
            whole.append(table)
            if table.name == "live_items" and left.items:
                carrying.compared(store)
    carrying.cleared(store, left)
    return whole


def _told(tables: list[views.Statement], *, whole: bool) -> dict[str, list[views.Statement]]:
    """What gets its comments, by kind: tables that were built, and all the rest where the file is built whole."""
    if not whole:
        return {"TABLE": tables}
    return {
        "TABLE": tables,
        "VIEW": views.questions(),
        "MACRO": views.macros(),
        "MACRO TABLE": views.table_macros(),
    }


@contextmanager
def _reviewers(store: Store, edition: Edition) -> Iterator[None]:
    """How sql/tables name people while inside; nothing of it is left in the published file."""
    named = "true" if edition.names else "false"
    store.execute(PSEUDONYM.format(named=named, workspace_id=workspace_id(store)))
    # what people wrote in their own words may name anybody
    store.execute(f"CREATE OR REPLACE TEMP MACRO reviewer_note(note) AS CASE WHEN {named} THEN note END")
    try:
        yield
    finally:
        store.execute("DROP MACRO IF EXISTS temp.reviewer_name")
        store.execute("DROP MACRO IF EXISTS temp.reviewer_note")


def _check(store: Store) -> None:
    for rule, sql in CHECKS.items():
        found = store.query(f"SELECT * FROM ({sql}) LIMIT 1")
        if found.height:
            raise CatalogError(
                f"Nothing was published: {rule} ({found.item()}).",
                remedy="What was published before stays. Please report this with the output of `catalog doctor`.",
            )


def _synced(path: Path) -> str:
    """The file's sha256, once its bytes are on the disk."""
    durable.sync(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
