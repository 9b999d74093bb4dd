"""Maps from our hierarchy to another tree, a marketplace's or Google's: read, kept as versions, carried along, applied."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from catalog import sheets
from catalog.errors import CatalogError
from catalog.jobs import Job, digest, now
from catalog.store import Store
from catalog.taxonomies.category_map import CategoryMap
from catalog.taxonomies.taxonomy import Taxonomy
from catalog.taxonomies.taxonomy_nodes import Problems
from catalog.taxonomies.versions import current_version

COLUMNS = ("category", "target_id", "target_path")
ROWS = {"category_id": pl.String, "target_id": pl.String, "target_path": pl.String}
CURRENT = """
    SELECT tree, map_version, seq, taxonomy_version FROM tree_maps
    QUALIFY row_number() OVER (PARTITION BY tree ORDER BY seq DESC) = 1 ORDER BY tree
"""


def read(file: Path, taxonomy: Taxonomy) -> pl.DataFrame:
    """The rows of a map file, one per category of ours, as `ROWS`.

    A CSV with the columns category (an id, a full path or the name of one leaf), target_id and target_path, one of which
    may be absent. Raises CatalogError that names the lines with an unknown or repeated category or without a target.
    """
    problems, found = Problems(file), dict[str, tuple[str, str | None, str | None]]()
    for line, cells in _lines(file):
        key = taxonomy.resolve(cells["category"])
        if key is None:
            problems.add(line, f"{cells['category']!r} is no category here")
        elif key in found and found[key][1:] != (cells["target_id"] or None, cells["target_path"] or None):
            problems.add(line, f"{cells['category']!r} has another target in a line before")
        elif not cells["target_id"] and not cells["target_path"]:
            problems.add(line, "it names no target; leave the line out where there is none")
        else:
            found[key] = (key, cells["target_id"] or None, cells["target_path"] or None)
    problems.stop("Correct these lines; nothing was imported.")
    if not found:
        raise CatalogError(
            f"{file} maps no category.", remedy="Give at least one line: category,target_id,target_path."
        )
    return pl.DataFrame(list(found.values()), schema=ROWS, orient="row").sort("category_id")


def _lines(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogError(f"{file} cannot be read: {error}.", remedy="Give the map as a UTF-8 CSV file.") from error
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=text.partition("\n")[0].count))
    names = set(reader.fieldnames or ())
    if "category" not in names or not names & {"target_id", "target_path"}:
        raise CatalogError(
            f"{file} is no map to another tree: it has the columns {', '.join(sorted(names)) or 'of an empty file'}.",
            remedy="Its header must name category, and target_id or target_path or both.",
        )
    for row in reader:
        cells = {name: sheets.original((row.get(name) or "").strip()).strip() for name in COLUMNS}
        if any(cells.values()):
            yield reader.line_num, cells


def save(job: Job, tree: str, rows: pl.DataFrame, source: str) -> str | None:
    """Appends a version of a tree's map inside the caller's transaction; None when today's says the same already."""
    store = job.store
    version = digest(tree, rows.rows())
    today = store.query(CURRENT).filter(tree=tree)
    if today["map_version"].to_list() == [version]:
        return None
    facts = {"tree": tree, "map_version": version}
    if not store.one("SELECT count(*) FROM tree_map_rows WHERE tree = ? AND map_version = ?", [tree, version]):
        store.append("tree_map_rows", rows.with_columns(pl.lit(value).alias(name) for name, value in facts.items()))
    store.append_row(
        "tree_maps",
        **facts,
        seq=1 + (store.one("SELECT max(seq) FROM tree_maps") or 0),
        taxonomy_version=current_version(store),
        source=source,
        rows=rows.height,
        run_id=job.run_id,
        imported_at=now(),
    )
    return version


def migrate(job: Job, moves: CategoryMap) -> int:
    """Carries every tree's map over to the new ids, inside the import's transaction; returns how many rows were left behind.

    A category with one new id takes its target along. Where several become one with different targets, and at split or
    removed ones, nobody knows: those are unmapped from then on, and `unmapped` lists them.
    """
    left = 0
    for tree, version, *_ in job.store.query(CURRENT).iter_rows():
        rows = standing(job.store, tree, version)
        known = {old: move.target for old, move in moves.moves.items()}
        moved = rows.with_columns(category_id=pl.col("category_id").replace_strict(known, default=None))
        agreed = moved.drop_nulls("category_id").unique().filter(pl.len().over("category_id") == 1)
        left += rows.height - moved.join(agreed, on="category_id", how="semi").height
        if agreed.height:
            save(job, tree, agreed.select(ROWS.keys()).sort("category_id"), "taxonomy")
    return left


def standing(store: Store, tree: str, version: str) -> pl.DataFrame:
    """The rows of a version, as `ROWS`."""
    return store.query(
        "SELECT category_id, target_id, target_path FROM tree_map_rows WHERE tree = ? AND map_version = ? ORDER BY 1",
        [tree, version],
    )
