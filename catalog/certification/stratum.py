"""What one stratum's test found: the figures a certificate states for it, and nothing beyond it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import polars as pl

from catalog.certification.evidence import Sample
from catalog.certification.metrics import lower_bound, upper_bound
from catalog.certification.policy import Bar, department_of
from catalog.certification.sequence import Curve, Step, Walk, accepted_needed, labels_needed, together
from catalog.taxonomies.taxonomy import Taxonomy

_CONFIDENCE = 0.95  # of department bounds and of the item-weighted interval
_BOOTSTRAPS = 1000
POOLED = ""  # the key of the one test where groups are not tested apart
Stratum = Literal["leaf", "parent"]


@dataclass(frozen=True)
class Group:
    """One department (or vendor) among the accepted calibration products: n of them, k wrong.

    `upper_bound` of the precision is one-sided, 95%, exact. `automated` is False where it lies below the target.
    """

    key: str
    name: str
    n: int
    k: int
    precision: float
    upper_bound: float
    automated: bool


@dataclass(frozen=True)
class GroupTest:
    """One department's own test, where groups are tested apart: the step it ended with and the level of that step.

    `accepted_needed`: accepted products it takes to pass when half of the errors allowed are made.
    """

    key: str
    name: str
    threshold: float | None
    n: int
    k: int
    p_value: float
    level: float
    accepted_needed: int | None


@dataclass(frozen=True)
class StratumCertificate:
    """What one stratum's test found; its figures speak for this stratum alone.

    `threshold` is None when nothing passed, when the item-weighted precision refused it, or when groups are tested apart
    (`tests`). `n`, `k`, `p_value` and `level` are those of the last step passed, else of the first one; with tests apart
    n and k are added up over the groups that passed, the p-value is their largest and the level that of all of them.
    `lower_bound` is exact, one-sided, at confidence 1 - `level`. `coverage` is the share of all calibration products
    placed in this stratum. `bars`: where a department was seen below the target at `threshold` and has a stricter one instead, the
    threshold of every department. `labels_missing` is None when no number of labels would do.
    """

    stratum: Stratum
    target: float
    level: float
    threshold: float | None
    start: float | None
    n: int
    k: int
    p_value: float
    precision: float | None
    lower_bound: float
    n_available: int
    coverage: float
    item_precision: float | None
    item_interval: tuple[float, float] | None
    labels_missing: int | None
    refusal: str | None
    departments: tuple[Group, ...] = ()
    vendors: tuple[Group, ...] = ()
    tests: tuple[GroupTest, ...] = ()
    bars: dict[str, float] = field(default_factory=dict)

    @property
    def bar(self) -> Bar:
        """What a score must reach to be placed: one threshold, one for each department, or None."""
        groups = {test.key: test.threshold for test in self.tests if test.threshold is not None}
        return groups or (self.bars if self.threshold is not None and self.bars else self.threshold)

    @property
    def passed(self) -> bool:
        """True when something may be placed in this stratum."""
        return self.bar is not None

    @property
    def review_departments(self) -> frozenset[str]:
        """Ids of the departments that are seen below the target and therefore go to review."""
        return frozenset(group.key for group in self.departments if not group.automated)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "StratumCertificate":
        """The inverse of `dataclasses.asdict`, also after a trip through JSON."""
        tables: dict[str, Any] = {
            name: tuple(Group(**row) for row in content[name]) for name in ("departments", "vendors")
        }
        tests = tuple(GroupTest(**row) for row in content.get("tests", ()))
        interval = content["item_interval"]
        interval = None if interval is None else tuple(interval)
        return cls(**{**content, **tables, "tests": tests, "item_interval": interval})


@dataclass(frozen=True)
class Found:
    """The tests of one stratum: the walk and the curve of each group (one group, `POOLED`, where they are not apart)."""

    walks: Mapping[str, Walk]
    curves: Mapping[str, Curve]
    level: float
    apart: bool
    tested: bool = True

    def withheld(self) -> "Found":
        """The same with nothing passed: the level was spent on the leaf, so nothing may be claimed here."""
        return replace(self, walks={key: Walk(None, walk.first) for key, walk in self.walks.items()}, tested=False)

    @property
    def bar(self) -> Bar:
        """What passed, before the item-weighted precision is looked at."""
        passed = {key: walk.last.threshold for key, walk in self.walks.items() if walk.last is not None}
        return (passed or None) if self.apart else passed.get(POOLED)

    @property
    def step(self) -> Step:
        """The pooled step, or the sum over the groups that passed."""
        if not self.apart:
            return self.walks[POOLED].step
        steps = [walk.last for walk in self.walks.values() if walk.last is not None]
        n, k = sum(step.n for step in steps), sum(step.k for step in steps)
        return Step(0.0, n, k, max((step.p_value for step in steps), default=1.0), bool(steps), self.level)


def report(
    stratum: Stratum,
    sample: Sample,
    options: pl.DataFrame,
    found: Found,
    target: float,
    *,
    bars: dict[str, float] | None = None,
) -> StratumCertificate:
    """The certificate of one stratum from its walks; refuses it where too many items would be wrong.

    `bars`: thresholds by department, none more lenient than what passed; what is placed is looked at under them.
    """
    step, bar = found.step, found.bar
    placed = sample.placed(options, bars or bar)
    departments = _groups(placed, "department", target, sample.taxonomy)
    refused = [group.key for group in departments if not group.automated]
    automated = placed.filter(~pl.col("department").is_in(refused))
    item_precision, interval = _item_weighted(automated, sample.seed)
    refusal = None if bar is not None else "nothing_passed" if found.tested else "level_spent_on_leaf"
    if interval is not None and interval[1] < target:
        refusal = "item_weighted_below_target"
    return StratumCertificate(
        stratum=stratum,
        target=target,
        level=step.level,
        threshold=None if refusal or found.apart else step.threshold,
        start=None if found.apart else found.walks[POOLED].start,
        n=step.n,
        k=step.k,
        p_value=step.p_value,
        precision=(step.n - step.k) / step.n if step.n else None,
        lower_bound=lower_bound(step.n - step.k, step.n, 1.0 - step.level),
        n_available=sum(int(curve.n[-1]) for curve in found.curves.values() if len(curve.n)),
        coverage=0.0 if refusal else int(automated["tested"].sum()) / max(sample.products, 1),
        item_precision=item_precision,
        item_interval=interval,
        labels_missing=_labels_missing(found, target, sample.products),
        refusal=refusal,
        departments=departments,
        vendors=_groups(placed, "vendor", target, None),
        tests=_tests(found, target, sample.taxonomy, refused=refusal is not None) if found.apart else (),
        bars=bars or {},
    )


def stricter_bars(
    refused: frozenset[str], threshold: float, known: Sequence[tuple[Sample, pl.DataFrame]], target: float
) -> dict[str, float]:
    """A threshold of every department: for those of `refused` the most lenient one above which they are as right as the
    target asks, `threshold` for all others. Empty where that helps no department.

    `known`: samples with their options; all their products together say how right a department is.
    """
    parts = [(sample, rows.with_columns(department=department_of(sample.taxonomy, "node"))) for sample, rows in known]
    found = dict[str, float]()
    for key in sorted(refused):
        curves = [sample.curve(rows.filter(department=key)) for sample, rows in parts]
        curve = together(curves)
        grid = curve.grid()
        right_enough = curve.smooth_rate(curve.counts(grid)[0], target) <= 1.0 - target
        stricter = grid[right_enough & (grid > threshold)]
        if len(stricter):
            found[key] = float(stricter[-1])
    departments = parts[0][0].taxonomy.nodes.filter(level=1)["category_id"].to_list()
    return dict.fromkeys(departments, threshold) | found if found else {}


def _labels_missing(found: Found, target: float, products: int) -> int | None:
    """Until the first group passes; 0 once one has."""
    if found.bar is not None:
        return 0
    needs = [labels_needed(curve, target, found.walks[key].first.level) for key, curve in found.curves.items()]
    need = min((need for need in needs if need is not None), default=None)
    return None if need is None else max(0, need - products)


def _tests(found: Found, target: float, taxonomy: Taxonomy, *, refused: bool) -> tuple[GroupTest, ...]:
    rows = []
    for key, walk in sorted(found.walks.items()):
        step = walk.step
        threshold = step.threshold if walk.last is not None and not refused else None
        needed = accepted_needed((1.0 - target) / 2.0, target, step.level)
        rows.append(GroupTest(key, taxonomy.path(key), threshold, step.n, step.k, step.p_value, step.level, needed))
    return tuple(rows)


def _groups(placed: pl.DataFrame, column: str, target: float, taxonomy: Taxonomy | None) -> tuple[Group, ...]:
    counted = placed.filter("tested").group_by(column).agg(n=pl.len(), k=(~pl.col("right")).sum()).sort(column)
    groups = []
    for key, n, k in counted.iter_rows():
        bound = upper_bound(n - k, n, _CONFIDENCE)
        name = taxonomy.path(key) if taxonomy else key
        groups.append(Group(key, name, n, k, (n - k) / n, bound, bound >= target))
    return tuple(groups)


def _item_weighted(placed: pl.DataFrame, seed: int) -> tuple[float | None, tuple[float, float] | None]:
    """Precision over items instead of products, with a 95% percentile interval from resampled clusters."""
    if not len(placed):
        return None, None
    sums = placed.group_by("cluster").agg(n=pl.len(), right=pl.col("right").sum()).sort("cluster")
    n, right = sums["n"].to_numpy().astype(np.float64), sums["right"].to_numpy().astype(np.float64)
    generator = np.random.default_rng(seed)
    shares = []
    for _ in range(_BOOTSTRAPS):
        drawn = generator.integers(0, len(n), len(n))
        shares.append(right[drawn].sum() / n[drawn].sum())
    low, high = np.quantile(shares, [0.5 - _CONFIDENCE / 2, 0.5 + _CONFIDENCE / 2])
    return float(right.sum() / n.sum()), (float(low), float(high))
