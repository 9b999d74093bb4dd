"""Calibration: a temperature for the logits, by modality, log-odds that never saturate, and how far off confidence is."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np

Targets = np.ndarray | Sequence[Collection[int]]
_BOUNDS = (-3.0, 3.0)  # log temperature: from 1/20 to 20; a sample without one error would ask for zero
_MODALITIES = {(True, True): "both", (True, False): "text", (False, True): "image", (False, False): "none"}
_WORTH = 20.0  # items; log T of n items is off by 0.7 / sqrt(n), and modalities differ by 0.15 or more
_GOLDEN = 0.6180339887498949
_CEILING = 1000.0  # beyond what exp can tell apart in float64; finite, so that thresholds and JSON stay so too


def fit_temperature(logits: np.ndarray, target: Targets) -> float:
    """The temperature T that minimizes the mean log-loss of softmax(logits / T) (Guo et al. 2017).

    `logits` is (n, c); `target` is (n,) class numbers, or for labels at inner nodes one collection of class numbers a
    row, whose summed probability counts. Kept within [1/20, 20]; 1.0 for an empty sample.
    """
    logits = np.asarray(logits, np.float64)
    if not len(logits):
        return 1.0
    member = _membership(target, logits.shape)
    shifted = logits - logits.max(axis=1, keepdims=True)

    def loss(log_t: float) -> float:
        scaled = shifted / np.exp(log_t)
        if member.ndim == 1:
            inside = scaled[np.arange(len(scaled)), member]
        else:
            inside = _log_sum(np.where(member, scaled, -np.inf))
        return float(np.mean(_log_sum(scaled) - inside))

    grid = np.linspace(*_BOUNDS, 13)
    best = int(np.argmin([loss(value) for value in grid]))
    return float(np.exp(_minimum(loss, grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)])))


@dataclass(frozen=True)
class Temperatures:
    """One temperature for all, and one for what is read of an item: its text, its picture, or both."""

    common: float = 1.0
    by_modality: Mapping[str, float] = field(default_factory=dict)

    def of(self, present: np.ndarray) -> np.ndarray:
        """float64 (n,): the temperature of each item; `present` (n, 2): it has a text, it has a picture."""
        return np.array([self.by_modality.get(name, self.common) for name in modality(present)], np.float64)

    def to_dict(self) -> dict[str, Any]:
        """As calibration.json holds it."""
        return {"temperature": self.common, "by_modality": dict(self.by_modality)}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "Temperatures":
        """The inverse; a bundle of before has one temperature only."""
        return cls(content["temperature"], content.get("by_modality", {}))


def modality(present: np.ndarray) -> list[str]:
    """text, image, both or none, from (n, 2): it has a text, it has a picture."""
    return [_MODALITIES[bool(text), bool(image)] for text, image in np.asarray(present).tolist()]


def fit_temperatures(logits: np.ndarray, target: np.ndarray, present: np.ndarray) -> Temperatures:
    """The common temperature, and one for each modality drawn to it: log T is averaged with `_WORTH` items' weight.

    A modality with few labels keeps about the common one, for a temperature fitted on ten items is off by 22%.
    """
    common = fit_temperature(logits, target)
    names = np.array(modality(present), dtype=object)
    found = {}
    for name in sorted(set(names)):
        rows = np.flatnonzero(names == name)
        own = np.log(fit_temperature(logits[rows], target[rows]))
        found[name] = float(np.exp((len(rows) * own + _WORTH * np.log(common)) / (len(rows) + _WORTH)))
    return Temperatures(common, found)


def _membership(target: Targets, shape: tuple[int, int]) -> np.ndarray:
    """Class numbers (n,) where every row has exactly one, else a bool mask (n, c)."""
    if isinstance(target, np.ndarray) and target.ndim == 1 and target.dtype != object:
        return target.astype(np.int64)
    rows = [list(classes) for classes in target]
    if all(len(classes) == 1 for classes in rows):
        return np.array([classes[0] for classes in rows], np.int64)
    mask = np.zeros(shape, bool)
    for row, classes in enumerate(rows):
        mask[row, classes] = True
    return mask


def _minimum(loss: Callable[[float], float], low: float, high: float) -> float:
    """Golden-section search of a function with one minimum in the bracket."""
    inner = [high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)]
    values = [loss(inner[0]), loss(inner[1])]
    while high - low > 1e-4:
        if values[0] <= values[1]:
            high = inner[1]
            inner = [high - _GOLDEN * (high - low), inner[0]]
            values = [loss(inner[0]), values[0]]
        else:
            low = inner[0]
            inner = [inner[1], low + _GOLDEN * (high - low)]
            values = [values[1], loss(inner[1])]
    return 0.5 * (low + high)


def _log_sum(values: np.ndarray) -> np.ndarray:
    top = values.max(axis=1, keepdims=True)
    return top[:, 0] + np.log(np.exp(values - top).sum(axis=1))


def log_odds(logits: np.ndarray) -> np.ndarray:
    """log(p / (1 - p)) of every class, (n, c) float64, from calibrated logits (n, c).

    The complement is summed over the other classes and never taken as 1 - p: float64 softmax is exactly 1.0 from a lead
    of 37 on, which would tie the surest items, and those decide the strict end of every certificate.
    """
    logits = np.asarray(logits, np.float64)
    shifted = logits - logits.max(axis=1, keepdims=True)
    weight = np.exp(shifted)
    rows, best = np.arange(len(logits)), logits.argmax(axis=1)
    total = weight.sum(axis=1, keepdims=True)
    rest = total - weight
    others = weight.copy()
    others[rows, best] = 0.0
    rest[rows, best] = others.sum(axis=1)
    return _finite(shifted, rest)


def node_log_odds(logits: np.ndarray, member: np.ndarray) -> np.ndarray:
    """log-odds (n, m) that the class is one of a node's, from calibrated logits (n, c) and members (c, m) bool.

    Inside and outside are both sums of positive terms, so neither end saturates.
    """
    logits = np.asarray(logits, np.float64)
    weight = np.exp(logits - logits.max(axis=1, keepdims=True))
    inside = weight @ member.astype(np.float64)
    outside = weight @ (~member.astype(bool)).astype(np.float64)
    with np.errstate(divide="ignore"):
        return _finite(np.log(inside), outside)


def _finite(log_inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """log(inside) - log(outside) within +-_CEILING: a node that holds every class has no outside at all."""
    with np.errstate(divide="ignore"):
        return np.clip(log_inside - np.log(outside), -_CEILING, _CEILING)


def raw_ece(prob: np.ndarray, correct: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error over bins of equal mass; biased upwards: it is above 0 for a perfect model too."""
    order = np.argsort(prob, kind="stable")
    gap = np.asarray(correct, np.float64)[order] - np.asarray(prob, np.float64)[order]
    gaps = np.add.reduceat(gap, _edges(len(prob), bins))
    return float(np.abs(gaps).sum() / len(prob))


def _edges(n: int, bins: int) -> np.ndarray:
    return np.unique(np.arange(min(bins, n)) * n // min(bins, n))


def ece(prob: np.ndarray, correct: np.ndarray, bins: int = 15, *, draws: int = 200, seed: int = 0) -> float:
    """ECE minus the mean ECE of a perfectly calibrated model with the same scores; can be slightly below 0.

    The mean is over `draws` resamples of right and wrong at the given probabilities. Quote it for at least 1,000
    items; below that use `confidence_gap`.
    """
    if not len(prob):
        return float("nan")
    p = np.sort(np.asarray(prob, np.float64))
    generator = np.random.default_rng(seed)
    edges = _edges(len(p), bins)
    chance = [np.abs(np.add.reduceat((generator.random(len(p)) < p) - p, edges)).sum() / len(p) for _ in range(draws)]
    return raw_ece(prob, correct, bins) - float(np.mean(chance))


def confidence_gap(prob: np.ndarray, correct: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of accuracy minus mean confidence; it must contain 0 where the slice is too small for an ECE.

    Normal interval with the variance that the probabilities themselves imply (the null of perfect calibration).
    """
    p = np.asarray(prob, np.float64)
    gap = float(np.mean(np.asarray(correct, np.float64) - p))
    half = NormalDist().inv_cdf(0.5 * (1 + confidence)) * float(np.sqrt((p * (1 - p)).sum())) / len(p)
    return gap - half, gap + half
