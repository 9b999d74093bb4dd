"""Imports a version of the category hierarchy, and compares two.  `catalog taxonomy import FILE | diff OLD NEW`"""

from pathlib import Path

from catalog import durable
from catalog.errors import CatalogError
from catalog.jobs import Counts, Job
from catalog.learning import examples
from catalog.store import Store
from catalog.taxonomies import category_moves, other_trees
from catalog.taxonomies.category_map import CategoryMap, by_ids, read_map, write_map
from catalog.taxonomies.misread_names import misread_names
from catalog.taxonomies.taxonomy import Taxonomy
from catalog.taxonomies.taxonomy_diff import Change, diff
from catalog.taxonomies.taxonomy_files import read_taxonomy
from catalog.taxonomies.versions import current_version, latest_taxonomy, save_taxonomy, taxonomy_version


def run(job: Job, file: Path, *, form: str | None = None, map_file: Path | None = None) -> str:
    """Makes the hierarchy the current version, takes along what stands under the one before, and says what came of it.

    The same content again changes nothing. Everything is written in one transaction or nothing is. Raises CatalogError
    with the command to run when something would be left standing at a category that is gone.
    """
    store, taxonomy = job.store, read_taxonomy(file, form)
    counts: Counts = {}
    if current_version(store) is None:
        save_taxonomy(store, taxonomy, str(file))
    elif current_version(store) != taxonomy.version:
        counts = _replace(job, file, taxonomy, map_file)
    elif map_file is not None:
        _require_same_map(store, map_file)
    copy = job.workspace.taxonomy / f"{taxonomy.version}.csv"
    durable.write(copy, taxonomy.nodes.write_csv().encode())
    leaves, levels = int(taxonomy.nodes["is_leaf"].sum()), taxonomy.nodes["level"].to_list()
    said = f"Taxonomy {taxonomy.version}: {taxonomy.nodes.height} categories, {leaves} leaves, {max(levels)} levels."
    moved = ", ".join(f"{name.replace('_', ' ')} {number}" for name, number in counts.items() if number)
    said += f"\n{moved[0].upper()}{moved[1:]}." if moved else ""
    warning = misread_names(taxonomy, str(file))
    return f"{said}\n{warning}" if warning else said


def _replace(job: Job, file: Path, taxonomy: Taxonomy, map_file: Path | None) -> Counts:
    store, before = job.store, latest_taxonomy(job.store)
    moves = by_ids(before, taxonomy) if map_file is None else read_map(map_file, before, taxonomy)
    category_moves.require_nothing_lost(store, moves, _remedy(job, file, before, map_file))
    names = examples.calibration_names(store)
    with store.transaction():
        save_taxonomy(store, taxonomy, str(file))
        category_moves.record(job, moves, store.one("SELECT max(seq) FROM taxonomies"))
        counts = category_moves.migrate(job, moves, before, taxonomy)
        counts["left_out_of_maps_to_other_trees"] = other_trees.migrate(job, moves)
        for model, after in examples.calibration_names(store).items():
            if names[model] != after:
                store.append_row("calibration_names", before=names[model], after=after, run_id=job.run_id)
    return counts


def _remedy(job: Job, file: Path, before: Taxonomy, map_file: Path | None) -> str:
    if map_file is not None:
        return f"Add a row for each of them to {map_file}; an empty new_id sends what stands there to review."
    old = job.workspace.taxonomy / f"{before.version}.csv"
    return (
        f"Write a map, look it through and import with it: catalog taxonomy diff {old} {file} --map map.csv; "
        f"catalog taxonomy import {file} --map map.csv"
    )


def _require_same_map(store: Store, map_file: Path) -> None:
    """The version is current already: another map for it would change nothing, and nobody must believe it did."""
    seq = store.one("SELECT max(seq) FROM taxonomies")
    versions = store.query("SELECT taxonomy_version FROM taxonomies WHERE seq <= ? ORDER BY seq DESC LIMIT 2", [seq])[
        "taxonomy_version"
    ].to_list()
    used = store.one("SELECT any_value(map_id) FROM category_map WHERE import_seq = ?", [seq])
    if len(versions) == 2 and _map_id(store, versions, map_file) != used:
        raise CatalogError(
            f"This version is current already, and {map_file} is not the map it was imported with. Nothing was changed.",
            remedy="Correct single items with review sheets or a label file, or go back to the version before first.",
        )


def _map_id(store: Store, versions: list[str], map_file: Path) -> str | None:
    new, old = (taxonomy_version(store, version) for version in versions)
    moves: CategoryMap = read_map(map_file, old, new)
    return moves.map_id


def compare(old: Path, new: Path, map_file: Path | None = None) -> list[Change]:
    """What became of each category between two files; writes the map for a person where one is asked for."""
    changes = diff(read_taxonomy(old), read_taxonomy(new))
    if map_file is not None:
        write_map(map_file, changes)
    return changes
