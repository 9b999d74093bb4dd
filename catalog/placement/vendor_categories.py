"""What a vendor's own categories mean here: learned from decisions, said by people, and used where a prediction contradicts.

A vendor's path counts for itself and for every level above it, so that a rare category backs off to a common one. What it
means is the deepest category of ours in which nearly all of its products stand.
"""

import re
from collections.abc import Callable
from typing import Any

import polars as pl

from catalog.certification.metrics import lower_bound
from catalog.store import Store
from catalog.taxonomies.category_moves import Translation
from catalog.taxonomies.taxonomy import SEPARATOR, Taxonomy

LEAST_ITEMS = 20  # products a mapping must have been seen on before a prediction is held against it
LEAST_BOUND = 0.9  # and what the share that agreed with it is at least, said with CONFIDENCE
CONFIDENCE = 0.95
_LEVELS = re.compile(r"\s*[>|»]\s*|\s+/\s+")
LEARNED: dict[str, Any] = {
    "vendor": pl.String,
    "vendor_category": pl.String,
    "level": pl.Int32,
    "category_id": pl.String,
    "items": pl.Int64,
    "right_items": pl.Int64,
    "lower_bound": pl.Float64,
    "sources": pl.List(pl.String),
}
RULES = ("vendor", "vendor_category", "category_id", "items", "right_items", "lower_bound", "said_by")
# One row per decided item whose content at the decision names the vendor's category.
DECIDED = """
    SELECT d.vendor, coalesce(nullif(i.product_id, ''), d.item_id) AS product, i.vendor_category, d.category_id, d.source
    FROM standing_decisions d
    JOIN (SELECT DISTINCT vendor, item_id, input_hash, vendor_category, product_id FROM items) i
      ON i.vendor = d.vendor AND i.item_id = d.item_id AND i.input_hash = d.input_hash
    WHERE d.verdict = 'category' AND i.vendor_category <> ''
    ORDER BY d.vendor, d.item_id, d.seq
"""
# The same of the labels a model was trained or stopped on: those it is certified on must not teach what it is held to.
TAUGHT = """
    SELECT s.vendor, s.cluster AS product, i.vendor_category, d.category_id, d.source
    FROM example_splits s
    JOIN standing_decisions d ON d.vendor = s.vendor AND d.item_id = s.item_id AND d.verdict = 'category'
    JOIN (SELECT DISTINCT vendor, item_id, input_hash, vendor_category FROM items) i
      ON i.vendor = s.vendor AND i.item_id = s.item_id AND i.input_hash = s.input_hash
    WHERE s.model_id = ? AND s.split IN ('train', 'early_stopping') AND i.vendor_category <> ''
    ORDER BY s.vendor, s.item_id
"""
SAID = """SELECT vendor, vendor_category, category_id, said_by FROM vendor_category_counts WHERE said_by IS NOT NULL"""


def lineage(text: str) -> list[str]:
    """A vendor's category and those above it, the deepest last; levels are split at > | » and a / between spaces."""
    parts = [part for part in _LEVELS.split(" ".join(text.split())) if part]
    return [SEPARATOR.join(parts[: n + 1]) for n in range(len(parts))]


def learn(decided: pl.DataFrame, taxonomy: Taxonomy) -> pl.DataFrame:
    """One row per vendor and category of theirs, with the columns of LEARNED.

    `decided` has vendor, product, vendor_category, category_id and source; products count once, and categories that this
    taxonomy does not have are left out.
    """
    known = decided.filter(pl.col("category_id").is_in(taxonomy.nodes["category_id"].implode()))
    named = _exploded(known, "vendor_category", lineage, "theirs")
    named = named.unique(["vendor", "theirs", "product"], keep="first", maintain_order=True)
    totals = named.group_by("vendor", "theirs").agg(
        items=pl.len().cast(pl.Int64), sources=pl.col("source").unique().sort()
    )
    nodes = _exploded(named, "category_id", taxonomy.ancestors, "node")
    counted = nodes.group_by("vendor", "theirs", "node").agg(right_items=pl.len().cast(pl.Int64))
    counted = counted.join(totals, on=["vendor", "theirs"]).join(
        taxonomy.nodes.select(node="category_id", depth="level"), on="node"
    )
    return _chosen(_bounded(counted))


def _exploded(frame: pl.DataFrame, column: str, of: Callable[[str], list[str]], name: str) -> pl.DataFrame:
    """The frame with one row per element of what `of` makes of each value of a column."""
    values = frame[column].unique().sort().to_list()
    made = pl.DataFrame(
        {column: values, name: [of(value) for value in values]},
        schema={column: pl.String, name: pl.List(pl.String)},
    ).explode(name, empty_as_null=False, keep_nulls=False)
    return frame.join(made, on=column, maintain_order="left_right")


def _bounded(counted: pl.DataFrame) -> pl.DataFrame:
    pairs = counted.select("right_items", "items").unique()
    bounds = [lower_bound(right, items, CONFIDENCE) for right, items in pairs.iter_rows()]
    return counted.join(pairs.with_columns(pl.Series("lower_bound", bounds, pl.Float64)), on=["right_items", "items"])


def _chosen(counted: pl.DataFrame) -> pl.DataFrame:
    """The deepest node that holds, else the deepest of those most of the products agree on."""
    holds = pl.col("lower_bound") >= LEAST_BOUND
    most = pl.when(holds).then(0).otherwise("right_items")
    best = counted.with_columns(holds=holds, most=most).sort(
        "vendor", "theirs", "holds", "most", "depth", "right_items", "node",
        descending=[False, False, True, True, True, True, False],
    )  # fmt: skip
    best = best.unique(["vendor", "theirs"], keep="first", maintain_order=True)
    level = (pl.col("vendor_category").str.count_matches(SEPARATOR, literal=True) + 1).cast(pl.Int32)
    best = best.rename({"theirs": "vendor_category", "node": "category_id"}).with_columns(level=level)
    return best.select(pl.col(name).cast(kind) for name, kind in LEARNED.items())


def rules(learned: pl.DataFrame, said: pl.DataFrame) -> pl.DataFrame:
    """What predictions are held against, with the columns of RULES: mappings that held often enough, and what people
    said, which stands whatever was learned. A vendor's category that people say means nothing of ours has no rule."""
    key = ["vendor", "vendor_category"]
    held = learned.filter(pl.col("items") >= LEAST_ITEMS, pl.col("lower_bound") >= LEAST_BOUND)
    held = held.join(said, on=key, how="anti").with_columns(said_by=pl.lit(None, pl.String))
    counts = learned.select(*key, "items", "right_items", "lower_bound")
    spoken = said.filter(pl.col("category_id").is_not_null()).join(counts, on=key, how="left")
    return pl.concat([held.select(RULES), spoken.select(RULES)]).sort(key)


def with_conflicts(frame: pl.DataFrame, held: pl.DataFrame, taxonomy: Taxonomy) -> pl.DataFrame:
    """Adds `vendor_conflict`: what speaks against the predicted leaf, in words; null where nothing does.

    `frame` has vendor, vendor_category and leaf_id. The deepest category of the vendor's path that has a rule decides; a
    rule and a leaf agree when one is the other or above it.
    """
    found = {(vendor, theirs): rule for vendor, theirs, *rule in held.select(RULES[:5]).iter_rows()}
    known = {vendor for vendor, _ in found}
    asked = (
        frame.filter(pl.col("vendor").is_in(list(known)))
        .select("vendor", "vendor_category", "leaf_id")
        .unique()
        .drop_nulls()
    )
    said = [_conflict(row, found, taxonomy) for row in asked.iter_rows()]
    words = asked.with_columns(pl.Series("vendor_conflict", said, pl.String))
    return frame.join(words, on=["vendor", "vendor_category", "leaf_id"], how="left", maintain_order="left")


def _conflict(row: tuple[str, str, str], held: dict[tuple[str, str], list], taxonomy: Taxonomy) -> str | None:
    vendor, category, leaf = row
    theirs = next((name for name in reversed(lineage(category)) if (vendor, name) in held), None)
    if theirs is None:
        return None
    ours, items, right = held[vendor, theirs]
    if ours in taxonomy and leaf in taxonomy and (ours in taxonomy.ancestors(leaf) or leaf in taxonomy.ancestors(ours)):
        return None
    path = taxonomy.path(ours) if ours in taxonomy else f"{ours}, which the taxonomy no longer has"
    seen = f"{right} of {items} such products stand" if items else "such products stand, a person said,"
    return f"The vendor files it under {theirs}, and {seen} in {path}."


def certified_rules(store: Store, certificate_id: str | None, translation: Translation) -> pl.DataFrame:
    """The rules a certificate was earned with, in today's ids; one whose category is gone contradicts every prediction,
    for dropping it would place what the certificate did not count."""
    held = store.query(
        "SELECT * EXCLUDE (certificate_id) FROM vendor_category_rules WHERE certificate_id = ?", [certificate_id]
    )
    return held.with_columns(pl.coalesce(translation.ids(pl.col("category_id")), "category_id")).select(RULES)


def with_vendor_category(store: Store, sample: pl.DataFrame) -> pl.DataFrame:
    """A labelled sample (vendor, item_id, input_hash) with the vendor's category of that content; null without one."""
    with store.frame("asked", sample.select("vendor", "item_id", "input_hash").unique()):
        found = store.query(
            """SELECT vendor, item_id, input_hash, min(vendor_category) AS vendor_category
               FROM items SEMI JOIN asked USING (vendor, item_id, input_hash) GROUP BY ALL"""
        )
    return sample.join(found, on=["vendor", "item_id", "input_hash"], how="left", maintain_order="left")


def worst_first(shown: pl.DataFrame) -> pl.DataFrame:
    """Those in which the most products stand elsewhere first, then the largest."""
    wrong = pl.col("items") - pl.col("right_items")
    return shown.sort(
        wrong, "items", "vendor", "vendor_category", descending=[True, True, False, False], nulls_last=True
    )
