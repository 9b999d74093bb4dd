"""What a stopped group must show on its random draws: the attempts, what they spend, and what passes."""

import numpy as np
import pytest

from catalog.certification.regaining import Progress, attempt_at, curve, followed
from catalog.certification.sequence import Curve

TARGET, DELTA = 0.9, 0.05
TERMS = (TARGET, DELTA)


def nothing_earlier() -> None:
    return None


def drawn(rng: np.random.Generator, many: int, error: float) -> tuple[np.ndarray, np.ndarray]:
    """Log-odds that say nothing, and answers wrong at one rate."""
    return rng.normal(4.0, 1.0, many), rng.random(many) < error


def test_attempts_wait_for_half_as_many_answers_more_each_time() -> None:
    assert [attempt_at(0.98, 0.05, k) for k in (1, 2, 3)] == [590, 885, 1328]
    score, wrong = drawn(np.random.default_rng(1), attempt_at(TARGET, DELTA, 1) - 1, 0.0)
    found = followed(Progress(), score, wrong, nothing_earlier, TERMS)
    assert found == Progress(0, len(score), 0, None)  # one answer short: not tried, nothing spent


def test_right_answers_pass_at_the_first_attempt_and_wrong_ones_at_none() -> None:
    rng = np.random.default_rng(2)
    before = drawn(rng, 200, 0.01)
    score, wrong = drawn(rng, 120, 0.0)
    found = followed(Progress(), score, wrong, lambda: curve(*before), TERMS)
    assert found.attempts == 1 and found.threshold is not None and found.threshold <= score.min() + 1.0
    score, wrong = drawn(rng, 160, 0.3)
    found = followed(Progress(), score, wrong, lambda: curve(*before), TERMS)
    assert (found.attempts, found.answers, found.threshold) == (2, 160, None) and found.wrong == wrong.sum()
    # an attempt that was made is not made again
    assert followed(found, score, wrong, nothing_earlier, TERMS) == found


def test_where_the_score_tells_right_from_wrong_the_surer_part_comes_back() -> None:
    rng = np.random.default_rng(3)

    def telling(many: int) -> tuple[np.ndarray, np.ndarray]:
        score = rng.uniform(2.0, 8.0, many)
        return score, rng.random(many) < np.where(score < 3.5, 0.5, 0.01)

    before = telling(400)
    found = followed(Progress(), *telling(240), lambda: curve(*before), TERMS)
    assert found.threshold is not None and found.threshold > 3.0


@pytest.mark.parametrize("earlier", [True, False])
def test_a_group_below_the_target_comes_back_in_at_most_a_share_delta_of_cases(earlier: bool) -> None:
    rng, runs, many = np.random.default_rng(4), 150, attempt_at(TARGET, DELTA, 4)

    before = curve(*drawn(rng, 60, 0.05))

    def ordering() -> Curve | None:
        return before if earlier else None

    back = [
        followed(Progress(), *drawn(rng, many, 1 - TARGET + 1e-9), ordering, TERMS).threshold is not None
        for _ in range(runs)
    ]
    assert np.mean(back) <= DELTA + 2 * np.sqrt(DELTA * (1 - DELTA) / runs)
