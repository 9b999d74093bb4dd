"""The audit's monitor: false alarms as seldom as promised, falls seen early, a good past that does not blind it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.certification import monitor

TARGET = 0.98


def drawn(precision: float, runs: int, answers: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((runs, answers)) > precision


def first(wrong: np.ndarray, between: float) -> np.ndarray:
    """Answers until the alarm in each run; all of them where there is none."""
    alarm = monitor.detector(wrong, TARGET) >= between
    return np.where(alarm.any(axis=1), alarm.argmax(axis=1) + 1, wrong.shape[1])


def test_a_bet_is_fair_at_the_target_and_loses_above_it() -> None:
    by_answer = monitor.multipliers(TARGET)
    for precision, least, most in ((TARGET, 1.0, 1.0), (0.99, 0.0, 1.0 - 1e-6)):
        mean = precision * by_answer[0] + (1 - precision) * by_answer[1]
        assert (mean >= least - 1e-12).all() and (mean <= most + 1e-12).all()


def test_false_alarms_are_at_least_as_far_apart_as_promised() -> None:
    # Runs end at four times the promise, which makes their mean smaller than it is.
    assert first(drawn(TARGET, 300, 4 * 500), 500).mean() > 500


@pytest.mark.parametrize("before", [0, 2000])
def test_a_fall_is_seen_as_soon_after_a_long_good_time(before: int) -> None:
    good, bad = drawn(0.995, 100, before, seed=1), drawn(0.90, 100, 400, seed=2)
    alarm = first(np.concatenate([good, bad], axis=1), 5000) - before
    seen = alarm[alarm > 0]
    assert len(seen) >= 98  # a run may have given a false alarm before
    expected = monitor.answers_to_alarm(TARGET, 0.90, 5000)
    assert expected is not None and seen.mean() == pytest.approx(expected, rel=0.15)


def test_what_is_no_fall_is_never_expected_to_be_seen() -> None:
    assert monitor.answers_to_alarm(TARGET, 0.985, 5000) is None


@given(st.lists(st.booleans(), max_size=60))
def test_many_runs_at_once_are_each_run_alone(answers: list[bool]) -> None:
    wrong = np.array(answers, bool)
    alone = monitor.detector(wrong, TARGET)
    assert np.array_equal(monitor.detector(np.stack([wrong, ~wrong]), TARGET)[0], alone)
    assert np.isfinite(monitor.detector(np.ones(500, bool), TARGET)).all()
