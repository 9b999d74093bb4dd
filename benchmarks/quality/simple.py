"""The least anyone would do: the commonest category, and the vendor's own category looked up."""

from collections import Counter, defaultdict

import numpy as np
import polars as pl

from benchmarks.quality.trained import Lesson, Trained

BACK_OFF = 0.5  # how many labels the coarser look-up is worth


def majority(lesson: Lesson) -> Trained:
    """The shares of the categories in training, whatever the item."""
    classes, prior = _prior(lesson.learn)
    row = np.log(prior)
    return Trained(classes, lambda frame: np.tile(row, (frame.height, 1)), {})


def vendor_lookup(lesson: Lesson) -> Trained:
    """Labels seen with this vendor's category, backed by those seen with the category anywhere, backed by all."""
    classes, prior = _prior(lesson.learn)
    index = {name: number for number, name in enumerate(classes)}
    seen: dict[tuple[str, ...], Counter[int]] = defaultdict(Counter)
    for *keys, label in _keys(lesson.learn, lesson.learn["category_id"]):
        for key in keys:
            seen[key][index[label]] += 1

    def logits(frame: pl.DataFrame) -> np.ndarray:
        out = np.empty((frame.height, len(classes)))
        for row, (narrow, wide, _) in enumerate(_keys(frame, frame["category_id"])):
            p = prior
            for key in (wide, narrow):
                counts = seen.get(key)
                if counts and key[-1]:
                    p = BACK_OFF * p
                    p[list(counts)] += list(counts.values())
                    p = p / p.sum()
            out[row] = np.log(p)
        return out

    return Trained(classes, logits, {"back_off": BACK_OFF})


def _prior(learn: pl.DataFrame) -> tuple[list[str], np.ndarray]:
    counts = learn["category_id"].value_counts().sort("category_id")
    return counts["category_id"].to_list(), counts["count"].to_numpy() / learn.height


def _keys(frame: pl.DataFrame, labels: pl.Series) -> list[tuple[tuple[str, ...], tuple[str, ...], str]]:
    category = frame["vendor_category"].fill_null("").str.to_lowercase()
    return [((v, c), (c,), label) for v, c, label in zip(frame["vendor"], category, labels, strict=True)]
