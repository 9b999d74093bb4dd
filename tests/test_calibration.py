import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, special

from catalog import calibration


def drawn(n: int, classes: int, temperature: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits whose softmax at `temperature` is the true distribution of the targets."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 4, (n, classes))
    target = (logits / temperature + rng.gumbel(size=logits.shape)).argmax(axis=1)
    return logits, target


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_temperature_is_found_and_is_the_minimum(temperature):
    logits, target = drawn(6000, 12, temperature)
    found = calibration.fit_temperature(logits, target)

    def loss(t):
        return -special.log_softmax(logits / t, axis=1)[np.arange(len(target)), target].mean()

    best = optimize.minimize_scalar(loss, bounds=(0.05, 20), method="bounded").x
    assert found == pytest.approx(temperature, rel=0.08)
    assert loss(found) <= loss(best) + 1e-9


def test_inner_labels_count_the_sum_of_their_classes():
    logits, target = drawn(6000, 12, 2.0)
    groups = [list(range(t // 3 * 3, t // 3 * 3 + 3)) if i % 2 else [t] for i, t in enumerate(target)]
    assert calibration.fit_temperature(logits, groups) == pytest.approx(2.0, rel=0.1)
    single = [{int(t)} for t in target]
    assert calibration.fit_temperature(logits, single) == calibration.fit_temperature(logits, target)


def test_temperature_of_nothing_and_of_a_perfect_sample_is_bounded():
    assert calibration.fit_temperature(np.empty((0, 3)), np.empty(0, int)) == 1.0
    assert 0.049 < calibration.fit_temperature(np.eye(3) * 5, np.arange(3)) < 0.06


def test_log_odds_tell_apart_what_softmax_ties():
    lead = np.array([[40.0, 0.0, 0.0], [60.0, 0.0, 0.0], [90.0, 0.0, 0.0]])
    assert (special.softmax(lead, axis=1)[:, 0] == 1.0).all()  # the trap: float64 says that all three are certain
    odds = calibration.log_odds(lead)[:, 0]
    assert odds == pytest.approx(lead[:, 0] - np.log(2.0))
    assert len(set(odds)) == 3


@given(st.lists(st.lists(st.floats(-8, 8), min_size=4, max_size=4), min_size=1, max_size=8))
def test_log_odds_are_the_logit_of_softmax(rows):
    logits = np.array(rows)
    expected = special.logit(special.softmax(logits, axis=1))
    assert calibration.log_odds(logits) == pytest.approx(expected, abs=1e-6)
    member = np.array([[True, True], [True, True], [False, True], [False, True]])
    found = calibration.node_log_odds(logits, member)
    assert found[:, 0] == pytest.approx(special.logit(special.softmax(logits, axis=1)[:, :2].sum(axis=1)), abs=1e-6)
    assert np.isfinite(found).all()  # the second node holds every class


def test_ece_is_zero_for_a_calibrated_model_and_not_for_a_vain_one():
    rng = np.random.default_rng(3)
    p = rng.beta(4, 1, 5000)
    right = rng.random(5000) < p
    assert calibration.raw_ece(p, right) > 0.005
    assert abs(calibration.ece(p, right)) < 0.008
    assert calibration.ece(np.sqrt(p), right) > 0.05
    assert np.isnan(calibration.ece(np.empty(0), np.empty(0)))


def test_ece_by_hand():
    p, right = np.array([0.2, 0.4, 0.8, 1.0]), np.array([0, 1, 1, 1])
    assert calibration.raw_ece(p, right, bins=2) == pytest.approx((abs(1 - 0.6) + abs(2 - 1.8)) / 4)


def test_small_slices_are_judged_by_an_interval():
    rng = np.random.default_rng(1)
    p = rng.beta(4, 1, 300)
    low, high = calibration.confidence_gap(p, rng.random(300) < p)
    assert low < 0 < high
    low, high = calibration.confidence_gap(p, rng.random(300) < p - 0.2)
    assert high < 0
