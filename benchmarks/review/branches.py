"""What the simulated shop's models read: n-grams, and what the product's frozen towers make of text and picture.

Each branch is a table of numbers an item, made once and for all; a model is one ridge regression a branch, whose
log-probabilities are added with weights fitted on other items, as `catalog.learning.mixing` does. Embeddings are read where
`benchmarks.quality` keeps them and never made here: that takes hours for tens of thousands of pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from scipy import optimize, sparse, special
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from catalog.certification.calibration import fit_temperature

WIDTH = 600
MOST_GRAMS = 25_000
RIDGE = 1.0
LENGTH = 10.0  # of each item's numbers: what RIDGE is to be compared with
TEXTS = ("title", "brand", "vendor_category", "description")
LONGEST = 200  # characters of a description
ENOUGH = 0.99  # of the items with a text (a picture) must have an embedding, else the branch is left out
SHRINKAGE = 4.0  # as in catalog.learning.mixing
LEAST = 20


@dataclass(frozen=True)
class Branches:
    """Fitted ridges, one a branch: weights float32 (width, classes), the temperature of each, and how much each counts."""

    weights: tuple[np.ndarray, ...]
    temperatures: tuple[float, ...]
    shares: np.ndarray

    @classmethod
    def fit(
        cls, parts: Sequence[np.ndarray], one_hot: np.ndarray, held_out: Sequence[np.ndarray], target: np.ndarray
    ) -> "Branches":
        """parts: per branch (n, width) of the items learned from, one_hot (n, classes); held_out: the same of items that
        temperatures and shares are fitted on, target (m,) their classes by number."""
        weights = tuple(_ridge(x, one_hot) for x in parts)
        raw = [x @ w for x, w in zip(held_out, weights, strict=True)]
        temperatures = tuple(fit_temperature(scores, target) for scores in raw)
        said = np.stack([_log_probabilities(*pair) for pair in zip(raw, temperatures, strict=True)])
        return cls(weights, temperatures, _shares(said, target))

    def logits(self, parts: Sequence[np.ndarray]) -> np.ndarray:
        """float64 (n, classes): the log-probabilities of all branches, added by their shares."""
        said = [
            share * _log_probabilities(x @ w, temperature)
            for x, w, temperature, share in zip(parts, self.weights, self.temperatures, self.shares, strict=True)
        ]
        return np.sum(said, axis=0)


def _ridge(x: np.ndarray, one_hot: np.ndarray) -> np.ndarray:
    gram = (x.T @ x).astype(np.float64) + RIDGE * np.eye(x.shape[1])
    return np.linalg.solve(gram, (x.T @ one_hot).astype(np.float64)).astype(np.float32)


def _log_probabilities(scores: np.ndarray, temperature: float) -> np.ndarray:
    return special.log_softmax(scores.astype(np.float64) / temperature, axis=1)


def _shares(said: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Positive weights (branches,) of least log-loss on items held out, drawn towards one each."""
    first = np.ones(len(said))
    if len(said) == 1 or len(target) < LEAST:
        return first / len(said)
    rows = np.arange(len(target))

    def loss(log_share: np.ndarray) -> float:
        mixed = np.tensordot(np.exp(log_share), said, axes=1)
        wrong = special.logsumexp(mixed, axis=1) - mixed[rows, target]
        return float(wrong.mean() + SHRINKAGE / len(rows) * np.square(log_share).sum())

    return np.exp(optimize.minimize(loss, np.zeros(len(said)), method="Nelder-Mead", options={"maxiter": 120}).x)


def ngrams(frame: pl.DataFrame) -> np.ndarray:
    """float32 (n, WIDTH + 1): the n-grams of all texts, reduced, and a constant."""
    texts = frame.select(
        pl.concat_str([pl.col(name).fill_null("").str.slice(0, LONGEST) for name in TEXTS], separator=" ")
    ).to_series()
    found = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(3, 4), min_df=3, max_features=MOST_GRAMS, sublinear_tf=True, dtype=np.float32
    )
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, max_features=MOST_GRAMS, sublinear_tf=True, dtype=np.float32)
    both = sparse.hstack([words.fit_transform(texts), found.fit_transform(texts)]).tocsr()
    return scaled(TruncatedSVD(WIDTH, n_iter=3, random_state=0).fit_transform(both))


def scaled(x: np.ndarray) -> np.ndarray:
    """Rows of one length, float32, with a constant after them; a row of zeros stays one."""
    x = x * (LENGTH / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9))
    return np.hstack([x, np.ones((len(x), 1))]).astype(np.float32)


def embedded(frame: pl.DataFrame, cache: Path | None) -> dict[str, np.ndarray]:
    """By modality the embeddings of a set, (n, width + 1); left out where one is missing of more than a hundredth."""
    return {modality: scaled(vectors) for modality, vectors in kept(frame, cache, ENOUGH).items()}


def kept(frame: pl.DataFrame, cache: Path | None, enough: float = 0.9) -> dict[str, np.ndarray]:
    """By modality the embeddings as the quality benchmark keeps them, (n, width), zeros where it has none; left out where it has
    less than `enough` of the items with a text (a picture)."""
    if cache is None or not (cache / "embeddings").is_dir():
        return {}
    from benchmarks.quality.frozen import kept_embeddings  # noqa: PLC0415 - loads torch

    found = {modality: kept_embeddings(cache, frame, modality) for modality in ("text", "image")}
    return {name: vectors for name, (vectors, share) in found.items() if vectors is not None and share >= enough}
