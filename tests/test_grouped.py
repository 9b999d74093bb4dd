"""Groups tested apart: the chance of any wrong claim is kept, and level is not wasted on groups that are through."""

import math

import numpy as np

from catalog.certification.grouped import groups_worth_testing, walk_groups
from catalog.certification.sequence import Curve, accepted_needed

DELTA = 0.05


def curve(rng: np.random.Generator, size: int, precision: float) -> Curve:
    wrong = (rng.random(size) > precision).astype(int)
    return Curve.from_events(rng.normal(3, 2, size), np.ones(size, int), wrong, 6 * size)


def test_the_chance_of_any_wrong_claim_is_kept():
    """Two groups are flawless, and hand their level on; four just miss the target."""
    rng, draws, wrong_claims, used = np.random.default_rng(3), 250, 0, 0
    truth = {"a": 1.0, "b": 1.0, "c": 0.9499, "d": 0.9499, "e": 0.9499, "f": 0.9499}
    for _ in range(draws):
        samples = [{key: curve(rng, size, p) for key, p in truth.items()} for size in (60, 300)]
        walks = walk_groups(*samples, 0.95, DELTA)
        assert walks["a"].last is not None and walks["b"].last is not None
        wrong_claims += any(walks[key].last for key in "cdef")
        used += any(walk.step.level > 1.4 * DELTA / 6 for walk in walks.values())
    assert used == draws  # six groups, two through: four share what six had
    assert DELTA / 4 < wrong_claims / draws <= DELTA + 2 * math.sqrt(DELTA * (1 - DELTA) / draws)


def test_groups_without_prospects_take_no_level():
    rng = np.random.default_rng(4)
    curves = {"good": curve(rng, 300, 0.99), "bad": curve(rng, 300, 0.5), "empty": curve(rng, 0, 1.0)}
    assert groups_worth_testing(curves, 6 * 600, 0.95, DELTA) == ["good"]
    assert groups_worth_testing({"bad": curves["bad"]}, 6 * 600, 0.95, DELTA) == ["bad"]


def test_what_twenty_five_groups_cost():
    """At 98% with 1% errors: about 700 accepted products pooled, 1,600 in each of 25 groups."""
    assert 600 <= accepted_needed(0.01, 0.98, DELTA / 2) <= 800
    assert 1400 <= accepted_needed(0.01, 0.98, DELTA / 50) <= 1700
