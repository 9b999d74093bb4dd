"""TF-IDF of words and characters with a linear model: what most people would build first."""

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.svm import LinearSVC

from benchmarks.quality.trained import Lesson, Trained, quality

TUNED_ON = 4000  # training rows used while tuning; the last fit takes all
COSTS = (0.1, 0.3, 1.0, 3.0, 10.0)
PENALTIES = (1e-6, 1e-5, 3e-5, 1e-4)
FIELD_WEIGHTS = (0.0, 0.3, 0.6, 1.0)
# Characters only of short fields: a description's would be nine tenths of all features.
ANALYZERS = {
    "title": ("word", "char_wb"),
    "vendor_category": ("word", "char_wb"),
    "brand": ("word",),
    "description": ("word",),
}
Model = Callable[[float, int], Any]


@dataclass(frozen=True)
class Choice:
    """What is tuned: the weight of each field beside the title's 1, and how strongly the model is held back."""

    weights: dict[str, float]
    strength: float


class Features:
    """TF-IDF of a training frame: words 1-2 and characters 3-5 within words, those that two items or more have."""

    def __init__(self, learn: pl.DataFrame) -> None:
        self._blocks: list[tuple[str, TfidfVectorizer]] = []
        for field, analyzers in ANALYZERS.items():
            texts = _texts(learn, field)
            if not any(re.search(r"\w\w", text) for text in texts):
                continue
            for analyzer in analyzers:
                self._blocks.append((field, _vectorizer(analyzer).fit(texts)))
        self.fields = list(dict.fromkeys(field for field, _ in self._blocks))

    def blocks(self, frame: pl.DataFrame) -> list[tuple[str, sparse.csr_matrix]]:
        """For each block its field and a matrix (n, features), rows of length 1."""
        return [(field, block.transform(_texts(frame, field))) for field, block in self._blocks]


def _vectorizer(analyzer: str) -> TfidfVectorizer:
    span = (1, 2) if analyzer == "word" else (3, 5)
    return TfidfVectorizer(analyzer=analyzer, ngram_range=span, min_df=2, sublinear_tf=True, dtype=np.float32)


def _texts(frame: pl.DataFrame, field: str) -> list[str]:
    return frame[field].fill_null("").to_list()


def _joined(blocks: list[tuple[str, sparse.csr_matrix]], weights: dict[str, float]) -> sparse.csr_matrix:
    return sparse.hstack([block * weights[field] for field, block in blocks if weights[field]], format="csr")


def svc(lesson: Lesson) -> Trained:
    """Linear SVM, one against the rest; its decision values are the logits."""
    return _train(lesson, COSTS, lambda cost, seed: LinearSVC(C=cost, tol=1e-3, random_state=seed))


def logreg(lesson: Lesson) -> Trained:
    """Logistic regression by stochastic gradient, one against the rest, weights averaged."""

    def model(penalty: float, seed: int) -> SGDClassifier:
        return SGDClassifier(loss="log_loss", alpha=penalty, average=True, max_iter=20, tol=None, random_state=seed)

    return _train(lesson, PENALTIES, model)


def _train(lesson: Lesson, strengths: tuple[float, ...], model: Model) -> Trained:
    features = Features(lesson.learn)
    learn, stop = features.blocks(lesson.learn), features.blocks(lesson.stop)
    labels = lesson.learn["category_id"].to_numpy()
    some = np.sort(np.random.default_rng(lesson.seed).permutation(len(labels))[:TUNED_ON])

    def fitted(choice: Choice, rows: np.ndarray) -> Any:
        x = _joined([(field, block[rows]) for field, block in learn], choice.weights)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # "many classes": with one label a category there are
            return model(choice.strength, lesson.seed).fit(x, labels[rows])

    def worth(choice: Choice) -> tuple[float, float]:
        found = fitted(choice, some)
        decisions = _decisions(found, _joined(stop, choice.weights))
        return quality(decisions, lesson.stop["category_id"], list(found.classes_))

    choice = _tuned(features.fields, strengths, worth)
    final = fitted(choice, np.arange(len(labels)))
    return Trained(
        list(final.classes_),
        lambda frame: _decisions(final, _joined(features.blocks(frame), choice.weights)),
        {"strength": choice.strength, "field_weights": choice.weights, "tuned_on": len(some)},
    )


def _tuned(fields: list[str], strengths: tuple[float, ...], worth: Callable[[Choice], tuple[float, float]]) -> Choice:
    """One field's weight after the other, then the strength: each kept at the best so far on the tuning rows."""
    best = Choice({field: 1.0 if field == "title" else FIELD_WEIGHTS[2] for field in fields}, strengths[1])
    reached = worth(best)
    for field in fields[1:]:
        for trial in [replace(best, weights=best.weights | {field: weight}) for weight in FIELD_WEIGHTS]:
            if trial != best and (found := worth(trial)) > reached:
                best, reached = trial, found
    for trial in [replace(best, strength=strength) for strength in strengths]:
        if trial != best and (found := worth(trial)) > reached:
            best, reached = trial, found
    return best


def _decisions(model: Any, x: sparse.csr_matrix) -> np.ndarray:
    """Decision values (n, classes), also of two classes, for which scikit-learn gives one column."""
    found = model.decision_function(x)
    return np.stack([-found, found], axis=1) if found.ndim == 1 else found
