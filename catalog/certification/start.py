"""Where a fixed-sequence test starts: the threshold most likely to pass, judged on the temperature split alone."""

import math

import numpy as np

_ROUNDS = 25  # of expectation and maximization; the fit moves by less than its own error long before
_CLOSE = 1e-3
_PULL = 0.1  # keeps the slope finite where no score separates right from wrong, or one does so perfectly


def chances(seen: np.ndarray, rate: np.ndarray, accepted: np.ndarray, target: float, level: float) -> np.ndarray:
    """Predictive probability (m,) that of `accepted` products few enough are wrong for the test to pass.

    The wrong are beta-binomial: `seen` products at error rate `rate` were observed, and the prior is worth one error at
    half the rate allowed, so that a handful of products without an error does not look like a sure thing.
    """
    q = 1.0 - target
    a, b, n = seen * rate + 1.0, seen * (1.0 - rate) + 2.0 / q - 1.0, np.asarray(accepted, np.float64)
    i = np.arange(
        max(1, math.ceil(n.max(initial=0.0) * q)), dtype=np.float64
    )  # at the mean the tail is above any level
    left = np.maximum(n[:, None] - i, 0.0)
    with np.errstate(divide="ignore"):
        steps = np.log(left / (i + 1.0))  # -inf where there are no products left to be wrong
    tail = np.cumsum(np.exp(_running(n * math.log1p(-q), steps + (math.log(q) - math.log1p(-q)))), axis=1)
    first = _log_gamma(n + b) + _log_gamma(a + b) - _log_gamma(n + a + b) - _log_gamma(b)
    mass = np.exp(_running(first, steps + np.log((i + a[:, None]) / (np.maximum(left - 1.0, 0.0) + b[:, None]))))
    return (mass * (tail <= level))[:, : len(i)].sum(axis=1)


def _running(first: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Logarithms (m, s + 1) of successive terms, from the first of each row and the ratios between them."""
    return np.cumsum(np.column_stack([first, steps]), axis=1)


def _log_gamma(x: np.ndarray) -> np.ndarray:
    return np.array([math.lgamma(value) for value in x.tolist()])


def smooth_errors(score: np.ndarray, wrong: np.ndarray, target: float) -> np.ndarray:
    """The chance (n,) that each product is wrong, from a curve through all of them: f + (1 - f) / (1 + exp(a s + b)).

    f are errors that no score foresees (mislabelled products), a and b Platt's (1999). Fitted by expectation and
    maximization. Counting the few errors among the surest alone left the best start to chance: of 500 products two or
    three decide, and the walk started where it would not pass. The priors: one mislabelled product in twice as many as
    the target allows, and two products, one wrong and one right, at the middle of the scores.
    """
    size, allowance = len(wrong), 2.0 / (1.0 - target)
    y = np.concatenate([np.asarray(wrong, np.float64), [1.0, 0.0]])  # the two products of the prior stand last
    z = np.append((score - score.mean()) / (score.std() + 1e-9), [0.0, 0.0])
    floor, slope, base = 1.0 / allowance, 1.0, math.log((len(y) - y.sum()) / y.sum())
    for _ in range(_ROUNDS):
        unsure = _falling(slope * z + base)
        blind = y * floor / (floor + (1.0 - floor) * unsure)  # of each error, the part that no score foresees
        blind[size:] = 0.0
        floor = (float(blind.sum()) + 1.0) / (size + allowance)
        up, along = _newton(z, y, unsure, 1.0 - blind, slope)
        slope, base = max(0.0, slope + up), base + along  # a falling score would start among the least sure
        if abs(up) + abs(along) < _CLOSE:
            break
    return floor + (1.0 - floor) * _falling(slope * z[:size] + base)


def _falling(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(np.clip(x, -30.0, 30.0)))


def _newton(z: np.ndarray, y: np.ndarray, p: np.ndarray, weight: np.ndarray, slope: float) -> tuple[float, float]:
    """One Newton step of a weighted logistic regression of "wrong" on minus the score; the slope is drawn to 1."""
    gap, curvature = weight * (p - y), weight * p * (1.0 - p)
    down, across = float(gap @ z) - _PULL * (slope - 1.0), float(gap.sum())
    one, both, two = float(curvature @ (z * z)) + _PULL, float(curvature @ z), float(curvature.sum()) + 1e-6
    whole = one * two - both * both
    steps = (two * down - both * across) / whole, (one * across - both * down) / whole
    return max(-1.0, min(1.0, steps[0])), max(-1.0, min(1.0, steps[1]))
