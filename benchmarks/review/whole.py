"""Models about as right as the product's, for seconds each: what the simulated weeks train anew every week.

Two kinds of branches, each alone a ridge regression, mixed as the product mixes its own (`catalog.learning.mixing`):

- words and characters: the TF-IDF features of the baseline `svc` of benchmarks/quality, of characters fours alone, sparse. Solved in its dual form by conjugate
  gradients that begin where the last model stopped, a label that is already exceeded counting as reached: a step from
  the ridge towards the baseline's SVM, whose loss is the squared hinge.
- the towers' embeddings as kept, through random cosines (Rahimi and Recht 2007): nearly a ridge with a Gaussian kernel.

Scores are least-squares estimates of probabilities, so their logarithms, cut as the product cuts them, are what is mixed. An item
without an embedding (no text, no picture, or none kept) has the other branches' answer alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from scipy import optimize, sparse, special
from sklearn.feature_extraction.text import TfidfVectorizer

from benchmarks.quality.linear import ANALYZERS
from benchmarks.review.branches import LEAST, SHRINKAGE, kept
from catalog.certification.calibration import fit_temperature
from catalog.learning.head import LEAST_SHARE

Part = sparse.csr_matrix | np.ndarray

# Of the length of an item's features; 0.3 is about an SVM's C of 1.
PENALTY = 0.3
EMBEDDED_PENALTY = 0.3
FIRST_STEPS, STEPS = 16, 5  # of conjugate gradients for the first model's square, and for each model's squared hinge
COSINES, BREADTH = 256, 1.0
CHARACTERS = 4  # threes and fives beside them cost twice the time
FIELDS = {"title": 1.0, "brand": 1.0, "vendor_category": 0.6, "description": 0.6}  # about what was tuned for `svc`


@dataclass(frozen=True)
class Mixture:
    """Fitted branches: the weights of each, (width, classes), its temperature and how much it counts; and the dual
    coefficients (n, classes) of the sparse one, from which the next model goes on."""

    weights: tuple[np.ndarray, ...]
    temperatures: tuple[float, ...]
    shares: np.ndarray
    dual: np.ndarray

    @classmethod
    def fit(
        cls,
        parts: Sequence[Part],
        one_hot: np.ndarray,
        held_out: Sequence[Part],
        target: np.ndarray,
        start: np.ndarray | None = None,
    ) -> "Mixture":
        """parts: per branch (n, width) of the items learned from, the sparse one first, one_hot (n, classes); held_out: the
        same of items that temperatures and shares are fitted on, target (m,) their classes by number."""
        words, dual = _conjugate(parts[0], one_hot, start)
        weights = (words, *(_ridge(x, one_hot) for x in parts[1:]))
        raw = [_logarithm(x @ w) for x, w in zip(held_out, weights, strict=True)]
        here = present(held_out)
        temperatures = tuple(fit_temperature(one[own], target[own]) for one, own in zip(raw, here, strict=True))
        every = here.all(axis=0)
        said = np.stack([_log_probabilities(one[every], t) for one, t in zip(raw, temperatures, strict=True)])
        return cls(weights, temperatures, shares(said, target[every]), dual)

    def logits(self, parts: Sequence[Part]) -> np.ndarray:
        """float64 (n, classes): the log-probabilities of the branches an item has something for, added by their shares."""
        here = present(parts)
        counts = self.shares[:, None] * here
        counts = np.where(here.all(axis=0), counts, counts / np.maximum(counts.sum(axis=0), 1e-9))
        found = np.zeros((parts[0].shape[0], self.weights[0].shape[1]))
        for x, w, temperature, count in zip(parts, self.weights, self.temperatures, counts, strict=True):
            found += count[:, None] * _log_probabilities(_logarithm(x @ w), temperature)
        return found


def present(parts: Sequence[Part]) -> np.ndarray:
    """bool (branches, n): the item has anything for the branch; the sparse one always answers."""
    size = parts[0].shape[0]
    return np.array([np.ones(size, bool), *(np.asarray(x).any(axis=1) for x in parts[1:])])


def _conjugate(x: Part, one_hot: np.ndarray, start: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Weights (width, classes) and dual coefficients (n, classes) of all classes at once."""
    system = _System(x, x.T.tocsr(), PENALTY * float(x.multiply(x).sum(1).mean()))
    dual = system.towards(one_hot, np.zeros_like(one_hot), FIRST_STEPS) if start is None else start
    scores = x @ (system.turned @ dual)
    dual = system.towards(np.where(one_hot > 0, np.maximum(scores, 1.0), np.minimum(scores, 0.0)), dual, STEPS)
    return system.turned @ dual, dual


@dataclass(frozen=True)
class _System:
    """(x x' + penalty I) dual = wanted. `turned` is x'."""

    x: Part
    turned: Part
    penalty: float

    def towards(self, wanted: np.ndarray, dual: np.ndarray, steps: int) -> np.ndarray:
        """The coefficients (n, classes) after so many steps of conjugate gradients from `dual`."""
        rest = wanted - self._times(dual)
        along, length = rest, (rest * rest).sum(0)
        for _ in range(steps):
            curved = self._times(along)
            step = length / np.maximum((along * curved).sum(0), 1e-12)
            dual, rest = dual + step * along, rest - step * curved
            before, length = length, (rest * rest).sum(0)
            along = rest + length / np.maximum(before, 1e-12) * along
        return dual

    def _times(self, dual: np.ndarray) -> np.ndarray:
        return self.x @ (self.turned @ dual) + self.penalty * dual


def _ridge(x: np.ndarray, one_hot: np.ndarray) -> np.ndarray:
    gram = x.T @ x + EMBEDDED_PENALTY * np.eye(x.shape[1], dtype=np.float32)
    return np.linalg.solve(gram, x.T @ one_hot).astype(np.float32)


def _logarithm(scores: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(scores, LEAST_SHARE))


def _log_probabilities(scores: np.ndarray, temperature: float) -> np.ndarray:
    return special.log_softmax(scores.astype(np.float64) / temperature, axis=1)


def shares(said: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Positive weights (branches,) of least log-loss, drawn towards one each. said: (branches, n, classes)."""
    if len(said) == 1 or len(target) < LEAST:
        return np.ones(len(said)) / len(said)
    rows = np.arange(len(target))
    right = said[:, rows, target]

    def loss(log_share: np.ndarray) -> tuple[float, np.ndarray]:
        share = np.exp(log_share)
        mixed = np.tensordot(share, said, axes=1)
        whole = special.logsumexp(mixed, axis=1)
        expected = (said * np.exp(mixed - whole[:, None])).sum(axis=2)
        pull = SHRINKAGE / len(rows) * np.square(log_share).sum()
        slope = share * (expected - right).mean(axis=1) + 2.0 * SHRINKAGE / len(rows) * log_share
        return float((whole - share @ right).mean() + pull), slope

    return np.exp(optimize.minimize(loss, np.zeros(len(said)), jac=True, method="L-BFGS-B", options={"maxiter": 30}).x)


def read(frame: pl.DataFrame, cache: Path | None) -> dict[str, Part]:
    """By branch what a set's items read as, (n, width): words and characters, and embeddings where most are kept."""
    texts = {field: frame[field].fill_null("").to_list() for field in ANALYZERS}
    blocks = [
        _vectorizer(analyzer).fit_transform(texts[field]) * FIELDS[field]
        for field, analyzers in ANALYZERS.items()
        if any(texts[field])
        for analyzer in analyzers
    ]
    words = sparse.hstack(blocks, format="csr").astype(np.float32)
    return {"words and characters": words} | {name: cosines(vectors) for name, vectors in kept(frame, cache).items()}


def _vectorizer(analyzer: str) -> TfidfVectorizer:
    span = (1, 2) if analyzer == "word" else (CHARACTERS, CHARACTERS)
    return TfidfVectorizer(analyzer=analyzer, ngram_range=span, min_df=2, sublinear_tf=True, dtype=np.float32)


def cosines(vectors: np.ndarray) -> np.ndarray:
    """float32 (n, 2 COSINES): random cosines and sines of unit vectors; zeros for those of no length."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    across = np.random.default_rng(0).standard_normal((vectors.shape[1], COSINES)).astype(np.float32)
    turned = (vectors / np.maximum(length, 1e-9)).astype(np.float32) @ (across / BREADTH)
    found = np.hstack([np.cos(turned), np.sin(turned)]) / np.sqrt(COSINES)
    return (found * (length > 0)).astype(np.float32)
