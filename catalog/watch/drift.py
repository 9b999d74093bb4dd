"""Whether a batch of items looks like the batches before it: many statistics, one error rate.

A batch is what a vendor sent for the first time in a run. Every statistic is a function of means over its items, so a
quiet batch is drawn by resampling: the mean of as many items drawn from the earlier batches, plus what one of these
batches, drawn at random, lies off their common mean. Of that deviation only the part that item noise does not explain is
kept (the hierarchical bootstrap of Davison and Hinkley 1997, section 3.8, with the variance between batches by the
method of moments). Products come in series, and items drawn alone would call every series a shift.

Each statistic is told in units of its own 99th percentile among such draws; the largest of them is compared with the
largest of each draw (the single-step maximum of Westfall and Young 1993), so that twelve statistics cost one error rate.
Beyond what a few thousand draws resolve, the tail is an exponential fitted to the last tenth: on normal statistics it is
too heavy, which errs towards silence.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

# Of runs whose every batch is quiet at most one in 30 alarms. Drawn at that level, up to 1.6 in 30 did where the earlier
# batches were ten or fewer: hence the factor.
RUN_LEVEL = 0.6 / 30
LEAST_RUNS = 5  # earlier batches, before the differences between them are known at all
LEAST_REFERENCE = 100  # items in them
LEAST_BATCH = 30
DRAWS = 2000
_TAIL = 0.9
_USUAL_MOST = (
    2.5758  # what a normal deviation reaches once in a hundred: the least unit of a statistic that never varies
)
_AT_ONCE = 500  # draws made together: bounds memory to these times the reference


@dataclass(frozen=True)
class Statistic:
    """`columns`: which features it reads. One feature: its mean. Several: a distance of their means, each in units of
    its spread, or with `shares` of the square root of its share. `least`: no feature is believed to spread less than this
    divided by the root of the items in the reference. For shares the root of 3: what was never seen among n items may
    still have a share of 3 / n (the rule of three)."""

    name: str
    columns: slice
    shares: bool = False
    least: float = 0.0


@dataclass(frozen=True)
class Reference:
    """Earlier batches: `values` float (n, p), NaN where an item has no such feature; `run` int (n,) from 0, which batch."""

    values: np.ndarray
    run: np.ndarray

    @property
    def runs(self) -> int:
        """How many batches."""
        return int(self.run.max(initial=-1)) + 1

    @property
    def suffices(self) -> bool:
        """Whether anything can be judged against it."""
        return self.runs >= LEAST_RUNS and len(self.values) >= LEAST_REFERENCE


@dataclass(frozen=True)
class Judged:
    """A batch against its reference. `score`: each statistic in units of its 99th percentile when quiet; `bar`: what the
    largest one reaches in a share `level` of quiet batches; `p_value`: of the largest. `shift` and `spread` (p,): the
    deviation of each feature's mean, and the feature's spread among items."""

    score: Mapping[str, float]
    bar: float
    p_value: float
    shift: np.ndarray
    spread: np.ndarray
    usual: np.ndarray

    @property
    def alarms(self) -> list[str]:
        """The statistics beyond the bar, the farthest first."""
        beyond = [name for name, score in self.score.items() if score >= self.bar]
        return sorted(beyond, key=lambda name: -self.score[name])


def judge(
    reference: Reference, batch: np.ndarray, statistics: list[Statistic], *, level: float, seed: int, draws: int = DRAWS
) -> Judged:
    """Compares a batch (m, p) with what came before; `level`: the share of quiet batches of this kind that may alarm.

    With several batches a run, give each the run's level divided by their number. The same seed gives the same answer.
    """
    usual, spread, effects = _moments(reference)
    shift = np.nan_to_num(_mean(batch) - usual)
    units = _Units(statistics, reference, usual, spread, len(batch))
    quiet = units.of(_quiet_shifts(reference, batch, (usual, effects), (seed, draws)))
    least = np.array([_USUAL_MOST * (1 / np.sqrt(len(batch)) if s.shares else 1.0) for s in statistics])
    most = np.maximum(np.quantile(quiet, 0.99, axis=0), least)
    largest = (quiet / most).max(axis=1)
    score = units.of(shift[None])[0] / most
    tail = _Tail.fit(largest)
    names = [s.name for s in statistics]
    return Judged(
        dict(zip(names, score.tolist(), strict=True)),
        # where quiet batches never vary, no draw says what one exception is worth
        max(tail.quantile(level), NormalDist().inv_cdf(1 - level / 2) / _USUAL_MOST),
        tail.p_value(float(score.max(initial=0.0))),
        shift,
        spread,
        usual,
    )


def _mean(values: np.ndarray) -> np.ndarray:
    there = ~np.isnan(values)
    return np.where(there, values, 0.0).sum(0) / np.where(there.any(0), there.sum(0), np.nan)


def _moments(reference: Reference) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and spread of each feature (p,), and what each batch lies off the mean beyond item noise (runs, p)."""
    values, runs = reference.values, reference.runs
    there, filled = ~np.isnan(values), np.nan_to_num(values)
    n = np.zeros((runs, values.shape[1]))
    sums, squares = n.copy(), n.copy()
    np.add.at(n, reference.run, there)
    np.add.at(sums, reference.run, filled)
    np.add.at(squares, reference.run, filled**2)
    total = np.maximum(n.sum(0), 1.0)
    usual = np.where(n.sum(0) > 0, sums.sum(0) / total, np.nan)
    means = sums / np.maximum(n, 1.0)
    groups = (n > 0).sum(0)
    within = np.maximum((squares.sum(0) - (n * means**2).sum(0)) / np.maximum(total - groups, 1.0), 0.0)
    off = np.where(n > 0, means - np.nan_to_num(usual), 0.0)
    between = ((n * off**2).sum(0) - (groups - 1) * within) / np.maximum(total - (n**2).sum(0) / total, 1e-12)
    # Half a standard error more than estimated: what few batches show of their differences is too little as often as too
    # much, and only too little costs false alarms.
    between = np.maximum(between, 0.0) + 0.5 * within * np.sqrt(2 / max(runs - 1, 1)) * runs / total
    kept = np.sqrt(between / np.maximum(between + within / np.maximum(n, 1.0), 1e-300))
    # the deviations of k batches from their own mean are too small by this factor
    effects = off * kept * np.sqrt(groups / np.maximum(groups - 1, 1))
    return usual, np.sqrt(within), effects


def _quiet_shifts(
    reference: Reference, batch: np.ndarray, moments: tuple[np.ndarray, np.ndarray], how: tuple[int, int]
) -> np.ndarray:
    """Deviations (draws, p) of quiet batches as large as this one, the error of the reference's own mean included."""
    usual, effects = moments
    seed, draws = how
    random, n, pool = np.random.default_rng(seed), len(batch), len(reference.values)
    there = (~np.isnan(reference.values)).astype(np.float32)
    centred = np.nan_to_num(reference.values - usual).astype(np.float32)
    both = np.concatenate([centred, there], axis=1)
    found = []
    for start in range(0, draws, _AT_ONCE):
        many = min(_AT_ONCE, draws - start)
        drawn = random.integers(0, pool, (many, n)) + np.arange(many)[:, None] * pool
        weight = np.bincount(drawn.ravel(), minlength=many * pool).reshape(many, pool).astype(np.float32)
        sums = weight @ both
        items = sums[:, : len(usual)] / np.maximum(sums[:, len(usual) :], 1.0)
        # Few batches: their deviations, mixed at random, as a multivariate t that owns up to how few they are.
        few = np.sqrt((reference.runs - 1) / random.chisquare(reference.runs - 1, (many, 1)))
        series = few * (random.standard_normal((many, reference.runs)) @ effects) / np.sqrt(reference.runs)
        found.append(items * np.sqrt(1 + n / pool) + series * np.sqrt(1 + 1 / reference.runs))
    shifts = np.concatenate(found)
    shifts[:, np.isnan(batch).all(0)] = 0.0
    return shifts


class _Units:
    """From deviations of feature means to statistics."""

    def __init__(
        self, statistics: list[Statistic], reference: Reference, usual: np.ndarray, spread: np.ndarray, n: int
    ) -> None:
        self._statistics, self._scale = statistics, np.ones(len(usual))
        for s in statistics:
            if s.shares:
                self._scale[s.columns] = np.sqrt(np.nan_to_num(usual[s.columns]) + 3 / len(reference.values))
            elif s.columns.stop - s.columns.start > 1:
                self._scale[s.columns] = np.maximum(spread[s.columns], 1e-9)
            else:
                least = max(s.least / np.sqrt(len(reference.values)), 1e-9)
                self._scale[s.columns] = np.maximum(spread[s.columns], least) / np.sqrt(n)

    def of(self, shifts: np.ndarray) -> np.ndarray:
        """(m, statistics) of deviations (m, p)."""
        scaled = shifts / self._scale
        return np.stack([np.sqrt((scaled[:, s.columns] ** 2).sum(1)) for s in self._statistics], axis=1)


@dataclass(frozen=True)
class _Tail:
    """Sorted draws, and the exponential beyond `start`, which a tenth of them exceed, by `excess` on average."""

    ordered: np.ndarray
    start: float
    excess: float

    @classmethod
    def fit(cls, values: np.ndarray) -> "_Tail":
        start = float(np.quantile(values, _TAIL))
        beyond = values[values > start] - start
        return cls(np.sort(values), start, float(beyond.mean()) if len(beyond) else 1e-9)

    def quantile(self, level: float) -> float:
        """What a share `level` of quiet batches exceeds."""
        share = 1 - _TAIL
        if level >= share:
            return float(np.quantile(self.ordered, 1 - level))
        return self.start + self.excess * float(np.log(share / level))

    def p_value(self, value: float) -> float:
        """The share of quiet batches that reach the value."""
        if value > self.start:
            return (1 - _TAIL) * float(np.exp(-(value - self.start) / self.excess))
        return float(1 + (self.ordered >= value).sum()) / (1 + len(self.ordered))
