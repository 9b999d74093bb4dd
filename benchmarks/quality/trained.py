"""What every method is given and what it gives back."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from catalog.certification.calibration import fit_temperature
from catalog.inference.inputs import TEXT_FIELDS
from catalog.inference.scores import softmax
from catalog.taxonomies.taxonomy import Taxonomy


@dataclass(frozen=True)
class Lesson:
    """Rows to learn from, rows to tune or stop on, what is kept between cells, and a work folder of this cell alone."""

    learn: pl.DataFrame
    stop: pl.DataFrame
    taxonomy: Taxonomy
    seed: int
    cache: Path
    work: Path
    threads: int = 1


@dataclass(frozen=True)
class Trained:
    """A method that has learned. `logits` gives (n, classes) of any scale: a temperature is fitted afterwards.

    `novelty` (of a frame, at a temperature) is for methods with a score of their own; the others get 1 - probability.
    `int8`: how often the likeliest class stays in int8, by tower; asked after the clock of the training has stopped.
    """

    classes: list[str]
    logits: Callable[[pl.DataFrame], np.ndarray]
    settings: dict[str, Any]
    novelty: Callable[[pl.DataFrame, float], np.ndarray] | None = None
    int8: Callable[[], dict[str, float]] | None = None


def numbered(labels: pl.Series, classes: list[str]) -> np.ndarray:
    """int64 (n,): the class number of each label, -1 for one that is no class."""
    index = {name: number for number, name in enumerate(classes)}
    return np.array([index.get(label, -1) for label in labels], np.int64)


def quality(logits: np.ndarray, labels: pl.Series, classes: list[str]) -> tuple[float, float]:
    """Accuracy and minus log-loss at the best temperature; larger is better, so that tuples can be compared."""
    target = numbered(labels, classes)
    known = target >= 0
    if not known.any():
        return 0.0, 0.0
    right = float((logits.argmax(1) == target).mean())
    p = softmax(logits[known], fit_temperature(logits[known], target[known]))
    return right, float(np.log(np.maximum(p[np.arange(len(p)), target[known]], 1e-30)).mean())


def only(frame: pl.DataFrame, shown: str) -> pl.DataFrame:
    """The frame with what may not be seen taken out; `shown` is both, text or image."""
    if shown == "text":
        return frame.with_columns(image=pl.lit(None, pl.String))
    if shown == "image":
        return frame.with_columns(pl.lit(None, pl.String).alias(column) for column in TEXT_FIELDS)
    return frame
