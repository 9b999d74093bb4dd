"""The fixed-sequence test: from right-or-wrong products at falling thresholds to the most lenient one that passes."""

import math
from dataclasses import dataclass

import numpy as np

from catalog.metrics import binomial_cdf

STEPS = 100  # of one per cent of the scores each
_FEW = 30  # below this many accepted products an error rate says too little to plan labels with
_MOST_LABELS = 10_000_000
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


@dataclass(frozen=True)
class Step:
    """One threshold that was tested: of `n` accepted calibration products `k` were wrong."""

    threshold: float
    n: int
    k: int
    p_value: float
    passed: bool


def choose_start(temperature: Curve, thresholds: np.ndarray, size: int, target: float, level: float) -> int:
    """The number of the threshold that is most likely to pass with a calibration sample of `size` products.

    Reads the temperature split only. The wrong among the accepted are beta-binomial; the prior is worth one error at half
    the rate allowed, so that a handful of products without an error does not look like a sure thing. (Choosing by the
    smallest expected p-value instead placed nothing in 25% of draws of a hard case where this choice does in 19%.)
    """
    n, k = temperature.counts(thresholds)
    chances = [
        _chance_to_pass(int(seen), int(wrong), round(int(seen) * size / max(temperature.size, 1)), (target, level))
        for seen, wrong in zip(n, k, strict=True)
    ]
    return int(np.flatnonzero(np.asarray(chances) == max(chances))[-1])


def _chance_to_pass(seen: int, wrong: int, n: int, promise: tuple[float, float]) -> float:
    """Predictive probability that of `n` accepted products few enough are wrong, after `wrong` of `seen`."""
    target, level = promise
    q = 1.0 - target
    a, b = wrong + 1.0, seen - wrong + 2.0 / q - 1.0
    i = np.arange(min(n, math.ceil(n * q)), dtype=np.float64)  # at the mean the tail is above any level
    binomial = np.log((n - i) / (i + 1.0)) + (math.log(q) - math.log1p(-q))
    tail = np.cumsum(np.exp(n * math.log1p(-q) + np.concatenate(([0.0], np.cumsum(binomial)))))
    ratios = np.log((n - i) / (i + 1.0)) + np.log((i + a) / (n - i - 1.0 + b))
    first = math.lgamma(n + b) + math.lgamma(a + b) - math.lgamma(n + a + b) - math.lgamma(b)
    mass = np.exp(first + np.concatenate(([0.0], np.cumsum(ratios))))
    return float(mass[tail <= level].sum())


def fixed_sequence(calibration: Curve, thresholds: np.ndarray, target: float, level: float) -> list[Step]:
    """Tests the thresholds in the order given and stops at the first that fails (Learn then Test, Angelopoulos 2021).

    The p-value of "precision < target" is P(Binomial(n, 1 - target) <= k). The order must not depend on the labels of
    `calibration`; then the chance that any step passed wrongly is at most `level`, however many there are (Bauer 1991).
    """
    steps: list[Step] = []
    accepted, wrong = calibration.counts(thresholds)
    for threshold, n, k in zip(thresholds.tolist(), accepted.tolist(), wrong.tolist(), strict=True):
        p_value = binomial_cdf(k, n, 1.0 - target) if n else 1.0
        steps.append(Step(threshold, n, k, p_value, p_value <= level))
        if not steps[-1].passed:
            break
    return steps


@dataclass(frozen=True)
class Walk:
    """The outcome of a stratum's test: where it started, at which level, and the last step that passed, if any."""

    start: float | None
    level: float
    last: Step | None
    first: Step | None


def walk(temperature: Curve | None, calibration: Curve, target: float, level: float) -> Walk:
    """From the start that the temperature split names; without that split from five fixed starts at level / 5 each."""
    if temperature is not None and len(grid := temperature.grid()):
        start = choose_start(temperature, grid, calibration.size, target, level)
        steps = fixed_sequence(calibration, grid[start:], target, level)
        return Walk(steps[0].threshold, level, _last(steps), steps[0])
    share = level / len(FIXED_STARTS)
    walks = [fixed_sequence(calibration, FIXED_GRID[start >= FIXED_GRID], target, share) for start in FIXED_STARTS]
    best = min(walks, key=lambda steps: (last.threshold if (last := _last(steps)) else math.inf, steps[0].p_value))
    return Walk(best[0].threshold, share, _last(best), best[0])


def _last(steps: list[Step]) -> Step | None:
    passed = [step for step in steps if step.passed]
    return passed[-1] if passed else None


def labels_needed(curve: Curve, target: float, level: float) -> int | None:
    """How large the calibration sample would have to be, in products, to pass in about half of all draws.

    At each threshold the error rate seen (Jeffreys' estimate) and the share accepted are taken as they are; the
    threshold that needs fewest counts. None when none is below 1 - target, or ten million labels would not do.
    """
    n, k = curve.counts(curve.grid())
    enough = n >= min(_FEW, n.max(initial=0))
    needs = []
    for seen, wrong in zip(n[enough].tolist(), k[enough].tolist(), strict=True):
        accepted = _accepted_needed((wrong + 0.5) / (seen + 1.0), target, level)
        if accepted is not None:
            needs.append(math.ceil(accepted * curve.size / seen))
    return min((need for need in needs if need <= _MOST_LABELS), default=None)


def _accepted_needed(error: float, target: float, level: float) -> int | None:
    """Accepted products at which the expected number of errors, rounded, passes the test; bisected."""
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
