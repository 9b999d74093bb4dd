"""A set as a shop: items in an order, cheap models trained on any of its labels, and predictions as the product keeps them.

Models are ridge regressions on the n-grams of all texts, reduced to `WIDTH` numbers an item once and for all: a model costs
less than a second, and a hundred candidates are cheap. Their accuracy is some points below the product's.
"""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from benchmarks.quality.data import load
from catalog.certification.calibration import fit_temperature
from catalog.certification.certificate import Terms, certify
from catalog.certification.policy import Policy
from catalog.inference.scores import Tree, describe
from catalog.settings import Routing
from catalog.taxonomies.taxonomy import Taxonomy, from_paths

WIDTH = 600
MOST_GRAMS = 25_000
RIDGE = 1.0
DELTA = 0.05
TEXTS = ("title", "brand", "vendor_category", "description")
LONGEST = 200  # characters of a description
GIVEN = {
    "decided_category": None,
    "decided_verdict": None,
    "standing_category": None,
    "standing_outcome": None,
    "has_text": True,
    "has_image": False,
    "image_status": "missing",
}


@dataclass(frozen=True)
class Model:
    """A trained ridge: weights float32 (WIDTH + 1, classes) and its temperature."""

    name: str
    classes: list[str]
    weights: np.ndarray
    temperature: float
    tree: Tree

    def logits(self, x: np.ndarray) -> np.ndarray:
        """float32 (n, classes)."""
        return x @ self.weights

    def predictions(self, x: np.ndarray) -> pl.DataFrame:
        """The columns the product keeps of a prediction."""
        return describe(self.logits(x), self.temperature, self.tree)


@dataclass
class Shop:
    """Items in a drawn order with their features: `frame` has `truth` as category_id, `x` is (n, WIDTH + 1)."""

    name: str
    frame: pl.DataFrame
    x: np.ndarray
    taxonomy: Taxonomy
    target: float = 0.95
    trees: dict[tuple[str, ...], Tree] = field(default_factory=dict)

    @classmethod
    def opened(cls, name: str, data: Path, *, seed: int = 0, limit: int | None = None) -> "Shop":
        """Reads a set, judged against its truths, look-alikes side by side nowhere in particular."""
        frame = load(name, data)
        frame = (
            frame.sample(limit or frame.height, shuffle=True, seed=seed)
            if limit is None or limit < frame.height
            else frame
        )
        frame = frame.with_columns(category_id="truth", row_hash="input_hash").with_row_index("place")
        return cls(name, frame, _features(frame), from_paths(frame["category_id"].unique().to_list()))

    @cached_property
    def truth(self) -> np.ndarray:
        """The right category of each item."""
        return self.frame["category_id"].to_numpy()

    def train(self, rows: np.ndarray, labels: np.ndarray, temperature_rows: np.ndarray, name: str) -> Model:
        """A model of the items `rows` labelled `labels`, its temperature from other items' truths."""
        classes, target = np.unique(labels.astype(str), return_inverse=True)
        x, one_hot = self.x[rows], np.zeros((len(rows), len(classes)), np.float32)
        one_hot[np.arange(len(rows)), target] = 1.0
        gram = (x.T @ x).astype(np.float64) + RIDGE * np.eye(x.shape[1])
        weights = np.linalg.solve(gram, (x.T @ one_hot).astype(np.float64)).astype(np.float32)
        key = tuple(classes.tolist())
        if key not in self.trees:
            self.trees[key] = Tree(list(key), {name: self.taxonomy.ancestors(name) for name in key})
        logits = self.x[temperature_rows] @ weights
        index = {category: n for n, category in enumerate(key)}
        known = np.array([index.get(truth, -1) for truth in self.truth[temperature_rows]])
        found = fit_temperature(logits[known >= 0], known[known >= 0])
        return Model(name, list(key), weights, found, self.trees[key])

    def predicted(self, model: Model, rows: np.ndarray) -> pl.DataFrame:
        """Items with what a model says of them, as routing reads them."""
        given = [pl.lit(value, pl.String if value is None else None).alias(name) for name, value in GIVEN.items()]
        return pl.concat([self.frame[rows], model.predictions(self.x[rows])], how="horizontal").with_columns(given)

    def policy(
        self,
        model: Model,
        temperature_rows: np.ndarray,
        calibration_rows: np.ndarray,
        *,
        labels: np.ndarray | None = None,
        settings: Routing | None = None,
    ) -> Policy:
        """The policy of the certificate that these items earn the model, with their truths or what was said of them."""
        said, settings = self.truth if labels is None else labels, settings or Routing()
        before, after = (
            self.predicted(model, rows).with_columns(category_id=pl.Series(said[rows].astype(str)))
            for rows in (temperature_rows, calibration_rows)
        )
        before = before.join(after.select("cluster"), on="cluster", how="anti")
        found = certify(before, after, self.taxonomy, target=self.target, delta=DELTA, terms=Terms(model_id=model.name))
        return Policy.from_certificate(found, audit_share=settings.audit_share, control_share=settings.control_share)


def _features(frame: pl.DataFrame) -> np.ndarray:
    texts = frame.select(
        pl.concat_str([pl.col(name).fill_null("").str.slice(0, LONGEST) for name in TEXTS], separator=" ")
    ).to_series()
    found = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(3, 4), min_df=3, max_features=MOST_GRAMS, sublinear_tf=True, dtype=np.float32
    )
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, max_features=MOST_GRAMS, sublinear_tf=True, dtype=np.float32)
    from scipy import sparse  # noqa: PLC0415 - comes with scikit-learn

    both = sparse.hstack([words.fit_transform(texts), found.fit_transform(texts)]).tocsr()
    reduced = TruncatedSVD(WIDTH, n_iter=3, random_state=0).fit_transform(both)
    reduced *= 10.0 / np.maximum(np.linalg.norm(reduced, axis=1, keepdims=True), 1e-9)
    return np.hstack([reduced, np.ones((len(reduced), 1))]).astype(np.float32)
