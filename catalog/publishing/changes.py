"""What changed in the published categories: recorded when it is published, and written for a shop or PIM to apply."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Literal, get_args

import polars as pl
import pyarrow.parquet as pq

from catalog import durable
from catalog.errors import CatalogError
from catalog.failpoints import reached
from catalog.publishing import views
from catalog.publishing.parts import Parts, narrowed
from catalog.store import Store, quoted

Format = Literal["csv", "jsonl", "parquet"]
FORMATS: tuple[Format, ...] = get_args(Format)
SCHEMA: dict[str, Any] = {"cursor": pl.Int64} | dict.fromkeys(
    (
        *("vendor", "item_id", "action", "old_category_id", "old_path", "new_category_id", "new_path"),
        *("status", "reason", "run_id"),
    ),
    pl.String,
)
Query = Callable[[str], pl.DataFrame]
# What a map to another tree adds, see `tree_categories`.
IN_TREE: dict[str, Any] = dict.fromkeys(("tree_id", "tree_path", "tree_mapped"), pl.String)
_PAGE = 50_000  # rows held in memory at a time
MANIFEST = ".manifest.json"  # ends the name of what speaks for a finished file
_REMEDY = "Take a cursor or run from the manifest you applied last, or start over from nothing with --since 0."


@dataclass(frozen=True)
class Stretch:
    """Rows with a cursor above `since` up to `last`; none where both are the same."""

    since: int
    last: int

    @property
    def rows(self) -> int:
        """How many: cursors have no gap."""
        return self.last - self.since


@dataclass(frozen=True)
class Tree:
    """Another tree that a file also names, and the version of its map."""

    name: str
    map_version: str


# One row per item whose category in the file being built is not what all changes before lead to.
DIFFERING = """
    WITH newest AS (SELECT max("cursor") AS "cursor" FROM category_changes GROUP BY vendor, item_id),
    known AS (
        SELECT vendor, item_id, new_category_id AS category_id, new_path AS path
        FROM category_changes SEMI JOIN newest USING ("cursor")
        WHERE new_category_id IS NOT NULL
    )
    SELECT
        coalesce(k.vendor, n.vendor) AS vendor, coalesce(k.item_id, n.item_id) AS item_id, k.category_id AS old_category_id,
        k.path AS old_path, n.category_id AS new_category_id, n.path AS new_path, n.outcome AS status,
        CASE
            WHEN k.category_id IS NULL THEN 'set' WHEN n.category_id IS NULL THEN 'retire' ELSE 'move'
        END AS action
    FROM known k
    FULL JOIN current_category n ON n.vendor = k.vendor AND n.item_id = k.item_id
    WHERE k.category_id IS DISTINCT FROM n.category_id
"""
# The same as rows of changes, numbered on; {work} is the work database, $run the run.
_RECORDED = f"""
    INSERT INTO {{work}}.main.category_changes BY NAME
    WITH differing AS ({DIFFERING}),
    gone AS (SELECT vendor, item_id FROM differing ANTI JOIN live_items USING (vendor, item_id)),
    newest AS (
        SELECT s.vendor, s.item_id, arg_max(s.delivery_id, s.delivery_no) AS delivery_id, max(s.delivery_no) AS delivery_no
        FROM {{work}}.main.sightings s SEMI JOIN gone USING (vendor, item_id) GROUP BY s.vendor, s.item_id
    ),
    fulls AS (
        SELECT vendor, max(delivery_no) AS delivery_no FROM delivery_runs
        WHERE status = 'accepted' AND kind = 'full' GROUP BY vendor
    ),
    -- gone with the delivery that was undone, unless a full one after it came without the item anyway
    taken_back AS (
        SELECT w.vendor, w.item_id
        FROM newest w JOIN delivery_runs d USING (delivery_id) LEFT JOIN fulls f ON f.vendor = w.vendor
        WHERE d.status = 'undone' AND coalesce(f.delivery_no, 0) < w.delivery_no
    )
    SELECT
        (SELECT coalesce(max("cursor"), 0) FROM {{work}}.main.category_changes)
            + row_number() OVER (ORDER BY d.vendor, d.item_id) AS "cursor",
        d.*,
        CASE
            WHEN t.item_id IS NOT NULL THEN 'delivery_undone' WHEN g.item_id IS NOT NULL THEN 'withdrawn' ELSE r.reason
        END AS reason,
        $run::VARCHAR AS run_id
    FROM differing d
    LEFT JOIN standing_routes r ON r.vendor = d.vendor AND r.item_id = d.item_id
    LEFT JOIN gone g ON g.vendor = d.vendor AND g.item_id = d.item_id
    LEFT JOIN taken_back t ON t.vendor = d.vendor AND t.item_id = d.item_id
    ORDER BY "cursor"
"""
_PUBLISHED = """
    INSERT INTO category_changes FROM {work}.main.category_changes
    WHERE "cursor" > (SELECT coalesce(max("cursor"), 0) FROM category_changes) ORDER BY "cursor"
"""
_BY_ITEM = ("category_changes", "current_category", "live_items", "standing_routes")


def record(store: Store, work: str, run_id: str, parts: Parts) -> None:
    """Appends how the file being built, tables and checks done, differs from what all changes before lead to, part by part.

    `work` names the work database. The same state again appends nothing. A publication that fails after this, or between
    two parts, leaves its rows behind under its own run; the next one then records what differs from them, so that the whole
    still adds up.
    """
    reached("publish.changes")
    recorded, published = (sql.format(work=quoted(work)) for sql in (_RECORDED, _PUBLISHED))
    for sql in [views.reading_of(recorded, narrowed(part, _BY_ITEM)) for part in parts.by_item] or [recorded]:
        store.execute(sql, {"run": run_id})
        store.execute(published)


def after(query: Query, since: str) -> Stretch:
    """Everything after a cursor, or after what a run published. Raises CatalogError when there is no such one."""
    if not query("SELECT 1 FROM duckdb_views() WHERE view_name = 'changes'").height:
        raise CatalogError(
            "What is published was written by a version that kept no changes.",
            remedy="They are kept from the next publication on: the next night that has something to do.",
        )
    runs = dict(query('SELECT run_id, max("cursor") AS last FROM changes GROUP BY run_id').rows())
    last = max(runs.values(), default=0)
    if since.isdecimal():
        if int(since) > last:
            raise CatalogError(f"There is no cursor {since} yet; the last one is {last}.", remedy=_REMEDY)
        return Stretch(int(since), last)
    published = query(
        "SELECT run_id FROM freshness UNION SELECT run_id FROM stages WHERE stage = 'changes' UNION SELECT run_id FROM changes"
    )["run_id"]
    if since not in published:
        raise CatalogError(f"{since!r} is no cursor and no run that published changes.", remedy=_REMEDY)
    return Stretch(max((cursor for run_id, cursor in runs.items() if run_id <= since), default=0), last)


def of_run(store: Store, run_id: str) -> Stretch:
    """What one run changed."""
    first, last = store.query(
        'SELECT min("cursor") FILTER (run_id = $run), coalesce(max("cursor"), 0) FROM changes WHERE run_id <= $run',
        {"run": run_id},
    ).row(0)
    return Stretch(last if first is None else first - 1, last)


def tree_named(query: Query, name: str) -> Tree:
    """A tree that there is a map to. Raises CatalogError otherwise, naming those there are."""
    found = dict(query("SELECT DISTINCT tree, map_version FROM tree_categories").rows())
    if name not in found:
        known = f"There are maps to: {', '.join(sorted(found))}." if found else "There is none yet."
        raise CatalogError(
            f"What is published has no map to a tree {name!r}. {known}",
            remedy=f"Import one and publish: catalog tree import {name} FILE; catalog publish.",
        )
    return Tree(name, found[name])


def write(query: Query, stretch: Stretch, target: IO[bytes], form: Format, tree: Tree | None = None) -> None:
    """Writes the rows, in order; a bounded number of them is in memory at a time."""
    empty = pl.DataFrame(schema=SCHEMA | (IN_TREE if tree else {}))
    if form == "parquet":
        with pq.ParquetWriter(target, empty.to_arrow(compat_level=pl.CompatLevel.oldest()).schema) as writer:
            for page in _pages(query, stretch, tree):
                writer.write_table(page.to_arrow(compat_level=pl.CompatLevel.oldest()))
        return
    if form == "csv":
        target.write(empty.write_csv().encode())
    for page in _pages(query, stretch, tree):
        text = page.write_csv(include_header=False) if form == "csv" else page.write_ndjson()
        target.write(text.encode())


def _pages(query: Query, stretch: Stretch, tree: Tree | None) -> Iterator[pl.DataFrame]:
    # Rows are only ever appended: pages read from a file that is replaced meanwhile still belong together.
    there = _targets(query, tree) if tree else None
    for start in range(stretch.since, stretch.last, _PAGE):
        end = min(start + _PAGE, stretch.last)
        page = query(
            f'SELECT * FROM changes WHERE "cursor" > {int(start)} AND "cursor" <= {int(end)} ORDER BY "cursor"'
        ).select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())
        yield page if there is None else page.join(there, on="new_category_id", how="left", maintain_order="left")


def _targets(query: Query, tree: Tree) -> pl.DataFrame:
    """Where each category of ours goes in the other tree."""
    found = query("SELECT * FROM tree_categories").filter(tree=tree.name)
    return found.select(
        new_category_id="category_id", tree_id="target_id", tree_path="target_path", tree_mapped="mapped"
    )


@dataclass(frozen=True)
class Manifest:
    """What stands in a file of changes. since: the cursor it goes on from; first_cursor: null without rows.

    tree and map_version: the other tree it names too, if any; a file with another map_version places items elsewhere there.
    """

    file: str
    since: int
    first_cursor: int | None
    last_cursor: int
    rows: int
    sha256: str
    tree: str | None = None
    map_version: str | None = None


def clear_unfinished(folder: Path, runs: Collection[str]) -> None:
    """Removes what these runs left of files they did not finish: without its manifest nobody may read one.

    Where nothing changed in such a run no later one writes its file, and it would lie there unknown to everybody.
    """
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        run_id = path.name.lstrip(".").partition(".")[0]
        finished = path.name.endswith(MANIFEST) or path.with_name(path.name + MANIFEST).exists()
        if run_id in runs and (path.name.startswith(".") or not finished):
            path.unlink()


def write_file(query: Query, stretch: Stretch, file: Path, form: Format, tree: Tree | None = None) -> Manifest:
    """Writes the file and after it FILE.manifest.json, each whole or not at all: a manifest speaks for a finished file.

    The same stretch again writes the same bytes. Raises CatalogError when the disk is full or the place not writable.
    """
    try:
        with durable.replacing(file) as target:
            write(query, stretch, target, form, tree)
        reached("changes.manifest")
        with file.open("rb") as written:
            sha256 = hashlib.file_digest(written, "sha256").hexdigest()
        first = stretch.since + 1 if stretch.rows else None
        there = (tree.name, tree.map_version) if tree else ()
        manifest = Manifest(file.name, stretch.since, first, stretch.last, stretch.rows, sha256, *there)
        content = {
            name: value for name, value in asdict(manifest).items() if tree or name not in ("tree", "map_version")
        }
        durable.write(file.with_name(file.name + MANIFEST), (json.dumps(content, indent=1) + "\n").encode())
    except OSError as error:
        raise CatalogError(
            f"{file} cannot be written: {error.strerror}.",
            remedy="Make room or give write permission, then run the command again.",
        ) from error
    reached("changes.file")
    return manifest
