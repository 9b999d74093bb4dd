"""Keeps maps from our hierarchy to other trees.  `catalog tree import NAME FILE | list | unmapped NAME`"""

import re
from pathlib import Path

import polars as pl

from catalog.errors import CatalogError
from catalog.jobs import Job
from catalog.publishing import changes
from catalog.publishing.reader import query_published, reading
from catalog.settings import Workspace
from catalog.taxonomies import other_trees
from catalog.taxonomies.versions import latest_taxonomy

_UNMAPPED = """
    SELECT t.tree, t.category_id, t.path, count(c.item_id) AS items
    FROM tree_categories t LEFT JOIN current_category c USING (category_id)
    WHERE t.mapped IS NULL AND NOT t.retired
    GROUP BY t.tree, t.category_id, t.path, t.is_leaf HAVING t.is_leaf OR items > 0
    ORDER BY items DESC, t.path
"""
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def run(job: Job, tree: str, file: Path) -> str:
    """Makes the file today's map of a tree and says what it leaves open. The same map again changes nothing.

    Raises CatalogError when the name or a line of the file is wrong; then nothing is kept.
    """
    if not _NAME.fullmatch(tree):
        raise CatalogError(f"{tree!r} is no name for a tree.", remedy="Use small letters, digits, - and _.")
    taxonomy = latest_taxonomy(job.store)
    rows = other_trees.read(file, taxonomy)
    with job.store.transaction():
        version = other_trees.save(job, tree, rows, str(file))
    named = set(rows["category_id"])
    leaves = taxonomy.nodes.filter("is_leaf")["category_id"].to_list()
    above = sum(leaf not in named and not named.isdisjoint(taxonomy.ancestors(leaf)) for leaf in leaves)
    none = sum(named.isdisjoint(taxonomy.ancestors(leaf)) for leaf in leaves)
    kept = f"Map {version} of {tree}" if version else f"Nothing new: today's map of {tree}"
    return (
        f"{kept} names {rows.height} categories; of {len(leaves)} leaves {above} go by one above them and {none} by none"
        f"{f' (catalog tree unmapped {tree}, after the next publication)' if none else ''}."
    )


def unmapped(workspace: Workspace, tree: str) -> pl.DataFrame:
    """Published categories that a tree's map says nothing of, those with most items first: category_id, path, items.

    A category with others below it counts where items stand at it.
    """
    with reading(workspace.published_db) as reader:
        changes.tree_named(reader.query, tree)
        return reader.query(_UNMAPPED).filter(tree=tree).drop("tree")


def listed(workspace: Workspace) -> pl.DataFrame:
    """The published map of each tree: tree, map_version, rows, imported_at, source."""
    return query_published(
        workspace.published_db,
        """SELECT tree, map_version, "rows", imported_at, source FROM tree_maps
           QUALIFY row_number() OVER (PARTITION BY tree ORDER BY seq DESC) = 1 ORDER BY tree""",
    )
