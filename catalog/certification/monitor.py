"""Whether what is placed is still as right as it was certified: looked at every night, valid whenever it is looked at.

Stopping. An e-detector (Shin, Ramdas and Rinaldo 2022) against "at least `target` is right". With q = 1 - target a bet on
the error rate r > q multiplies by r / q at an error and by (1 - r) / (1 - q) at a right answer: at most 1 on average while
no more than q are wrong, whatever was seen before. The Shiryaev-Roberts sum

    M_t = (M_{t-1} + 1) x multiplier_t

begins a bet anew at each answer, so that a long good history does not blind it. M_t - t is a supermartingale, and so is its
mean over the bets; therefore at least `between_alarms` answers pass on average before M first reaches that number.
"""

import math

import numpy as np

STEPS = 8
MOST_WRONG = 0.6  # the largest error rate that is bet on
NEVER = 1_000_000  # answers; what takes longer is not seen
_CEILING = 1e200  # of a bet, lest products of many wrong answers overflow


def bets(target: float) -> np.ndarray:
    """The error rates that are bet on, float64 (STEPS,), in equal ratios between that of the target and `MOST_WRONG`."""
    least = 1.0 - target
    return least * (MOST_WRONG / least) ** (np.arange(1, STEPS + 1) / STEPS)


def multipliers(target: float) -> np.ndarray:
    """What each bet makes of a right (row 0) and of a wrong answer (row 1), float64 (2, STEPS)."""
    rates, least = bets(target), 1.0 - target
    return np.stack([(1.0 - rates) / (1.0 - least), rates / least])


def detector(wrong: np.ndarray, target: float) -> np.ndarray:
    """The e-detector after each answer, float64 of the shape of `wrong`: bool (n,) in order, or (runs, n) for many at once."""
    wrong = np.asarray(wrong, bool)
    by_answer = multipliers(target)
    state = np.zeros((*wrong.shape[:-1], STEPS))
    found = np.empty(wrong.shape)
    for n in range(wrong.shape[-1]):
        state = advanced(state, wrong[..., n], by_answer)
        found[..., n] = state.mean(axis=-1)
    return found


def advanced(state: np.ndarray, wrong: np.ndarray, by_answer: np.ndarray) -> np.ndarray:
    """The sums of all bets (..., STEPS) after one more answer (...); `by_answer` as `multipliers` gives them."""
    return np.minimum((state + 1.0) * by_answer[wrong.astype(np.int64)], _CEILING)


def first_alarm(wrong: np.ndarray, target: float, between_alarms: float) -> int | None:
    """How many answers it took to raise the alarm; None while there is none."""
    reached = np.flatnonzero(detector(wrong, target) >= between_alarms)
    return int(reached[0]) + 1 if len(reached) else None


def answers_to_alarm(target: float, precision: float, between_alarms: float) -> int | None:
    """About how many answers pass on average before a fall to `precision` raises the alarm; None: it may never be seen.

    With g, what the best bet gains in logarithm an answer: ln(between_alarms x g) / g, since about 1 / g beginnings share in
    the sum. Within a tenth of simulation (benchmarks/RESULTS.md, "The audit").
    """
    wrong = 1.0 - precision
    gain = float((np.array([1.0 - wrong, wrong])[:, None] * np.log(multipliers(target))).sum(axis=0).max())
    needed = math.log(max(math.e, between_alarms * gain)) / gain if gain > 0 else math.inf
    return math.ceil(needed) if needed < NEVER else None


def audit_share(answers: float, placed: float, *, least: float, most: float) -> float:
    """The share of `placed` placements that gives `answers` audits, within bounds; rounded up to thousandths.

    `least` holds also where it lies above `most`.
    """
    wanted = math.ceil(1000.0 * min(1.0, answers / placed) - 1e-9) / 1000.0 if placed > 0 else 1.0
    return max(least, min(most, wanted))
