"""Proof on real data: certificates earned from many draws, each judged on the whole pool it was drawn from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy.stats import binom

from benchmarks.quality import stored
from benchmarks.quality.cells import Cell
from benchmarks.quality.figures import DELTA, TARGETS, certificate_of, labelled, placed_share
from benchmarks.quality.measure import Surroundings
from benchmarks.quality.splits import task
from catalog.certification.certificate import StratumCertificate, Terms
from catalog.certification.evidence import Sample, prepare
from catalog.certification.policy import Bar
from catalog.taxonomies.taxonomy import Taxonomy

SEED = 0


@dataclass(frozen=True)
class Pool:
    """Held-out products (calibration and test together), and the temperature split that fixes where tests start."""

    temperature: pl.DataFrame
    frame: pl.DataFrame
    taxonomy: Taxonomy
    size: int

    def draw(self, generator: np.random.Generator) -> tuple[pl.DataFrame, np.ndarray]:
        """`size` products with replacement, each draw a product of its own, and how often each cluster came."""
        names, cluster = np.unique(self.frame["cluster"].to_numpy().astype(str), return_inverse=True)
        order = np.argsort(cluster, kind="stable")
        lengths = np.bincount(cluster)
        starts = np.cumsum(lengths) - lengths
        drawn = generator.integers(0, len(names), self.size)
        number = np.repeat(np.arange(self.size), lengths[drawn])
        inside = np.arange(len(number)) - np.repeat(np.cumsum(lengths[drawn]) - lengths[drawn], lengths[drawn])
        rows = order[np.repeat(starts[drawn], lengths[drawn]) + inside]
        sample = self.frame[rows].with_columns(cluster=pl.format("{}-{}", "cluster", pl.Series(number)))
        return sample, np.bincount(drawn, minlength=len(names))


def resample(cell: Cell, around: Surroundings, *, draws: int) -> Iterator[dict[str, Any]]:
    """For each target: how often the promise was broken, how often nothing was placed, and how much was."""
    work = task(cell.set, cell.split, cell.share, around.data)
    scores = stored.load(around.scores(cell))
    parts = {p: labelled(scores, p, work.parts[p], work.taxonomy) for p in ("temperature", "calibration", "test")}
    frame = pl.concat([parts["calibration"], parts["test"]])
    pool = Pool(parts["temperature"], frame, work.taxonomy, parts["calibration"]["cluster"].n_unique())
    for target in TARGETS:
        yield trials(pool, target, draws)


class Judge:
    """Product coverage and precision of a stratum's policy over the pool; few thresholds come up, each is judged once."""

    def __init__(self, whole: Sample) -> None:
        self.whole = whole
        self._leaf_options = whole.leaf_options()
        self._parent_options: dict[Any, pl.DataFrame] = {}
        self._seen: dict[Any, tuple[float, float | None]] = {}

    def leaf(self, stratum: StratumCertificate) -> tuple[float, float | None]:
        """Of what is placed at a leaf."""
        return self._judged("leaf", self._leaf_options, stratum)

    def parent(self, stratum: StratumCertificate, leaf: StratumCertificate) -> tuple[float, float | None]:
        """Of what is placed at a parent, beside the leaves that are placed."""
        beside = _named(leaf.bar)
        if beside not in self._parent_options:
            self._parent_options[beside] = self.whole.parent_options(leaf.bar)
        return self._judged(beside, self._parent_options[beside], stratum)

    def _judged(self, kind: Any, options: pl.DataFrame, stratum: StratumCertificate) -> tuple[float, float | None]:
        key = (kind, _named(stratum.bar), stratum.review_departments)
        if key not in self._seen:
            found = placed_share(self.whole, options, stratum)
            self._seen[key] = (found["product_coverage"] or 0.0, found["product_precision"])
        return self._seen[key]


def _named(bar: Bar) -> Any:
    """A bar as the key of a dict."""
    return tuple(sorted(bar.items())) if isinstance(bar, Mapping) else bar


def trials(pool: Pool, target: float, draws: int) -> dict[str, Any]:
    """The outcomes of many certificates at one target. Precision and coverage are of products, over the whole pool."""
    generator = np.random.default_rng(SEED)
    judge = Judge(prepare(pool.frame, "pool", pool.taxonomy, Terms()))
    leaves, parents, times, level = [], [], [], DELTA
    for _ in range(draws):
        sample, drawn = pool.draw(generator)
        earned = certificate_of(pool.temperature, sample, pool.taxonomy, target)
        leaves.append(judge.leaf(earned.leaf))
        parents.append(judge.parent(earned.parent, earned.leaf))
        times.append(drawn)
        level = earned.leaf.level
    broken = np.array(
        [[_below(leaf, target), _below(parent, target)] for leaf, parent in zip(leaves, parents, strict=True)]
    )
    coverage = float(np.mean([leaf[0] for leaf in leaves]))
    oracle = oracle_coverage(judge.whole, np.array(times), target, level)
    return {
        "target": target,
        "draws": draws,
        "products": pool.size,
        "leaf_violations": float(broken[:, 0].mean()),
        "parent_violations": float(broken[:, 1].mean()),
        "violations": float(broken.any(axis=1).mean()),
        "allowed": DELTA + 2.0 * float(np.sqrt(DELTA * (1.0 - DELTA) / draws)),
        "nothing_placed": float(np.mean([leaf[0] == 0.0 for leaf in leaves])),
        "coverage": coverage,
        "parent_coverage": float(np.mean([parent[0] for parent in parents])),
        "oracle_coverage": oracle,
        "of_oracle": coverage / oracle if oracle else None,
    }


def _below(found: tuple[float, float | None], target: float) -> bool:
    return found[1] is not None and found[1] < target


def oracle_coverage(whole: Sample, times: np.ndarray, target: float, level: float) -> float:
    """Coverage of the most lenient threshold that passes the test in at least half of the draws; 0 when none does.

    `times` int (draws, clusters) says how often each cluster was drawn, clusters in the order of their names. Knowing
    that threshold beforehand is more than any procedure can; it is what the sequence is measured against.
    """
    names = np.unique(whole.frame["cluster"].to_numpy().astype(str))
    tested = whole.frame.filter("tested").with_columns(
        place=pl.Series(np.searchsorted(names, whole.frame.filter("tested")["cluster"].to_numpy().astype(str)))
    )
    tested = tested.join(whole.leaf_options().select("row", "score", "right"), on="row").sort("score", descending=True)
    often = times[:, tested["place"].to_numpy()]
    wrong = np.cumsum(often * ~tested["right"].to_numpy(), axis=1)
    passed = binom.cdf(wrong, np.cumsum(often, axis=1), 1.0 - target) <= level
    passed &= np.cumsum(often, axis=1) > 0
    enough = np.flatnonzero(passed.mean(axis=0) >= 0.5)
    return float((enough[-1] + 1) / len(names)) if len(enough) else 0.0
