"""Taxonomy versions at rest: keeping one, and taking the current one out again."""

import polars as pl

from catalog.errors import CatalogError
from catalog.jobs import now
from catalog.store import Store
from catalog.taxonomies.taxonomy import NODE_SCHEMA, Taxonomy


def save_taxonomy(store: Store, taxonomy: Taxonomy, source: str) -> bool:
    """Makes this version the current one; False when it already is. A version known before keeps its rows."""
    if current_version(store) == taxonomy.version:
        return False
    known = store.one("SELECT count(*) FROM taxonomies WHERE taxonomy_version = ?", [taxonomy.version])
    with store.transaction():
        if not known:
            store.append("categories", taxonomy.nodes.with_columns(taxonomy_version=pl.lit(taxonomy.version)))
        store.append_row(
            "taxonomies",
            taxonomy_version=taxonomy.version,
            seq=1 + (store.one("SELECT max(seq) FROM taxonomies") or 0),
            source=source,
            nodes=taxonomy.nodes.height,
            leaves=int(taxonomy.nodes["is_leaf"].sum()),
            imported_at=now(),
        )
    return True


def current_version(store: Store) -> str | None:
    """The version imported last; None before the first import."""
    return store.one("SELECT taxonomy_version FROM taxonomies ORDER BY seq DESC LIMIT 1")


def latest_taxonomy(store: Store) -> Taxonomy:
    """The version imported last. Raises CatalogError when there is none."""
    version = current_version(store)
    if version is None:
        raise CatalogError(
            "This workspace has no taxonomy yet.", remedy="Import one first: catalog taxonomy import FILE."
        )
    return taxonomy_version(store, version)


def taxonomy_version(store: Store, version: str) -> Taxonomy:
    """One version by its name. Raises CatalogError when it was never imported."""
    nodes = store.query("SELECT * FROM categories WHERE taxonomy_version = ? ORDER BY path, category_id", [version])
    if not nodes.height:
        raise CatalogError(
            f"The taxonomy version {version} is not in this workspace.",
            remedy="Import the file it came from: catalog taxonomy import FILE.",
        )
    return Taxonomy(version, nodes.select(pl.col(name).cast(kind) for name, kind in NODE_SCHEMA.items()))
