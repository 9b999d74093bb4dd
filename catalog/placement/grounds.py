"""What a certificate rests on beside its labels: how each vendor's file is read, and the tree of each department.

When a ground is no longer what it was, automation stops where that ground carried it, and nowhere else. Renaming a
category, or mapping a field that the model does not read, changes no ground. A new bundle needs no ground: a certificate
belongs to one model.
"""

import codecs
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import polars as pl

from catalog.certification.policy import Policy
from catalog.errors import CatalogError
from catalog.inference.inputs import TEXT_FIELDS
from catalog.jobs import digest
from catalog.labels.labels import NOBODY
from catalog.placement import ledger
from catalog.placement.audit_watch import STOPS
from catalog.reading.mapping import Mapping, load_mapping
from catalog.store import Store
from catalog.taxonomies.category_moves import Translation, image_of, model_translation
from catalog.taxonomies.taxonomy import Taxonomy

UNREADABLE = "unreadable"
ENOUGH_VENDORS = 5  # named by the labels; with fewer, every night would send most vendors to review
AFFECTED = {
    "vendor": "SELECT count(*) FROM live_items WHERE vendor = $key AND $model IS NOT NULL",
    "department": """SELECT count(*) FROM live_items l JOIN predictions p USING (input_hash)
                     WHERE p.chain_ids[1] = $key AND p.model_id = $model""",
}
# One row per leaf that the model sends live items to.
PREDICTED = """SELECT p.leaf_id, count(*) AS items FROM live_items l JOIN predictions p USING (input_hash)
               WHERE p.model_id = ? GROUP BY ALL ORDER BY ALL"""
_DRAWS = "random draws from it that are answered in full and pass"
_WORDS = {
    "vendor": (
        "vendors/{}.toml reads the fields the model sees otherwise than when it was certified",
        f"{_DRAWS}, a certificate earned with the new mapping (catalog train), or the old mapping",
    ),
    "department": (
        "categories below {} were added, removed, moved or opened since",
        f"{_DRAWS}, a model trained and certified on the new tree (catalog train), or the old tree",
    ),
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
    # Only what a form says beyond the oldest ones counts: their hashes must not change with the program.
    mended = [True] if mapping.rules.repair_mojibake else []
    shape = [mapping.shape] if mapping.shape else []
    return digest(read, mapping.attributes, codecs.lookup(mapping.encoding).name, *mended, *shape)


def lost(before: pl.DataFrame, now: pl.DataFrame) -> pl.DataFrame:
    """Kind and key of the grounds that are not what they were, with `cause` and `ends` in words."""
    changed = before.join(now, on=["kind", "key", "hash"], how="anti").sort("kind", "key")
    return pl.concat([_in_words(kind, changed.filter(kind=kind)["key"]) for kind in ("department", "vendor")])


def _in_words(kind: str, keys: Iterable[str]) -> pl.DataFrame:
    cause, ends = _WORDS[kind]
    rows = [(kind, key, cause.format(key), ends) for key in keys]
    return pl.DataFrame(rows, schema=dict.fromkeys(("kind", "key", "cause", "ends"), pl.String), orient="row")


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
    """The policy with what lost its grounds left out, and one row per suspension: the columns of `STOPS`, keys of today
    where there is one; `ground` is what it rests on now, null where it is gone."""
    before = store.query("SELECT kind, key, hash FROM grounds WHERE certificate_id = ?", [certificate_id])
    version = ledger.certified_under(store, certificate_id)
    translation = Translation.from_version(store, version)
    today = grounds(folder, before.filter(kind="vendor")["key"], taxonomy)
    now, carried = today, dict[str, str]()
    moved = version is not None and version != taxonomy.version
    if version is not None and moved:
        carried = image_of(store, version, translation, taxonomy)
        trees = before.filter(pl.col("kind") == "department", pl.col("key").is_in(list(carried)))
        now = pl.concat([now.filter(pl.col("kind") != "department"), trees])
    found = lost(before, now).with_columns(unknown=False)
    vendors, departments = (frozenset(found.filter(kind=kind)["key"]) for kind in ("vendor", "department"))
    if moved:
        departments = _uncarried(taxonomy, carried, departments)
        found = _in_todays_ids(found, departments, translation, taxonomy)
    found = found.join(today.rename({"hash": "ground"}), on=["kind", "key"], how="left", maintain_order="left")
    found = found.with_columns(items=_affected(store, found, policy.model_id, taxonomy))
    # Nothing was ever placed in a department that is new and that the model sends nothing to.
    found = found.filter((pl.col("items") > 0) | ~pl.col("unknown"))
    left = replace(policy, suspended_vendors=vendors, suspended_departments=departments)
    return left, found.with_columns(since=pl.lit(None)).select(
        pl.col(name).cast(dtype) for name, dtype in STOPS.items()
    )


def _in_todays_ids(
    found: pl.DataFrame, suspended: frozenset[str], translation: Translation, taxonomy: Taxonomy
) -> pl.DataFrame:
    """The lost departments under their ids of today, where those are suspended, and the others that are."""
    ids = {key: now for key in found.filter(kind="department")["key"] if (now := translation.now(key)) in suspended}
    others = sorted((suspended & set(taxonomy.nodes["category_id"])) - set(ids.values()) - set(found["key"]))
    key = pl.when(pl.col("kind") == "department").then(pl.col("key").replace(ids)).otherwise("key")
    known = found.with_columns(key.alias("key")).unique(["kind", "key"], keep="first", maintain_order=True)
    return pl.concat([known, _in_words("department", others).with_columns(unknown=True)])


def _affected(store: Store, found: pl.DataFrame, model: str, taxonomy: Taxonomy) -> pl.Series:
    """Live items of each vendor, or predicted in each department, in today's ids where those are known."""
    counted = Counter[str]()
    if "department" in found["kind"]:
        leaves = model_translation(store, model).predictions(store.query(PREDICTED, [model]))
        for leaf, items in leaves.select("leaf_id", "items").rows():
            if leaf in taxonomy:
                counted[taxonomy.ancestors(leaf)[0]] += items
    many = [
        counted[key]
        if kind == "department" and key in taxonomy
        else store.one(AFFECTED[kind], {"key": key, "model": model})
        for kind, key in found.select("kind", "key").rows()
    ]
    return pl.Series("items", many, pl.Int64)


def _uncarried(taxonomy: Taxonomy, carried: dict[str, str], lost_ids: frozenset[str]) -> frozenset[str]:
    """Today's departments that no department of the certificate vouches for; lost ones that still have their id, too."""
    today = frozenset(taxonomy.nodes.filter(level=1)["category_id"])
    return (today - frozenset(carried.values())) | (lost_ids - today)


def translated(policy: Policy, translation: Translation) -> Policy:
    """The policy with the departments it names in today's ids; one that is gone is dropped: nothing is placed there."""

    def named(ids: Iterable[str]) -> dict[str, str]:
        return {key: now for key in ids if (now := translation.now(key)) is not None}

    return replace(
        policy,
        review_departments=frozenset(named(policy.review_departments).values()),
        parent_review_departments=frozenset(named(policy.parent_review_departments).values()),
        leaf_groups={now: policy.leaf_groups[key] for key, now in named(policy.leaf_groups).items()},
        parent_groups={now: policy.parent_groups[key] for key, now in named(policy.parent_groups).items()},
    )
