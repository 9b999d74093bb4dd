"""What a certificate rests on beside its labels: how each vendor's file is read, and the tree of each department.

When a ground is no longer what it was, automation stops where that ground carried it, and nowhere else. Renaming a
category, or mapping a field that the model does not read, changes no ground. A new bundle needs no ground: a certificate
belongs to one model.
"""

import codecs
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import polars as pl

from catalog.errors import CatalogError
from catalog.inputs import TEXT_FIELDS
from catalog.jobs import digest
from catalog.labels import NOBODY
from catalog.mapping import Mapping, load_mapping
from catalog.policy import Policy
from catalog.store import Store
from catalog.taxonomy import Taxonomy

UNREADABLE = "unreadable"
ENOUGH_VENDORS = 5  # named by the labels; with fewer, every night would send most vendors to review
AFFECTED = {
    "vendor": "SELECT count(*) FROM live_items WHERE vendor = $key AND $model IS NOT NULL",
    "department": """SELECT count(*) FROM live_items l JOIN predictions p USING (input_hash)
                     WHERE p.chain_ids[1] = $key AND p.model_id = $model""",
}
GROUNDS = {"kind": pl.String, "key": pl.String, "hash": pl.String}


def grounds(folder: Path, vendors: Iterable[str], taxonomy: Taxonomy) -> pl.DataFrame:
    """One row per vendor and per department: kind (vendor, department), key, hash. `folder` holds the mappings."""
    rows = [("vendor", vendor, _mapping_hash(folder / f"{vendor}.toml")) for vendor in sorted(set(vendors))]
    nodes = taxonomy.nodes.select("category_id", "parent_id", "is_leaf", "assignable").sort("category_id")
    trees: dict[str, list[tuple]] = {}
    for node in nodes.iter_rows():
        trees.setdefault(taxonomy.ancestors(node[0])[0], []).append(node)
    rows += [("department", key, digest(tree)) for key, tree in sorted(trees.items())]
    return pl.DataFrame(rows, schema=GROUNDS, orient="row")


def _mapping_hash(file: Path) -> str:
    """A mapping that cannot be read is a changed one: it suspends its vendor instead of stopping the night."""
    try:
        mapping = load_mapping(file, Path("feed.csv")) if file.exists() else Mapping(format="csv")
    except CatalogError:
        return UNREADABLE
    read = {ours: mapping.wanted.get(ours, []) for ours in (*TEXT_FIELDS, "image")}
    shape = [mapping.shape] if mapping.shape else []
    return digest(read, mapping.attributes, codecs.lookup(mapping.encoding).name, *shape)


def lost(before: pl.DataFrame, now: pl.DataFrame) -> pl.DataFrame:
    """Kind and key of the grounds that are not what they were, with `cause` and `ends` in words."""
    changed = before.join(now, on=["kind", "key", "hash"], how="anti").sort("kind", "key")
    vendor = pl.col("kind") == "vendor"
    return changed.select(
        "kind",
        "key",
        cause=pl.when(vendor)
        .then(pl.format("vendors/{}.toml reads the fields the model sees otherwise than when it was certified", "key"))
        .otherwise(pl.format("categories below {} were added, removed, moved or opened since", "key")),
        ends=pl.when(vendor)
        .then(pl.lit("a certificate earned with the new mapping (catalog train), or the old mapping"))
        .otherwise(pl.lit("a model trained and certified on the new tree (catalog train), or the old tree")),
    )


def with_vendors(store: Store, policy: Policy, unseen_vendor: str) -> Policy:
    """The policy that knows which vendors the model's labels name, and what `routing.unseen_vendor` makes of the others."""
    named = store.query("SELECT DISTINCT vendor FROM example_splits WHERE model_id = ?", [policy.model_id])["vendor"]
    known = frozenset(named) - {NOBODY}
    enough = unseen_vendor == "auto" and len(known) >= ENOUGH_VENDORS
    return replace(policy, known_vendors=known, review_unseen_vendors=enough or unseen_vendor == "review")


def read_vendors(store: Store, folder: Path, policy: Policy) -> frozenset[str]:
    """Those that deliver, and those the labels name that have a mapping: their files are read in a known way.

    A vendor known from labels alone has no such way yet. Its first mapping is no change: it would be suspended the night it
    starts to deliver.
    """
    delivering = store.query("SELECT DISTINCT vendor FROM live_items WHERE delivered")["vendor"]
    mapped = {vendor for vendor in policy.known_vendors if (folder / f"{vendor}.toml").exists()}
    return frozenset(delivering).union(mapped) - {NOBODY}


def standing(
    store: Store, folder: Path, taxonomy: Taxonomy, policy: Policy, certificate_id: str
) -> tuple[Policy, pl.DataFrame]:
    """The policy with what lost its grounds left out, and one row per suspension: kind, key, cause, ends, items."""
    before = store.query("SELECT kind, key, hash FROM grounds WHERE certificate_id = ?", [certificate_id])
    found = lost(before, grounds(folder, before.filter(kind="vendor")["key"], taxonomy))
    items = [
        store.one(AFFECTED[kind], {"key": key, "model": policy.model_id})
        for kind, key in found.select("kind", "key").rows()
    ]
    vendors, departments = (frozenset(found.filter(kind=kind)["key"]) for kind in ("vendor", "department"))
    left = replace(policy, suspended_vendors=vendors, suspended_departments=departments)
    return left, found.with_columns(pl.Series("items", items, pl.Int64))
