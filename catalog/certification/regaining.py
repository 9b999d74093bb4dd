"""How a group that lost its automation earns it back: a certificate of its own, on random draws from it alone.

The draws are products that the standing policy would place in the group, chosen by hash and answered in full since it was
stopped: fresh labels, never trained on. The k-th attempt is made when as many are answered as `attempt_at` fixed before any
of them was seen. Each asks two things of all answers so far:

- whether what the standing threshold places is right enough, as before the stop: then all of it comes back;
- if not, the walk of `catalog.certification.sequence`, from the start that the temperature split names towards lenient: the
  last threshold passed comes back, which is the surer part.

Why all attempts together bring back wrongly with chance delta at most. One threshold: of the draws that reach it, and those are
chosen by scores alone, each is wrong with the same chance, independently. If that is above 1 - target, more errors than
`boundaries` allows are to be expected at every look, and the chance that any look passes is at most what is spent for
this threshold (catalog.certification.spending). The standing threshold spends `_STANDING` of delta. The walk's
thresholds have the rest, each of them all of it: their order is fixed by the temperature split, once for all attempts, and one
counts only where all before it have passed. Whatever the walk says wrongly, it has then passed the first threshold
in the order that is below the target, which happens with the chance of that one alone (Bauer 1991). The two together: delta.

To test the standing threshold and then, if it failed, stricter ones at the same level would not do: each failure would be
another chance. Hence the two shares.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from catalog.certification.sequence import Curve, accepted_needed, ordered
from catalog.certification.spending import boundaries

_GROWS = 1.25  # from one attempt to the next: looks cost little, see catalog.certification.spending
_EARLY = 4  # attempts before the one at which half the errors allowed would pass at delta: for groups with hardly any
# Of delta, the part of the standing threshold. Simulated (benchmarks/way_back.py): the walk alone leaves groups whose errors
# are sure ones with people, the standing threshold alone those of which a part only is right enough.
_STANDING = 0.75


@dataclass(frozen=True)
class Terms:
    """What is asked: `target` and `delta`; `standing` are the log-odds that the policy asks for at a leaf at least."""

    target: float
    delta: float
    standing: float


def attempt_at(target: float, delta: float, attempt: int) -> int:
    """How many answered draws the k-th attempt waits for, a quarter more each time.

    The fifth comes at the answers that half of the errors allowed would take at level delta, the first where hardly one
    wrong answer is too many.
    """
    return math.ceil(_halfway(target, delta) * _GROWS ** (attempt - 1 - _EARLY))


@cache
def _halfway(target: float, delta: float) -> int:
    found = accepted_needed((1.0 - target) / 2.0, target, delta)
    if found is None:
        raise ValueError(f"no number of answers shows half the errors of {target}")
    return found


def _spent(answers: int, terms: Terms) -> float:
    """The part that attempts with up to so many answers may spend of what there is: half of it at the fifth attempt."""
    return answers / (answers + _halfway(terms.target, terms.delta))


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
    before: Progress, score: np.ndarray, wrong: np.ndarray, earlier: Callable[[], Curve | None], terms: Terms
) -> Progress:
    """The progress after these answers, in their order: makes the attempts that have come due and were not made.

    `score` (n,) log-odds, `wrong` bool (n,). `earlier` gives the temperature split's products of the group, which fix the
    order of the walk; None where there are too few, and then the standing threshold alone is tested.
    """
    found = replace(before, answers=len(score), wrong=int(np.sum(wrong)))
    due = attempt_at(terms.target, terms.delta, found.attempts + 1)
    if found.threshold is not None or len(score) < due:
        return found
    test = _Test(np.asarray(score, np.float64), np.asarray(wrong, bool), _order(earlier(), terms), terms)
    while found.threshold is None and len(score) >= attempt_at(terms.target, terms.delta, found.attempts + 1):
        found = replace(found, attempts=found.attempts + 1, threshold=test.passed(found.attempts + 1))
    return found


def _order(temperature: Curve | None, terms: Terms) -> np.ndarray:
    """The walk's thresholds, all stricter than the standing one; the start that is likely to pass halfway."""
    if temperature is None or not len(temperature.grid()):
        return np.empty(0)
    level = (1.0 - _STANDING) * terms.delta / 2.0
    found = ordered(temperature, _halfway(terms.target, terms.delta), terms.target, level)
    return found[found > terms.standing]


@dataclass(frozen=True)
class _Test:
    """All answers, in their order, the walk's thresholds in theirs."""

    score: np.ndarray
    wrong: np.ndarray
    order: np.ndarray
    terms: Terms

    def passed(self, attempt: int) -> float | None:
        """The most lenient threshold that is claimed at this attempt, if any."""
        delta = self.terms.delta
        if self._passes(self.terms.standing, attempt, delta * _STANDING if len(self.order) else delta):
            return self.terms.standing
        last = None
        for threshold in self.order.tolist():
            if not self._passes(threshold, attempt, delta * (1.0 - _STANDING)):
                break
            last = threshold
        return last

    def _passes(self, threshold: float, attempt: int, level: float) -> bool:
        """Whether the answers that reach it passed at any attempt up to this one; `level` is for all attempts together."""
        looks = [attempt_at(self.terms.target, self.terms.delta, k + 1) for k in range(attempt)]
        spent = [level * _spent(many, self.terms) for many in looks]
        reached = self.score >= threshold
        accepted, errors = (np.append(0, np.cumsum(part))[looks] for part in (reached, reached & self.wrong))
        most = boundaries(accepted.tolist(), self.terms.target, spent)
        return bool(np.any(errors <= np.asarray(most)))
