"""How a group that lost its automation earns it back: a certificate of its own, on random draws from it alone.

The draws are products that the standing policy would place in the group, chosen by hash and answered in full since it was
stopped: fresh labels, never trained on. The k-th attempt is made when as many are answered as `attempt_at` fixed before any
of them was seen, and spends delta / (k (k + 1)), so that all attempts together say something wrong with chance delta at
most. Each is the fixed-sequence test of `catalog.certification.sequence`, which never goes below the standing threshold. It
may end above it: what comes back is then the surer part.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from catalog.certification.sequence import Curve, accepted_needed, walk

_GROWS = (
    1.5  # from one attempt to the next: often enough not to wait for long, seldom enough to leave each a fair level
)


def attempt_at(target: float, delta: float, attempt: int) -> int:
    """How many answered draws the k-th attempt waits for, half as many more each time.

    The first comes at the answers that half of the errors allowed would take at level delta: tried sooner, an attempt would
    mostly spend its share in vain.
    """
    first = accepted_needed((1.0 - target) / 2.0, target, delta)
    if first is None:
        raise ValueError(f"no number of answers shows half the errors of {target}")
    return math.ceil(first * _GROWS ** (attempt - 1))


@dataclass(frozen=True)
class Progress:
    """How far a group is: attempts made, answers, how many of them were wrong at the standing threshold, and, once an
    attempt passed, the log-odds from which the group is placed again."""

    attempts: int = 0
    answers: int = 0
    wrong: int = 0
    threshold: float | None = None


def curve(score: np.ndarray, wrong: np.ndarray) -> Curve:
    """Draws, float (n,) log-odds and bool (n,), all of them accepted at the lowest score."""
    return Curve.from_events(
        np.asarray(score, np.float64), np.ones(len(score), int), np.asarray(wrong, int), len(score)
    )


def followed(
    before: Progress,
    score: np.ndarray,
    wrong: np.ndarray,
    earlier: Callable[[], Curve | None],
    terms: tuple[float, float],
) -> Progress:
    """The progress after these answers, in their order: makes the attempts that have come due and were not made.

    `score` (n,) log-odds, `wrong` bool (n,); `terms` target and delta. `earlier` gives the temperature split's products of
    the group, which fix the order of the thresholds; None where there are too few.
    """
    target, delta = terms
    found = replace(before, answers=len(score), wrong=int(np.sum(wrong)))
    while found.threshold is None and len(score) >= (due := attempt_at(target, delta, found.attempts + 1)):
        attempt = found.attempts + 1
        walked = walk(earlier(), curve(score[:due], wrong[:due]), target, delta / (attempt * (attempt + 1)))
        found = replace(found, attempts=attempt, threshold=walked.last.threshold if walked.last else None)
    return found
