"""Whom a model serves worse: accuracy, coverage, review and calibration by vendor, brand, language, price, size, picture.

Every group of enough products is compared with all others. Shares by Fisher's exact test; calibration by the group's part
of all errors, given its part of all errors expected (binomial: the Poisson counts of two groups given their sum). Both are
conservative. All tests of an audit are corrected together by Holm's method (1979), which needs no independence and keeps
the chance of naming anything falsely below 5%: an audit may stop a promotion, and Benjamini-Hochberg would let a share of
what it names be false.
"""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from catalog.certification.metrics import binomial_cdf, wilson

LEVEL = 0.05
LEAST = 30  # products of a group; smaller ones are counted with the others of their kind
GROUPS = 20  # of a kind, the largest
OTHERS, NONE = "(others)", "(none)"
DIMENSIONS = ("vendor", "brand", "language", "price_band", "category_size", "picture")
MEASURES = ("accuracy", "coverage", "review", "calibration")
_SIZES = ((200, "200 labels and more"), (50, "50 to 199 labels"), (10, "10 to 49 labels"), (0, "fewer than 10 labels"))
_WORSE_WHEN_HIGH = {"review", "calibration"}
_TITLE = 60


@dataclass(frozen=True)
class Finding:
    """One measure of one group. `value` and `rest`: of the group and of all other products; of calibration the mean
    confidence less the accuracy. `low` and `high`: 95% interval of the value, Wilson's (of calibration that of the
    accuracy). `p_value` is corrected for all tests of the audit. `before`: the serving model's value on the same products.
    """

    dimension: str
    group: str
    measure: str
    n: int
    value: float
    low: float
    high: float
    rest: float
    p_value: float
    before: float | None
    example: str

    @property
    def differs(self) -> bool:
        """Beyond chance."""
        return self.p_value <= LEVEL

    @property
    def worse(self) -> bool:
        """Beyond chance, and to the group's disadvantage."""
        return self.differs and (self.value > self.rest) == (self.measure in _WORSE_WHEN_HIGH)

    @property
    def stops(self) -> bool:
        """Worse in what is promised (accuracy, calibration), and worse than the model that serves now."""
        if not self.worse or self.measure not in ("accuracy", "calibration") or self.before is None:
            return self.worse and self.measure in ("accuracy", "calibration")
        return self.value > self.before if self.measure in _WORSE_WHEN_HIGH else self.value < self.before

    def sentence(self) -> str:
        """For people."""
        of = f"{self.dimension.replace('_', ' ')} {self.group}"
        what = "overconfidence" if self.measure == "calibration" else self.measure
        return (
            f"{of}: {what} {self.value:.1%} against {self.rest:.1%} of the others ({self.n} products, corrected p "
            f"{self.p_value:.2g}). For example {self.example}"
        )


@dataclass(frozen=True)
class Audit:
    """All that was compared, kind by kind, the largest groups first."""

    model_id: str
    products: int
    findings: tuple[Finding, ...]

    @property
    def named(self) -> list[Finding]:
        """What differs beyond chance, the worse first."""
        found = [finding for finding in self.findings if finding.differs]
        return sorted(found, key=lambda finding: (not finding.worse, finding.p_value))

    def text(self) -> str:
        """A line for each difference, and how much was looked at."""
        looked = f"{len(self.findings)} comparisons by {', '.join(d.replace('_', ' ') for d in DIMENSIONS)}"
        if not self.findings:
            return f"Bias audit: {self.products} products are too few to compare groups of at least {LEAST}."
        if not self.named:
            return f"Bias audit: nothing differs beyond chance in {looked}."
        lines = [f"Bias audit: {len(self.named)} of {looked} differ beyond chance (5% over all of them, Holm):"]
        lines += [f"  {'worse ' if one.worse else 'better'}  {one.sentence()}" for one in self.named]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        rows = [
            {**asdict(one), "differs": one.differs, "worse": one.worse, "stops": one.stops} for one in self.findings
        ]
        return {"model_id": self.model_id, "products": self.products, "level": LEVEL, "findings": rows}


def audit(model_id: str, products: pl.DataFrame) -> Audit:
    """One row per product: the columns of DIMENSIONS (text, null: none), `right`, `placed`, `waits` (bool; null where
    nothing is ever placed), `probability`, and to show vendor, item_id, title, said, truth. Optionally `right_before` and
    `probability_before`, of the model that serves.
    """
    found, p_values = list[Finding](), list[float]()
    for dimension in DIMENSIONS:
        column = grouped(products[dimension])
        for group in _order(column):
            inside = (column == group).to_numpy()
            if LEAST <= inside.sum() <= products.height - LEAST:
                for finding, p_value in _measured(products, inside, (dimension, group)):
                    found.append(finding)
                    p_values.append(p_value)
    corrected = holm(p_values)
    rows = [Finding(**{**asdict(one), "p_value": p}) for one, p in zip(found, corrected, strict=True)]
    return Audit(model_id, products.height, tuple(rows))


def grouped(column: pl.Series) -> pl.Series:
    """The values that have enough rows, at most GROUPS, the others as OTHERS, and NONE for null."""
    known = column.fill_null(NONE)
    counted = known.value_counts().sort("count", known.name, descending=[True, False]).head(GROUPS)
    large = counted.filter(pl.col("count") >= LEAST)[known.name]
    return (
        pl.select(pl.when(known.is_in(large.implode())).then(known).otherwise(pl.lit(OTHERS)))
        .to_series()
        .alias(known.name)
    )


def _order(column: pl.Series) -> list[str]:
    counted = column.value_counts().sort("count", column.name, descending=[True, False])
    return counted[column.name].to_list()


def price_bands(price: pl.Series, currency: pl.Series) -> pl.Series:
    """Quarters of each currency's prices, null without a price: what is dear in one is cheap in another."""
    frame = pl.DataFrame({"price": price.cast(pl.Float64), "currency": currency.fill_null("")})
    rank = pl.col("price").rank("ordinal").over("currency") / pl.col("price").count().over("currency")
    names = ("cheapest quarter", "second quarter", "third quarter", "dearest quarter")
    quarter = ((rank * 4).ceil() - 1).clip(0, 3).cast(pl.Int64)
    return frame.select(
        pl.when(pl.col("price").is_not_null()).then(quarter.replace_strict(dict(enumerate(names)), default=None))
    ).to_series()


def category_sizes(labels: pl.Series) -> pl.Series:
    """In words, how many labels each row's category has."""
    found = [next(words for least, words in _SIZES if (count or 0) >= least) for count in labels]
    return pl.Series(found, dtype=pl.String)


def _measured(products: pl.DataFrame, inside: np.ndarray, key: tuple[str, str]) -> Iterator[tuple[Finding, float]]:
    right = products["right"].to_numpy()
    before = products["right_before"].to_numpy() if "right_before" in products.columns else None
    flags: list[tuple[str, np.ndarray | None, np.ndarray]] = [("accuracy", before, right)]
    if products["placed"].null_count() == 0:
        flags += [("coverage", None, products["placed"].to_numpy()), ("review", None, products["waits"].to_numpy())]
    n = int(inside.sum())
    for measure, earlier, flag in flags:
        k, others = int(flag[inside].sum()), int(flag[~inside].sum())
        low, high = wilson(k, n)
        finding = Finding(
            *key, measure, n, k / n, low, high, others / (len(flag) - n), 1.0,
            None if earlier is None else float(earlier[inside].mean()), _example(products, inside, measure),
        )  # fmt: skip
        yield finding, fisher((k, n), (others, len(flag) - n))
    yield _calibration(products, inside, key)


def _calibration(products: pl.DataFrame, inside: np.ndarray, key: tuple[str, str]) -> tuple[Finding, float]:
    right, p, n = products["right"].to_numpy(), products["probability"].to_numpy(), int(inside.sum())
    low, high = wilson(int(right[inside].sum()), n)
    before = None
    if {"right_before", "probability_before"} <= set(products.columns):
        before = float(
            products["probability_before"].to_numpy()[inside].mean()
            - products["right_before"].to_numpy()[inside].mean()
        )
    wrong, part = ~right, float((1 - p)[inside].sum() / max((1 - p).sum(), 1e-12))
    k, total = int(wrong[inside].sum()), int(wrong.sum())
    p_value = min(1.0, 2 * min(binomial_cdf(k, total, part), 1 - binomial_cdf(k - 1, total, part)))
    gap = float(p[inside].mean() - right[inside].mean())
    rest = float(p[~inside].mean() - right[~inside].mean())
    finding = Finding(
        *key, "calibration", n, gap, low, high, rest, 1.0, before, _example(products, inside, "calibration")
    )
    return finding, p_value


def _example(products: pl.DataFrame, inside: np.ndarray, measure: str) -> str:
    """The surest error of the group, or the surest of what waits; any of it where there is none."""
    wanted = pl.col("waits") if measure in ("coverage", "review") else ~pl.col("right")
    group = products.filter(inside)
    found = group.filter(wanted.fill_null(False)).sort(
        "probability", "vendor", "item_id", descending=[True, False, False]
    )
    row = (found if found.height else group).row(0, named=True)
    said = f"is {row['truth']}, said {row['said']}" if row["said"] != row["truth"] else f"is {row['truth']}"
    return f"{row['vendor']} {row['item_id']} {(row['title'] or '')[:_TITLE]}: {said} ({row['probability']:.0%})"


def fisher(one: tuple[int, int], other: tuple[int, int]) -> float:
    """Two-sided p-value (twice the smaller tail) that two shares, k of n each, are the same; exact, given the total."""
    (k, n), (j, m) = one, other
    total = k + j
    values = np.arange(max(0, total - m), min(n, total) + 1)
    log = np.array([_choose(n, int(v)) + _choose(m, total - int(v)) - _choose(n + m, total) for v in values])
    mass = np.exp(log)
    return float(min(1.0, 2 * min(mass[values <= k].sum(), mass[values >= k].sum())))


def _choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def holm(p_values: list[float]) -> list[float]:
    """Corrected p-values in the order given: below a level, they keep the chance of any false one below it (Holm 1979)."""
    order = np.argsort(p_values, kind="stable")
    count = len(p_values)
    stepped = np.array([min(1.0, (count - place) * p_values[at]) for place, at in enumerate(order)])
    out = np.empty(count)
    out[order] = np.maximum.accumulate(stepped) if count else stepped
    return out.tolist()
