"""What a candidate makes of what was known when the serving model learned: categories that turn up elsewhere as a whole.

A flipped category of twenty products costs a fifth of a percent of accuracy, which no comparison on products held out can
see. Two looks at the labels the serving model had, as they were called then, do:

- renamed: of the products both models learned from, at least `LEAST` of a category and more than half of it carry another
  category's name now: a label file with shifted names, a stale hierarchy, a sheet answered as a whole by mistake;
- a sign test on every category's labelled products (`gate.judge`), which needs no label to have changed.

The serving model has seen many of these products, and so has the candidate. No promise holds for the second look therefore:
what it costs is measured (benchmarks/RESULTS.md, "The promotion gate").
"""

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from catalog.labels.clusters import item_key, unit_hash
from catalog.store import Store
from catalog.taxonomies.category_moves import model_translation

LEAST = 5  # products
SHOWN = 3  # examples
MOST = 40  # products of a category that are looked at
# `category`: as the serving model was taught, `now`: as the candidate was; paths of today's hierarchy, or ids.
TAUGHT = pl.Schema(dict.fromkeys(("vendor", "item_id", "title", "category", "now"), pl.String))
# What the candidate (first) and the serving model (second) say of products the serving model knew as `category`.
KNOWN = pl.Schema(dict.fromkeys(("vendor", "item_id", "title", "category", "first_says", "second_says"), pl.String))


@dataclass(frozen=True)
class History:
    """What was known when the serving model learned: frames with the columns of `TAUGHT` and `KNOWN`, one row a product."""

    taught: pl.DataFrame
    known: pl.DataFrame


def labels_of(store: Store, model_id: str) -> pl.DataFrame:
    """What a model of our own was made of: vendor, item_id, cluster, split, and category_id as it was labelled then, in
    today's ids.

    Labels of categories that were split or removed since are left out, and imported answers have none.
    """
    found = store.query(
        "SELECT vendor, item_id, cluster, split, category_id FROM example_splits WHERE model_id = ? AND category_id IS NOT NULL "
        "ORDER BY vendor, item_id",
        [model_id],
    )
    return found.with_columns(model_translation(store, model_id).ids(pl.col("category_id"))).drop_nulls("category_id")


def renamed(taught: pl.DataFrame) -> list[str]:
    """A sentence for each category that was renamed, the largest first. `taught`: columns of `TAUGHT`, one row a product."""
    changed = taught.filter(pl.col("category") != pl.col("now"))
    counts = taught.group_by("category").agg(
        pl.len().alias("products"), (pl.col("category") != pl.col("now")).sum().alias("changed")
    )
    found = counts.filter((pl.col("changed") >= LEAST) & (2 * pl.col("changed") > pl.col("products")))
    return [
        f"of {row['products']} products of {row['category']} that both learned from, {row['changed']} are labelled otherwise "
        f"now, {elsewhere(changed.filter(pl.col('category') == row['category']), 'now')}"
        for row in found.sort("changed", "category", descending=[True, False]).iter_rows(named=True)
    ]


def elsewhere(rows: pl.DataFrame, column: str) -> str:
    """Where these products are now, the commonest category with examples: "18 of them Home > Pans (acme 17 Iron pan)"."""
    where, many = rows.group_by(column).len().sort("len", column, descending=[True, False], nulls_last=True).row(0)
    shown = rows.filter(pl.col(column).eq_missing(pl.lit(where))).sort("vendor", "item_id").head(SHOWN)
    return f"{many} of them {where or 'nothing'} ({_examples(shown.select('vendor', 'item_id', 'title').iter_rows())})"


def _examples(rows: Iterable[tuple[str, str, str | None]]) -> str:
    return "; ".join(f"{vendor} {item} {(title or '')[:60]}".rstrip() for vendor, item, title in rows)


def few_of_each(known: pl.DataFrame) -> pl.DataFrame:
    """At most `MOST` products of each `category_id`, one item of a `cluster`, drawn by a hash of what they are, in the
    order of vendor and item."""
    drawn = known.with_columns(drawn=pl.Series(unit_hash(known.select(item_key()).to_series().to_list(), "history")))
    drawn = drawn.sort("drawn").unique(["category_id", "cluster"], keep="first", maintain_order=True)
    drawn = drawn.filter(pl.int_range(pl.len()).over("category_id") < MOST)
    return drawn.drop("drawn").sort("vendor", "item_id")
