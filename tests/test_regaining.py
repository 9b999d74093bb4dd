"""What a stopped group must show on its random draws: the attempts, what they spend, and what passes."""

import numpy as np
import pytest

from catalog.certification.regaining import Progress, Terms, attempt_at, curve, followed
from catalog.certification.spending import boundaries

STANDING = 2.0
TERMS = Terms(0.9, 0.05, STANDING)


def nothing_earlier() -> None:
    return None


def drawn(rng: np.random.Generator, many: int, error: float) -> tuple[np.ndarray, np.ndarray]:
    """Log-odds that say nothing, and answers wrong at one rate."""
    return STANDING + rng.gamma(2.0, 1.0, many), rng.random(many) < error


def test_attempts_wait_for_a_quarter_more_answers_each_time() -> None:
    assert [attempt_at(0.98, 0.05, k) for k in range(1, 7)] == [242, 303, 378, 472, 590, 738]
    score, wrong = drawn(np.random.default_rng(1), attempt_at(0.9, 0.05, 1) - 1, 0.0)
    found = followed(Progress(), score, wrong, nothing_earlier, TERMS)
    assert found == Progress(0, len(score), 0, None)  # one answer short: not tried, nothing spent


def test_right_answers_pass_at_the_first_attempt_and_wrong_ones_at_none() -> None:
    rng = np.random.default_rng(2)
    before = drawn(rng, 200, 0.01)
    score, wrong = drawn(rng, 45, 0.0)
    found = followed(Progress(), score, wrong, lambda: curve(*before), TERMS)
    assert found == Progress(1, 45, 0, STANDING)
    score, wrong = drawn(rng, 160, 0.3)
    found = followed(Progress(), score, wrong, lambda: curve(*before), TERMS)
    assert (found.attempts, found.answers, found.threshold) == (6, 160, None) and found.wrong == wrong.sum()
    # an attempt that was made is not made again
    assert followed(found, score, wrong, nothing_earlier, TERMS) == found


def test_sure_errors_do_not_keep_a_group_that_is_right_enough_as_it_stood() -> None:
    """Few earlier products, whose one error is the least sure, name a strict start; the errors among the draws are the surest."""
    rng = np.random.default_rng(3)
    score, wrong = drawn(rng, attempt_at(0.9, 0.05, 6), 0.0)
    wrong[np.argsort(score)[-4:]] = True
    before, unlucky = drawn(rng, 49, 0.0)
    unlucky[np.argsort(before)[:4]] = True
    found = followed(Progress(), score, wrong, lambda: curve(before, unlucky), TERMS)
    assert found.threshold == STANDING and found.wrong == 4


def test_where_the_score_tells_right_from_wrong_the_surer_part_comes_back() -> None:
    rng = np.random.default_rng(3)

    def telling(many: int) -> tuple[np.ndarray, np.ndarray]:
        score = rng.uniform(2.0, 8.0, many)
        return score, rng.random(many) < np.where(score < 3.5, 0.5, 0.01)

    before = telling(400)
    found = followed(Progress(), *telling(240), lambda: curve(*before), TERMS)
    assert found.threshold is not None and found.threshold > 3.0


def test_boundaries_spend_what_they_may_and_no_more() -> None:
    looks, spent = [43, 53, 66, 83, 103, 129, 161], [0.01, 0.015, 0.02, 0.022, 0.025, 0.028, 0.03]
    most = boundaries(looks, 0.9, spent)
    wrong = np.random.default_rng(4).random((20_000, looks[-1])) < 0.1
    passed = np.cumsum(wrong, axis=1)[:, np.array(looks) - 1] <= np.array(most)
    by_look = np.maximum.accumulate(passed, axis=1).mean(axis=0)
    room = 3 * np.sqrt(0.03 / len(wrong))
    assert (by_look <= np.array(spent) + room).all() and by_look[-1] > 0.6 * spent[-1]
    # levels that are added up find less: what is left of them for the last look alone is a fraction
    assert most[-1] > boundaries(looks[-1:], 0.9, [spent[-1] - spent[-2]])[0]
    assert boundaries([0, 5, 5], 0.9, [0.01, 0.01, 0.02]) == [-1, -1, -1]  # too few for any level


def below_the_target(rng: np.random.Generator, many: int) -> tuple[np.ndarray, np.ndarray]:
    """Nothing is right enough, at any threshold, by a hair."""
    return drawn(rng, many, 0.1 + 1e-9)


def wrong_where_it_is_unsure(rng: np.random.Generator, many: int) -> tuple[np.ndarray, np.ndarray]:
    """All right above log-odds of 5 (one fifth), so wrong below that the standing threshold is just missed."""
    score, _ = drawn(rng, many, 0.0)
    return score, (score < 5.0) & (rng.random(many) < 0.1249)  # 80.09% lie below


@pytest.mark.parametrize("world", [below_the_target, wrong_where_it_is_unsure])
@pytest.mark.parametrize("earlier", [0, 40])
def test_what_is_below_the_target_comes_back_in_at_most_a_share_delta_of_cases(world, earlier: int) -> None:
    rng, runs, many, wrongly = np.random.default_rng(5), 150, attempt_at(0.9, 0.05, 6), 0
    large, missed = world(rng, 200_000)
    for _ in range(runs):
        before = curve(*world(rng, earlier)) if earlier else None
        back = followed(Progress(), *world(rng, many), lambda before=before: before, TERMS).threshold
        wrongly += back is not None and missed[large >= back].mean() > 0.1 - 1e-3
    assert wrongly / runs <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / runs)
