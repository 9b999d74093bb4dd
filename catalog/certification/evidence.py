"""Labelled samples with predictions: which items are tested, where each may be placed, and whether that is right."""

from dataclasses import dataclass

import polars as pl

from catalog.certification.policy import Bar, admitted, deep_enough, department_of, may_stand, reaches, sure_nodes
from catalog.certification.sequence import Curve
from catalog.errors import CatalogError
from catalog.labels.clusters import item_key, stable_hash
from catalog.taxonomies.taxonomy import Taxonomy

LABELLED = ("vendor", "item_id", "cluster", "category_id")
PREDICTED = ("leaf_id", "log_odds", "chain_ids", "chain_mass", "chain_log_odds")


@dataclass(frozen=True)
class Terms:
    """What a certificate is issued under. `attempt` counts the attempts on these labels, from 1.

    Attempt k spends delta / (k (k + 1)), so that all of them together spend delta. `min_level` and
    `novelty_threshold` are the policy's: they decide what may be placed at all.
    """

    model_id: str = ""
    issued_at: str = ""
    min_level: int | None = None
    novelty_threshold: float | None = None
    groups: str = "pooled"
    attempt: int = 1
    seed: int = 0

    def level(self, delta: float) -> float:
        """What this attempt may spend of delta."""
        return delta / (self.attempt * (self.attempt + 1))


@dataclass(frozen=True)
class Sample:
    """A labelled sample with its predictions: all items, and which of them are tested (one a cluster)."""

    frame: pl.DataFrame
    taxonomy: Taxonomy
    min_level: int | None
    seed: int = 0

    @property
    def products(self) -> int:
        """How many products are tested."""
        return int(self.frame["tested"].sum())

    def leaf_options(self) -> pl.DataFrame:
        """One row per item that may be placed at its predicted leaf: row, level, node, score, right."""
        return self.frame.filter(pl.col("admitted") & may_stand(self.taxonomy)).select(
            "row",
            level=pl.lit(0, pl.Int32),
            node="leaf_id",
            score="log_odds",
            right=pl.col("leaf_id").eq(pl.col("category_id")),
        )

    def parent_options(self, leaf_bar: Bar) -> pl.DataFrame:
        """One row per (item not placed at its leaf, node it may be placed at): row, level, node, score, right."""
        at_leaf = may_stand(self.taxonomy) & reaches("log_odds", leaf_bar, department_of(self.taxonomy, "leaf_id"))
        rest = self.frame.filter(pl.col("admitted") & ~at_leaf)
        truths = rest["category_id"].unique().drop_nulls().to_list()
        lineage = {truth: self.taxonomy.ancestors(truth) for truth in truths if truth in self.taxonomy}
        right = pl.DataFrame(
            {"category_id": list(lineage), "node": list(lineage.values()), "right": True},
            schema={"category_id": pl.String, "node": pl.List(pl.String), "right": pl.Boolean},
        ).explode("node")
        numbers = rest.select("category_id", number="row").with_row_index("row")
        return (
            sure_nodes(rest, self.taxonomy)
            .filter(deep_enough(self.min_level))
            .join(numbers, on="row")
            .join(right, on=["category_id", "node"], how="left")
            .select("level", "node", row="number", score="node_log_odds", right=pl.col("right").fill_null(False))
        )

    def curve(self, options: pl.DataFrame) -> Curve:
        """The tested products' curve: as it falls, a product enters at its shallowest node and moves deeper."""
        tested = options.join(self.frame.filter("tested").select("row"), on="row", how="semi")
        deeper = pl.col("score").cum_max().shift(1).over("row")
        wrong = (~pl.col("right")).cast(pl.Int64)
        events = (
            tested.sort("row", "level", descending=[False, True])
            .filter(deeper.is_null() | (pl.col("score") > deeper))
            .reverse()
            .select(
                "score",
                accepted=pl.int_range(pl.len()).over("row").eq(0).cast(pl.Int64),
                wrong=wrong - wrong.shift(1, fill_value=0).over("row"),
            )
        )
        score, accepted, wrongs = (events[name].to_numpy() for name in ("score", "accepted", "wrong"))
        return Curve.from_events(score, accepted, wrongs, self.products)

    def placed(self, options: pl.DataFrame, bar: Bar) -> pl.DataFrame:
        """One row per item that reaches the bar, at its deepest node: cluster, vendor, tested, node, right."""
        options = options.with_columns(department=department_of(self.taxonomy, "node"))
        chosen = options.filter(reaches("score", bar, pl.col("department"))).sort("row", "level")
        kept = self.frame.select("row", "cluster", "vendor", "tested")
        return chosen.unique("row", keep="last").join(kept, on="row").sort("row")


def one_per_cluster(sample: pl.DataFrame, seed: int) -> pl.Series:
    """Bool per row: the one item of its cluster that is tested, drawn by the hash of its vendor and id."""
    drawn = stable_hash(sample.select(item_key()).to_series().to_list(), f"tested {seed}")
    hashed = pl.DataFrame({"cluster": sample["cluster"], "drawn": drawn}).with_row_index("row")
    first = hashed.sort("drawn", "row").unique("cluster", keep="first", maintain_order=True)
    return hashed.select(pl.col("row").is_in(first["row"].implode()).alias("tested")).to_series()


def prepare(sample: pl.DataFrame, split: str, taxonomy: Taxonomy, terms: Terms) -> Sample:
    """Checks the columns and the split of a labelled sample and draws the tested items."""
    absent = [name for name in (*LABELLED, *PREDICTED) if name not in sample.columns]
    if absent:
        raise CatalogError(
            f"The {split} sample lacks the columns {', '.join(absent)}.",
            remedy="Join predictions, labels and clusters before certifying.",
        )
    if "split" in sample.columns and not sample["split"].eq_missing(split).all():
        raise CatalogError(
            f"The {split} sample holds rows of another split.", remedy=f"Give only the rows whose split is {split}."
        )
    frame = sample.with_row_index("row").with_columns(
        one_per_cluster(sample, terms.seed), admitted=admitted(sample.columns, terms.novelty_threshold)
    )
    return Sample(frame, taxonomy, terms.min_level, terms.seed)
