import math
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from catalog.certification import metrics
from catalog.taxonomies.taxonomy import from_paths


@given(n=st.integers(1, 300), share=st.floats(0, 1), q=st.floats(1e-6, 1 - 1e-6))
def test_binomial_tail_is_that_of_exact_arithmetic(n, share, q):
    k, exact = int(n * share), Fraction(q)
    terms = (math.comb(n, i) * exact**i * (1 - exact) ** (n - i) for i in range(k + 1))
    assert metrics.binomial_cdf(k, n, q) == pytest.approx(float(sum(terms)), rel=1e-10, abs=1e-300)


@given(n=st.integers(300, 5000), share=st.floats(0, 1), q=st.floats(1e-6, 1 - 1e-6))
def test_binomial_tail_of_many_is_scipys(n, share, q):
    # In tails below 1e-100 scipy itself is off by more than 1e-9 of the value, so the difference is absolute here.
    k = int(n * share)
    assert metrics.binomial_cdf(k, n, q) == pytest.approx(stats.binom.cdf(k, n, q), rel=1e-9, abs=1e-30)


def test_binomial_tail_at_its_ends():
    assert metrics.binomial_cdf(-1, 10, 0.5) == 0.0
    assert metrics.binomial_cdf(10, 10, 0.5) == 1.0
    assert metrics.binomial_cdf(3, 10, 0.0) == 1.0
    assert metrics.binomial_cdf(3, 10, 1.0) == 0.0
    assert metrics.binomial_cdf(100_000, 1_000_000, 0.1) == pytest.approx(0.5, abs=0.01)


@settings(max_examples=50)
@given(n=st.integers(1, 3000), share=st.floats(0, 1), confidence=st.floats(0.5, 0.999))
def test_exact_and_score_intervals_are_scipys(n, share, confidence):
    right = int(n * share)
    exact = stats.binomtest(right, n).proportion_ci(confidence, "exact")
    score = stats.binomtest(right, n).proportion_ci(confidence, "wilson")
    assert metrics.clopper_pearson(right, n, confidence) == pytest.approx((exact.low, exact.high), abs=1e-9)
    assert metrics.wilson(right, n, confidence) == pytest.approx((score.low, score.high), abs=1e-9)


def test_intervals_of_nothing_say_nothing():
    assert metrics.clopper_pearson(0, 0) == (0.0, 1.0)
    assert metrics.wilson(0, 0) == (0.0, 1.0)


def test_risk_coverage_takes_equal_scores_together():
    curve = metrics.risk_coverage(np.array([1.0, 3.0, 1.0, 2.0]), np.array([True, True, False, True]))
    assert curve["threshold"].to_list() == [3.0, 2.0, 1.0]
    assert curve["coverage"].to_list() == [0.25, 0.5, 1.0]
    assert curve["risk"].to_list() == [0.0, 0.0, 0.25]
    assert metrics.risk_coverage(np.empty(0), np.empty(0)).height == 0


def test_accuracy_counts_a_missing_prediction_as_wrong():
    predicted, truth = pl.Series(["a", None, "b"]), pl.Series(["a", "b", "c"])
    assert metrics.accuracy(predicted, truth) == pytest.approx(1 / 3)
    assert math.isnan(metrics.accuracy(pl.Series([], dtype=pl.String), pl.Series([], dtype=pl.String)))


def test_accuracy_at_a_level_leaves_out_truths_above_it():
    taxonomy = from_paths(["A > B > C", "A > D", "E > F"])
    predicted = pl.Series(["A > B > C", "A > B > C", "A > D", None])
    truth = pl.Series(["A > B", "A > D", "E > F", "A"])
    assert metrics.accuracy_at_level(predicted, truth, taxonomy, 1) == 0.5
    assert metrics.accuracy_at_level(predicted, truth, taxonomy, 2) == pytest.approx(1 / 3)
    assert math.isnan(metrics.accuracy_at_level(predicted, truth, taxonomy, 3))


def test_top_k_and_coverage():
    top, truth = pl.Series([["a", "b"], ["b", "a"], None], dtype=pl.List(pl.String)), pl.Series(["b", "b", "b"])
    assert metrics.top_k_accuracy(top, truth, 1) == pytest.approx(1 / 3)
    assert metrics.top_k_accuracy(top, truth, 2) == pytest.approx(2 / 3)
    assert metrics.coverage(pl.Series(["placed", "placed_at_parent", "review", "placed"])) == 0.5
