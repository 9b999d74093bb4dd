import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, special

from catalog.certification import calibration


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


PRESENT = {"both": [1.0, 1.0], "text": [1.0, 0.0], "image": [0.0, 1.0]}


def mixed(sizes: dict[str, int], temperatures: dict[str, float], seed: int = 0) -> tuple[np.ndarray, ...]:
    parts = [(drawn(sizes[name], 12, temperatures[name], seed + n), name) for n, name in enumerate(sizes)]
    present = np.concatenate([np.tile(PRESENT[name], (sizes[name], 1)) for name in sizes])
    return *(np.concatenate([part[0][i] for part in parts]) for i in (0, 1)), present


def test_each_modality_has_its_temperature():
    truth = {"both": 1.2, "text": 2.4}
    found = calibration.fit_temperatures(*mixed({"both": 3000, "text": 3000}, truth))
    assert found.by_modality == pytest.approx(truth, rel=0.1)
    assert truth["both"] < found.common < truth["text"]
    assert found.of(np.array([[1, 0], [1, 1], [0, 1], [0, 0]])).tolist() == [
        found.by_modality["text"], found.by_modality["both"], found.common, found.common,
    ]  # fmt: skip
    assert calibration.Temperatures.from_dict(found.to_dict()) == found
    assert calibration.Temperatures.from_dict({"temperature": 1.5}).of(np.ones((2, 2))).tolist() == [1.5, 1.5]


def test_few_labels_keep_about_the_common_temperature():
    """Ten text-only items say little: drawn to the others they are off by less than half."""
    own, drawn_to = [], []
    for seed in range(20):
        logits, target, present = mixed({"both": 800, "text": 10}, {"both": 1.5, "text": 1.5}, seed * 10)
        own.append(abs(np.log(calibration.fit_temperature(logits[800:], target[800:]) / 1.5)))
        drawn_to.append(abs(np.log(calibration.fit_temperatures(logits, target, present).by_modality["text"] / 1.5)))
    assert np.mean(drawn_to) < 0.5 * np.mean(own)


def test_the_worst_modality_is_calibrated_too():
    """Text alone is as sure as both together and right less often: one temperature leaves it 4 points off or more."""
    truth, sizes = {"both": 1.0, "text": 1.6}, {"both": 400, "text": 200}
    found = calibration.fit_temperatures(*mixed(sizes, truth))
    logits, target, present = mixed({"both": 4000, "text": 4000}, truth, seed=50)
    text = present[:, 1] == 0
    for temperature, low, high in ((np.full(len(logits), found.common), 0.04, 1.0), (found.of(present), -1.0, 0.02)):
        p = special.softmax(logits / temperature[:, None], axis=1)
        excess = calibration.ece(p.max(axis=1)[text], (p.argmax(axis=1) == target)[text], draws=20)
        assert low < excess < high
