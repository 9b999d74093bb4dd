"""Numbers about predictions: accuracy, coverage, risk, and exact intervals of a share."""

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
import polars as pl

from catalog.taxonomies.taxonomy import Taxonomy


def binomial_cdf(k: int, n: int, q: float) -> float:
    """P(Binomial(n, q) <= k), exact in float64: the terms are summed in logarithms from their ratios."""
    if k < 0:
        return 0.0
    if k >= n or q <= 0.0:
        return 1.0
    if q >= 1.0:
        return 0.0
    i = np.arange(k, dtype=np.float64)
    ratios = np.log((n - i) / (i + 1.0)) + (math.log(q) - math.log1p(-q))
    log_pmf = n * math.log1p(-q) + np.concatenate(([0.0], np.cumsum(ratios)))
    top = log_pmf.max()
    return min(1.0, math.exp(top) * float(np.exp(log_pmf - top).sum()))


def binomial_masses(n: int, q: float, most: int) -> np.ndarray:
    """P(Binomial(n, q) = k) for k from 0 to `most`, or to n where that is less; 0 < q < 1."""
    i = np.arange(min(n, most), dtype=np.float64)
    steps = np.log((n - i) / (i + 1.0)) + (math.log(q) - math.log1p(-q))
    return np.exp(n * math.log1p(-q) + np.concatenate(([0.0], np.cumsum(steps))))


def lower_bound(right: int, n: int, confidence: float) -> float:
    """One-sided exact (Clopper-Pearson) lower bound of a share, `right` of `n` seen; 0 when n is 0."""
    if n == 0 or right == 0:
        return 0.0
    wrong = n - right
    return 1.0 - _root(lambda q: binomial_cdf(wrong, n, q) - (1.0 - confidence))


def upper_bound(right: int, n: int, confidence: float) -> float:
    """One-sided exact (Clopper-Pearson) upper bound of a share, `right` of `n` seen; 1 when n is 0."""
    wrong = n - right
    if n == 0 or wrong == 0:
        return 1.0
    return 1.0 - _root(lambda q: binomial_cdf(wrong - 1, n, q) - confidence)


def _root(falling: Callable[[float], float]) -> float:
    """Where a falling function on [0, 1] crosses zero, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if falling(middle) > 0.0 else (low, middle)
    return 0.5 * (low + high)


def clopper_pearson(right: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Two-sided exact interval of a share, `right` of `n` seen (Clopper and Pearson 1934)."""
    each = 0.5 * (1.0 + confidence)
    return lower_bound(right, n, each), upper_bound(right, n, each)


def wilson(right: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Two-sided score interval of a share (Wilson 1927): shorter than the exact one, right on average only."""
    if n == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 * (1.0 + confidence))
    share = right / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def accuracy(predicted: pl.Series, truth: pl.Series) -> float:
    """Share of rows whose predicted class is the label; no prediction counts as wrong; NaN without rows."""
    return _share(predicted.eq(truth).fill_null(False))


def accuracy_at_level(predicted: pl.Series, truth: pl.Series, taxonomy: Taxonomy, level: int) -> float:
    """Share of rows whose predicted and true category have the same ancestor at `level` (1 = department).

    Only rows whose truth reaches that level count. NaN when there are none.
    """
    at_level = _ancestor_at(pl.concat([predicted.unique(), truth.unique()]).unique(), taxonomy, level)
    expected = truth.replace_strict(at_level, default=None, return_dtype=pl.String)
    found = predicted.replace_strict(at_level, default=None, return_dtype=pl.String)
    return _share(found.eq(expected).fill_null(False).filter(expected.is_not_null()))


def _ancestor_at(categories: pl.Series, taxonomy: Taxonomy, level: int) -> dict[str, str]:
    chains = {node: taxonomy.ancestors(node) for node in categories.drop_nulls() if node in taxonomy}
    return {node: chain[level - 1] for node, chain in chains.items() if len(chain) >= level}


def top_k_accuracy(top_ids: pl.Series, truth: pl.Series, k: int) -> float:
    """Share of rows whose label is among the first `k` of `top_ids` (list of ids, best first)."""
    frame = pl.DataFrame({"top": top_ids, "truth": truth})
    return _share(frame.select(pl.col("top").list.head(k).list.contains(pl.col("truth")).fill_null(False)).to_series())


def coverage(outcome: pl.Series) -> float:
    """Share of routed items that the model placed at a leaf by itself."""
    return _share(outcome == "placed")


def _share(flags: pl.Series) -> float:
    return float(flags.sum()) / len(flags) if len(flags) else math.nan


def risk_coverage(log_odds: np.ndarray, correct: np.ndarray) -> pl.DataFrame:
    """The selective risk curve: one row per distinct score, from strict to lenient.

    Columns threshold (log-odds), coverage (share of items accepted at it), risk (share of those that are wrong), n.
    Items of equal score enter together, for no threshold can tell them apart.
    """
    score, right = np.asarray(log_odds, np.float64), np.asarray(correct, bool)
    order = np.argsort(-score, kind="stable")
    score, wrong = score[order], np.cumsum(~right[order])
    last = np.flatnonzero(np.append(score[1:] != score[:-1], True)) if len(score) else np.empty(0, np.int64)
    n = last + 1
    return pl.DataFrame(
        {"threshold": score[last], "coverage": n / max(len(score), 1), "risk": wrong[last] / np.maximum(n, 1), "n": n}
    )


def reliability(probability: np.ndarray, correct: np.ndarray, bands: int = 12) -> pl.DataFrame:
    """How often what was said with some probability was right: one row per band, all bands of nearly the same size.

    Columns said (mean probability of the band), right (share of it that was right), n (answers in it).
    """
    order = np.argsort(probability, kind="stable")
    parts = [part for part in np.array_split(order, min(bands, len(order)) or 1) if len(part)]
    said, right = np.asarray(probability, np.float64), np.asarray(correct, np.float64)
    rows = [(float(said[part].mean()), float(right[part].mean()), len(part)) for part in parts]
    return pl.DataFrame(rows, schema={"said": pl.Float64, "right": pl.Float64, "n": pl.Int64}, orient="row")
