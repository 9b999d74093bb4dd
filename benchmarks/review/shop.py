"""A set as a shop: items in an order, cheap models trained on any of its labels, and predictions as the product keeps them.

Models are ridge regressions (benchmarks/review/branches.py) on the n-grams of all texts and, where the quality benchmark keeps
them, on the embeddings of the product's untouched towers: a model costs a second, and a hundred candidates are cheap. Their
accuracy is some points below the product's.
"""

from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.quality.data import load
from benchmarks.review.branches import Branches, embedded, ngrams
from catalog.certification.calibration import fit_temperature
from catalog.certification.certificate import Terms, certify
from catalog.certification.policy import Policy
from catalog.inference.scores import Tree, describe
from catalog.labels import leaders
from catalog.pictures import outlines
from catalog.settings import Routing
from catalog.taxonomies.taxonomy import Taxonomy, from_paths

DELTA = 0.05
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
    """A trained model and its temperature."""

    name: str
    classes: list[str]
    branches: Branches
    temperature: float
    tree: Tree

    def predictions(self, parts: list[np.ndarray]) -> pl.DataFrame:
        """The columns the product keeps of a prediction."""
        return describe(self.branches.logits(parts), self.temperature, self.tree)


@dataclass
class Shop:
    """Items in a drawn order with their features: `frame` has `truth` as category_id, `parts` holds by branch (n, width)."""

    name: str
    frame: pl.DataFrame
    parts: dict[str, np.ndarray]
    taxonomy: Taxonomy
    target: float = 0.95
    trees: dict[tuple[str, ...], Tree] = field(default_factory=dict)

    @classmethod
    def opened(
        cls, name: str, data: Path, *, cache: Path | None = None, seed: int = 0, limit: int | None = None
    ) -> "Shop":
        """Reads a set, judged against its truths, look-alikes side by side nowhere in particular.

        `cache`: where the quality benchmark keeps embeddings.
        """
        frame = load(name, data)
        frame = (
            frame.sample(limit or frame.height, shuffle=True, seed=seed)
            if limit is None or limit < frame.height
            else frame
        )
        frame = frame.with_columns(category_id="truth", row_hash="input_hash").with_row_index("place")
        parts = {"n-grams": ngrams(frame), **embedded(frame, cache)}
        return cls(name, frame, parts, from_paths(frame["category_id"].unique().to_list()))

    @property
    def reads(self) -> str:
        """What its models read, in words."""
        missing = [name for name in ("text", "image") if name not in self.parts]
        told = {"text": "text embeddings", "image": "image embeddings"}
        read = " + ".join(told.get(name, name) for name in self.parts)
        return read + (f" (kept of this set: no {' and no '.join(told[name] for name in missing)})" if missing else "")

    @cached_property
    def truth(self) -> np.ndarray:
        """The right category of each item."""
        return self.frame["category_id"].to_numpy()

    @cached_property
    def look_alikes(self) -> pl.DataFrame:
        """The `cluster` of each item and whether it `leads` it, as a night gives them to items that come in this order."""
        paths = dict(self.frame.select("image_hash", "image").drop_nulls().iter_rows())
        outline = cache(lambda image_hash: outlines.outline(paths[image_hash]))
        rows, known = leaders.compared_by(self.frame), leaders.Known()
        compared = leaders.contested(leaders.keys_of(rows), known)
        found = leaders.joined(rows, compared, known, lambda *both: outlines.agree(*map(outline, both)))
        return found.select("cluster", "leads")

    def train(self, rows: np.ndarray, labels: np.ndarray, temperature_rows: np.ndarray, name: str) -> Model:
        """A model of the items `rows` labelled `labels`, its temperature from other items' truths."""
        classes, target = np.unique(labels.astype(str), return_inverse=True)
        one_hot = np.zeros((len(rows), len(classes)), np.float32)
        one_hot[np.arange(len(rows)), target] = 1.0
        key = tuple(classes.tolist())
        if key not in self.trees:
            self.trees[key] = Tree(list(key), {name: self.taxonomy.ancestors(name) for name in key})
        index = {category: n for n, category in enumerate(key)}
        known = np.array([index.get(truth, -1) for truth in self.truth[temperature_rows]])
        held_out, known = self._of(temperature_rows[known >= 0]), known[known >= 0]
        branches = Branches.fit(self._of(rows), one_hot, held_out, known)
        temperature = fit_temperature(branches.logits(held_out), known)
        return Model(name, list(key), branches, temperature, self.trees[key])

    def _of(self, rows: np.ndarray) -> list[np.ndarray]:
        return [part[rows] for part in self.parts.values()]

    def leaves(self, model: Model) -> np.ndarray:
        """str (n,): the likeliest leaf of every item."""
        return np.array(model.classes)[model.branches.logits(list(self.parts.values())).argmax(axis=1)]

    def predicted(self, model: Model, rows: np.ndarray) -> pl.DataFrame:
        """Items with what a model says of them, as routing reads them."""
        given = [pl.lit(value, pl.String if value is None else None).alias(name) for name, value in GIVEN.items()]
        return pl.concat([self.frame[rows], model.predictions(self._of(rows))], how="horizontal").with_columns(given)

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
