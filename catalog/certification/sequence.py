"""The fixed-sequence test: from right-or-wrong products at falling thresholds to the most lenient one that passes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from catalog.certification.metrics import binomial_cdf
from catalog.certification.start import chances, smooth_errors

STEPS = 100  # of one per cent of the scores each
_FEW = 30  # below this many accepted products an error rate says too little to plan labels with
_MOST_LABELS = 10_000_000
_WORTH_OF_A_PARENT = 0.5  # of a placement at a leaf: the item still waits for its leaf
# Without a temperature split the order must be fixed without looking at any score: log-odds from 0.99999 down to 0.27.
FIXED_GRID = np.round(np.arange(11.5, -1.0, -0.1), 6)
FIXED_STARTS = (6.9, 4.6, 3.5, 2.2, 1.1)  # probabilities of about 0.999, 0.99, 0.97, 0.9 and 0.75


@dataclass(frozen=True)
class Curve:
    """How many products are accepted (`n`) and wrong (`k`) at each threshold; one entry per score, falling.

    `score` (m,) log-odds; `n`, `k` (m,) cumulated; `entry` (m,) True where a further product is accepted (a product at
    a parent can also move deeper, which changes `k` alone); `size` is the number of products of the whole sample.
    """

    score: np.ndarray
    n: np.ndarray
    k: np.ndarray
    entry: np.ndarray
    size: int

    @classmethod
    def from_events(cls, score: np.ndarray, accepted: np.ndarray, wrong: np.ndarray, size: int) -> "Curve":
        """From changes: at `score` the accepted grow by `accepted` (0 or 1), the wrong by `wrong` (-1, 0 or 1)."""
        order = np.argsort(-score, kind="stable")
        return cls(score[order], np.cumsum(accepted[order]), np.cumsum(wrong[order]), accepted[order] > 0, size)

    def counts(self, thresholds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Accepted and wrong products at each threshold; a score equal to the threshold is accepted."""
        last = np.searchsorted(-self.score, -np.asarray(thresholds, np.float64), side="right")
        return np.append(0, self.n)[last], np.append(0, self.k)[last]

    def grid(self) -> np.ndarray:
        """Thresholds from strict to lenient in steps of one per cent of the accepted scores."""
        scores = self.score[self.entry]
        ranks = np.unique(-(-np.arange(1, STEPS + 1) * len(scores) // STEPS)) - 1
        return np.unique(scores[ranks[ranks >= 0]])[::-1] if len(scores) else np.empty(0)

    def smooth_rate(self, accepted: np.ndarray, target: float) -> np.ndarray:
        """The smoothed error rate (m,) among the surest `accepted` (m,) products; 0 where that is none."""
        wrong = np.clip(np.diff(self.k, prepend=0)[self.entry], 0, 1)
        total = np.cumsum(smooth_errors(self.score[self.entry], wrong, target)) if len(wrong) else np.empty(0)
        return np.append(0.0, total)[accepted] / np.maximum(accepted, 1)


def together(curves: Sequence[Curve]) -> Curve:
    """The products of several samples on one curve."""
    score = np.concatenate([curve.score for curve in curves])
    accepted = np.concatenate([curve.entry.astype(np.int64) for curve in curves])
    wrong = np.concatenate([np.diff(curve.k, prepend=0) for curve in curves])
    return Curve.from_events(score, accepted, wrong, sum(curve.size for curve in curves))


@dataclass(frozen=True)
class Step:
    """One threshold that was tested at `level`: of `n` accepted calibration products `k` were wrong."""

    threshold: float
    n: int
    k: int
    p_value: float
    passed: bool
    level: float


def prospects(temperature: Curve, thresholds: np.ndarray, size: int, target: float, level: float) -> np.ndarray:
    """The chance (m,) that each threshold passes at `level` with a calibration sample of `size` products.

    Reads the temperature split only: its error rates through the curve of `smooth_errors`, how sure those rates are by
    the number of products they rest on.
    """
    seen, _ = temperature.counts(thresholds)
    rate = temperature.smooth_rate(seen, target)
    return chances(seen, rate, np.round(seen * size / max(temperature.size, 1)), target, level)


def choose_start(temperature: Curve, thresholds: np.ndarray, size: int, target: float, level: float) -> int:
    """The number of the threshold that is most likely to pass; the most lenient one where several are."""
    found = prospects(temperature, thresholds, size, target, level)
    return int(np.flatnonzero(found == found.max())[-1])


def fixed_sequence(
    calibration: Curve, thresholds: np.ndarray, target: float, level: float, *, first: float | None = None
) -> list[Step]:
    """Tests the thresholds in the order given and stops at the first that fails (Learn then Test, Angelopoulos 2021).

    The p-value of "precision < target" is P(Binomial(n, 1 - target) <= k). The order must not depend on the labels of
    `calibration`; then the chance that any step passed wrongly is at most `level`, however many there are (Bauer 1991).
    `first` is the level of the first step where it differs.
    """
    steps: list[Step] = []
    accepted, wrong = calibration.counts(thresholds)
    for threshold, n, k in zip(thresholds.tolist(), accepted.tolist(), wrong.tolist(), strict=True):
        at = level if steps or first is None else first
        p_value = binomial_cdf(k, n, 1.0 - target) if n else 1.0
        steps.append(Step(threshold, n, k, p_value, p_value <= at, at))
        if not steps[-1].passed:
            break
    return steps


@dataclass(frozen=True)
class Walk:
    """The outcome of a test: its first step and the last one that passed, if any."""

    last: Step | None
    first: Step

    @property
    def start(self) -> float:
        """The threshold of the first step."""
        return self.first.threshold

    @property
    def step(self) -> Step:
        """The step to report: the last that passed, else the first."""
        return self.last or self.first


def walked(steps: list[Step]) -> Walk:
    """The outcome of one sequence of steps."""
    return Walk(_last(steps), steps[0])


def ordered(temperature: Curve, size: int, target: float, level: float) -> np.ndarray:
    """The thresholds to test, in order: from the start that the temperature split names towards lenient."""
    grid = temperature.grid()
    return grid[choose_start(temperature, grid, size, target, level) :]


def walk(
    temperature: Curve | None, calibration: Curve, target: float, level: float, *, first: float | None = None
) -> Walk:
    """From the start that the temperature split names; without that split from five fixed starts at level / 5 each.

    `first` is the level of the first step alone, see catalog/certification/certificate.py.
    """
    if temperature is not None and len(temperature.grid()):
        order = ordered(temperature, calibration.size, target, first or level)
        return walked(fixed_sequence(calibration, order, target, level, first=first))
    share = level / len(FIXED_STARTS)
    walks = [fixed_sequence(calibration, FIXED_GRID[start >= FIXED_GRID], target, share) for start in FIXED_STARTS]
    return walked(
        min(walks, key=lambda steps: (last.threshold if (last := _last(steps)) else math.inf, steps[0].p_value))
    )


def _last(steps: list[Step]) -> Step | None:
    passed = [step for step in steps if step.passed]
    return passed[-1] if passed else None


def leaf_first(leaf: Curve, parent: Curve, size: int, target: float, spend: float) -> bool:
    """True when testing the leaf's start at the whole level promises more placements than two halves do.

    Reads the temperature split's curves; the parent's is that of all items, as if none were placed at a leaf.
    """
    (whole, _), (half, chance), (above, _) = (
        _promise(curve, size, target, level) for curve, level in ((leaf, spend), (leaf, spend / 2), (parent, spend / 2))
    )
    return whole >= half + (1.0 - chance) * above * _WORTH_OF_A_PARENT


def _promise(curve: Curve, size: int, target: float, level: float) -> tuple[float, float]:
    """The most placements to expect at `level`, as a share of all products, and the best chance to pass at all."""
    grid = curve.grid()
    if not len(grid):
        return 0.0, 0.0
    chance = prospects(curve, grid, size, target, level)
    return float((chance * curve.counts(grid)[0]).max() / curve.size), float(chance.max())


def labels_needed(curve: Curve, target: float, level: float) -> int | None:
    """How large the calibration sample would have to be, in products, to pass in about half of all draws.

    At each threshold the error rate seen (Jeffreys' estimate) and the share accepted are taken as they are; the
    threshold that needs fewest counts. None when none is below 1 - target, or ten million labels would not do.
    """
    n, k = curve.counts(curve.grid())
    enough = n >= min(_FEW, n.max(initial=0))
    needs = []
    for seen, wrong in zip(n[enough].tolist(), k[enough].tolist(), strict=True):
        accepted = accepted_needed((wrong + 0.5) / (seen + 1.0), target, level)
        if accepted is not None:
            needs.append(math.ceil(accepted * curve.size / seen))
    return min((need for need in needs if need <= _MOST_LABELS), default=None)


def accepted_needed(error: float, target: float, level: float) -> int | None:
    """Accepted products at which the expected number of errors, rounded, passes the test; bisected. None: no number would."""
    if error >= 1.0 - target:
        return None

    def passes(n: int) -> bool:
        return binomial_cdf(math.floor(error * n + 0.5), n, 1.0 - target) <= level

    high = math.ceil(math.log(level) / math.log(target))
    while not passes(high):
        high *= 2
        if high > _MOST_LABELS:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if passes(middle) else (middle, high)
    return high
