"""TF-IDF with an SVM times logistic regression on frozen embeddings: two opinions that err in different places."""

from typing import Any

import numpy as np

from benchmarks.quality.stored import Scores
from benchmarks.quality.trained import numbered, quality
from catalog.certification.calibration import fit_temperature
from catalog.inference.scores import softmax

WEIGHTS = np.linspace(0.0, 1.0, 11)


def multiplied(first: Scores, second: Scores, stop_labels: Any) -> tuple[Scores, dict[str, Any]]:
    """p_first^w p_second^(1-w) over stored scores of the same parts; w is tuned on the early-stopping part.

    Each side is first brought to its best temperature there, so that w compares like with like.
    """
    if first.classes != second.classes:
        raise ValueError("Both parts of the product must know the same classes.")
    target = numbered(stop_labels, first.classes)
    sides = [_log_probabilities(side, target) for side in (first, second)]

    def mixed(part: str, weight: float) -> np.ndarray:
        return weight * sides[0][part] + (1.0 - weight) * sides[1][part]

    stop = "early_stopping"
    best = max(WEIGHTS, key=lambda weight: quality(mixed(stop, weight), stop_labels, first.classes))
    parts = [part for part in first.logits if part in second.logits]
    items = {part: first.items[part] for part in parts}
    return Scores(first.classes, 1.0, items, {part: mixed(part, best) for part in parts}), {"weight": float(best)}


def _log_probabilities(scores: Scores, target: np.ndarray) -> dict[str, np.ndarray]:
    known = target >= 0
    temperature = fit_temperature(scores.logits["early_stopping"][known], target[known])
    return {part: np.log(np.maximum(softmax(x, temperature), 1e-30)) for part, x in scores.logits.items()}
