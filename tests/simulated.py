"""Labelled predictions with known truth: what the certificate claims can be compared with what is."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from catalog.taxonomy import Taxonomy, from_paths

DEPARTMENTS, GROUPS, LEAVES = 8, 4, 4
ITEMS_A_CLUSTER = 0.6  # of a geometric distribution: 1.7 items on average


def tree() -> Taxonomy:
    """128 leaves on three levels."""
    return from_paths(
        f"D{d} > D{d}G{g} > D{d}G{g}L{leaf}"
        for d in range(DEPARTMENTS)
        for g in range(GROUPS)
        for leaf in range(LEAVES)
    )


@dataclass(frozen=True)
class World:
    """How predictions and labels come about. `sharpness` above 1 makes the scores over-confident, below 1 shy.

    `vanity` lifts the scores of the two rarest departments without reason; `fog` blurs all of them.
    """

    sharpness: float = 1.0
    vanity: float = 0.0
    fog: float = 0.0
    mean: float = 4.5
    spread: float = 2.5
    noise: float = 0.005
    rare: float = 0.5

    def draw(self, products: int, seed: int) -> pl.DataFrame:
        """One row per item; `leaf_chance` and `group_chance` are the true probabilities that each is labelled right."""
        rng = np.random.default_rng(seed)
        cluster = np.repeat(np.arange(products), rng.geometric(ITEMS_A_CLUSTER, products))
        true = rng.normal(self.mean, self.spread, products)[cluster] + rng.normal(0, 0.3, len(cluster))
        leaf = 1 / (1 + np.exp(-true))
        group = leaf + (1 - leaf) * 0.8
        weights = (1.0 / np.arange(1, DEPARTMENTS + 1)) ** self.rare
        department = rng.choice(DEPARTMENTS, products, p=weights / weights.sum())[cluster]
        inside = rng.integers(0, GROUPS * LEAVES, products)[cluster]
        u, flip = rng.random(products)[cluster], rng.random(len(cluster)) < self.noise
        node = pl.DataFrame({"d": department, "g": inside // LEAVES, "l": inside % LEAVES})
        paths = node.select(
            d=pl.format("D{}", "d"),
            g=pl.format("D{} > D{}G{}", "d", "d", "g"),
            leaf=pl.format("D{} > D{}G{} > D{}G{}L{}", "d", "d", "g", "d", "g", "l"),
            beside=pl.format("D{} > D{}G{} > D{}G{}L{}", "d", "d", "g", "d", "g", (pl.col("l") + 1) % LEAVES),
            away=pl.format("D{} > D{}G0 > D{}G0L0", *[(pl.col("d") + 1) % DEPARTMENTS] * 3),
        )
        kind = np.where(flip | (u >= group), "away", np.where(u < leaf, "leaf", "beside"))
        seen = true + self.vanity * (department >= DEPARTMENTS - 2) + self.fog * rng.normal(size=products)[cluster]
        score = self.sharpness * seen
        group_odds = self.sharpness * np.logaddexp(seen + np.log(1 / 0.2), np.log(0.8 / 0.2))
        mass = 1 / (1 + np.exp(-group_odds))
        return paths.select(
            vendor=pl.lit("v") + pl.Series(cluster % 7).cast(pl.String),
            item_id=pl.Series(np.arange(len(cluster))).cast(pl.String) + pl.lit(f"-{seed}"),
            cluster=pl.Series(cluster).cast(pl.String) + pl.lit(f"-{seed}"),
            category_id=pl.when(pl.Series(kind) == "leaf")
            .then("leaf")
            .when(pl.Series(kind) == "beside")
            .then("beside")
            .otherwise("away"),
            leaf_id="leaf",
            log_odds=pl.Series(score),
            probability=pl.Series(1 / (1 + np.exp(-score))),
            chain_ids=pl.concat_list("d", "g", "leaf"),
            chain_mass=pl.concat_list(
                pl.Series(np.maximum(mass, 0.999)), pl.Series(mass), pl.Series(1 / (1 + np.exp(-score)))
            ),
            chain_log_odds=pl.concat_list(pl.Series(group_odds + 3), pl.Series(group_odds), pl.Series(score)),
            leaf_chance=pl.Series(leaf * (1 - self.noise)),
            group_chance=pl.Series(group * (1 - self.noise)),
        )


def true_precision(pool: pl.DataFrame, threshold: float) -> tuple[float, float]:
    """Precision at the leaf and coverage of a threshold over a large pool, every product weighing the same."""
    weight = 1.0 / pl.len().over("cluster")
    taken = pool.with_columns(weight=weight).filter(pl.col("log_odds") >= threshold)
    total = taken["weight"].sum()
    right = taken.select((pl.col("weight") * pl.col("leaf_chance")).sum()).item()
    return right / total, total / pool["cluster"].n_unique()
