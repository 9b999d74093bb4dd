"""Labelled predictions with known truth: what the certificate claims can be compared with what is."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import stats

from catalog.certification.evidence import one_per_cluster
from catalog.certification.sequence import Curve, leaf_first, walk
from catalog.taxonomies.taxonomy import Taxonomy, from_paths

DEPARTMENTS, GROUPS, LEAVES = 8, 4, 4
DELTA = 0.05
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

    `vanity` lifts the scores of the two rarest departments without reason; `fog` blurs all of them; `kin` is the share
    of wrong leaves whose parent is right.
    """

    sharpness: float = 1.0
    vanity: float = 0.0
    fog: float = 0.0
    mean: float = 4.5
    spread: float = 2.5
    noise: float = 0.005
    rare: float = 0.5
    kin: float = 0.8

    def draw(self, products: int, seed: int) -> pl.DataFrame:
        """One row per item; `leaf_chance` and `group_chance` are the true probabilities that each is labelled right."""
        rng = np.random.default_rng(seed)
        cluster = np.repeat(np.arange(products), rng.geometric(ITEMS_A_CLUSTER, products))
        true = rng.normal(self.mean, self.spread, products)[cluster] + rng.normal(0, 0.3, len(cluster))
        leaf = 1 / (1 + np.exp(-true))
        group = leaf + (1 - leaf) * self.kin
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
        group_odds = self.sharpness * np.logaddexp(seen - np.log(1 - self.kin), np.log(self.kin / (1 - self.kin)))
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

    def products(self, n: int, seed: int) -> "Products":
        """The same as arrays, one tested item a product: for simulations of many draws."""
        rng = np.random.default_rng(seed)
        true = rng.normal(self.mean, self.spread, n) + rng.normal(0, 0.3, n)
        leaf = 1 / (1 + np.exp(-true))
        node = leaf + (1 - leaf) * self.kin
        weights = (1.0 / np.arange(1, DEPARTMENTS + 1)) ** self.rare
        department = rng.choice(DEPARTMENTS, n, p=weights / weights.sum())
        seen = true + self.vanity * (department >= DEPARTMENTS - 2) + self.fog * rng.normal(size=n)
        odds = self.sharpness * np.logaddexp(seen - np.log(1 - self.kin), np.log(self.kin / (1 - self.kin)))
        u, flip = rng.random(n), rng.random(n) < self.noise
        kept = 1 - self.noise
        return Products(self.sharpness * seen, flip | (u >= leaf), leaf * kept, odds, flip | (u >= node), node * kept)


@dataclass(frozen=True)
class Products:
    """Arrays (n,): log-odds of leaf and node above it, whether each is wrong, and the true chance that it is right."""

    score: np.ndarray
    wrong: np.ndarray
    chance: np.ndarray
    node_score: np.ndarray
    node_wrong: np.ndarray
    node_chance: np.ndarray

    @classmethod
    def of(cls, frame: pl.DataFrame) -> "Products":
        """The tested items of a drawn frame."""
        rows = frame.filter(one_per_cluster(frame, 0))
        wrong = pl.col("leaf_id") != pl.col("category_id")
        group = pl.col("chain_ids").list.get(1)
        astray = ~pl.col("category_id").str.starts_with(group)  # ids are paths
        node = pl.col("chain_log_odds").list.get(1)
        columns = ("log_odds", wrong, "leaf_chance", node, astray, "group_chance")
        return cls(*(rows.select(column).to_series().to_numpy() for column in columns))

    def leaf_curve(self) -> Curve:
        """Every product at its leaf."""
        return Curve.from_events(self.score, np.ones(len(self.score), int), self.wrong.astype(int), len(self.score))

    def parent_curve(self, leaf: float | None) -> Curve:
        """What no leaf takes, at the node above."""
        rest = self.rest(leaf)
        ones = np.ones(int(rest.sum()), int)
        return Curve.from_events(self.node_score[rest], ones, self.node_wrong[rest].astype(int), len(self.score))

    def rest(self, leaf: float | None) -> np.ndarray:
        """Bool (n,): no leaf takes it, and the node above has more than half of its mass."""
        return (self.score < (np.inf if leaf is None else leaf)) & (self.node_score > 0)

    def truth(self, leaf: float | None, parent: float | None) -> list[tuple[float, float]]:
        """(precision, share placed) at the leaf and at the parent; precision 1 where nothing is placed."""
        at_leaf = self.score >= (np.inf if leaf is None else leaf)
        at_parent = self.rest(leaf) & (self.node_score >= (np.inf if parent is None else parent))
        pairs = ((at_leaf, self.chance), (at_parent, self.node_chance))
        return [(float(chance[taken].mean()) if taken.any() else 1.0, float(taken.mean())) for taken, chance in pairs]


@dataclass(frozen=True)
class Tally:
    """Shares of draws: a claim was wrong; nothing placed at a leaf; at all. Then mean shares of products placed.

    The oracles' are what the most lenient threshold places that passes in half of all draws: at the leaf at the whole
    level of the attempt, at the parent (beside that leaf threshold) at half of it.
    """

    draws: int
    violations: float
    no_leaf: float
    nothing: float
    leaf: float
    parent: float
    leaf_oracle: float
    parent_oracle: float

    @property
    def allowed(self) -> float:
        """Delta plus two standard errors."""
        return DELTA + 2 * float(np.sqrt(DELTA * (1 - DELTA) / self.draws))


def certified(temperature: Products, calibration: Products, target: float, spend: float) -> tuple[float | None, ...]:
    """Thresholds of leaf and parent: what `certify` does, on curves instead of frames."""
    before = temperature.leaf_curve()
    size = calibration.leaf_curve().size
    first = spend if leaf_first(before, temperature.parent_curve(None), size, target, spend) else None
    found = walk(before, calibration.leaf_curve(), target, spend / 2, first=first).last
    if found is None and first is not None:
        return None, None
    leaf = found and found.threshold
    above = walk(temperature.parent_curve(leaf), calibration.parent_curve(leaf), target, spend / 2).last
    return leaf, above and above.threshold


def tally(world: World, target: float, sizes: tuple[int, int], draws: int, pool: int = 100_000) -> Tally:
    """First attempts on `sizes` temperature and calibration products, judged by a pool of known truth."""
    everyone = world.products(pool, 999)
    rows = []
    for draw in range(draws):
        samples = (world.products(size, 10_000 * (1 + part) + draw) for part, size in enumerate(sizes))
        leaf, parent = certified(*samples, target, DELTA / 2)
        (leaf_precision, placed), (node_precision, above) = everyone.truth(leaf, parent)
        rows.append((min(leaf_precision, node_precision) < target, leaf is None, placed + above == 0, placed, above))
    threshold, at_leaf = power_oracle(everyone.score, everyone.chance, pool, (sizes[1], target, DELTA / 2))
    rest = everyone.rest(threshold)
    levels = (sizes[1], target, DELTA / 4)
    _, at_parent = power_oracle(everyone.node_score[rest], everyone.node_chance[rest], pool, levels)
    return Tally(draws, *np.array(rows, float).mean(axis=0).tolist(), at_leaf, at_parent)


def power_oracle(
    score: np.ndarray, chance: np.ndarray, population: int, test: tuple[int, float, float]
) -> tuple[float | None, float]:
    """Threshold and coverage of the most lenient one that passes in half of all draws; `test`: size, target, level.

    `score` and true `chance` (m,) are those of the stratum's members among the `population`.
    """
    coverage, chances, thresholds = _passing(score, chance, population, test)
    passes = np.flatnonzero(chances >= 0.5)
    return (float(thresholds[passes[-1]]), float(coverage[passes[-1]])) if len(passes) else (None, 0.0)


def best_chance(everyone: Products, test: tuple[int, float, float]) -> float:
    """Exact chance to pass from the best start there is, known beforehand; no choice of a start can do better."""
    return float(_passing(everyone.score, everyone.chance, len(everyone.score), test)[1].max())


def _passing(
    score: np.ndarray, chance: np.ndarray, population: int, test: tuple[int, float, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coverage, chance to pass and threshold at 400 places from strict to lenient."""
    size, target, level = test
    order = np.argsort(-score)
    places = np.unique(np.linspace(0, len(order) - 1, 400).astype(int)) if len(order) else np.empty(0, int)
    precision = np.cumsum(chance[order])[places] / (places + 1)
    n = np.round(size * (places + 1) / population)
    allowed = stats.binom.ppf(level, n, 1 - target)
    allowed -= stats.binom.cdf(allowed, n, 1 - target) > level
    return (places + 1) / population, stats.binom.cdf(allowed, n, 1 - precision), score[order][places]


WORLDS = {
    "calibrated": World(),
    "over-confident, vain rare departments": World(sharpness=2.0, vanity=2.0),
    "shy and blurred": World(sharpness=0.5, fog=1.0),
    "leaves hard, parents easy": World(mean=2.5, kin=0.97),
    "accuracy 0.99": World(mean=9.0),
}
