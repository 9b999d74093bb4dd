"""A set as a shop: items in an order, cheap models trained on any of its labels, and predictions as the product keeps them.

Models read the n-grams of all texts and, where the quality benchmark keeps them, the embeddings of the product's untouched towers.
Where hundreds are needed they are ridge regressions on few numbers an item (benchmarks/review/branches.py): a second each, and much
less accurate than the product. A shop opened `whole` trains models about as right as the product's (benchmarks/review/whole.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import polars as pl
from scipy import sparse

from benchmarks.quality import stored
from benchmarks.quality.cells import Cell
from benchmarks.quality.data import load
from benchmarks.quality.measure import Surroundings
from benchmarks.quality.splits import JUDGED, task
from benchmarks.review import whole as whole_models
from benchmarks.review.branches import Branches, embedded, ngrams
from benchmarks.review.whole import Mixture, Part
from catalog.certification.calibration import fit_temperature
from catalog.certification.carrying import carried
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
class Kept:
    """Branches of a model that is not here: the part of each item is what it said."""

    def logits(self, parts: Sequence[Part]) -> np.ndarray:
        """float32 (n, classes)."""
        return np.asarray(parts[0])


@dataclass(frozen=True)
class Model:
    """A trained model, its temperature, and the rows it learned from."""

    name: str
    classes: list[str]
    branches: Branches | Mixture | Kept
    temperature: float
    tree: Tree
    rows: np.ndarray

    def predictions(self, parts: list[Part]) -> pl.DataFrame:
        """The columns the product keeps of a prediction."""
        return describe(self.branches.logits(parts), self.temperature, self.tree)

    def dual(self, rows: np.ndarray, classes: list[str]) -> np.ndarray | None:
        """Its dual coefficients float32 (rows, classes), zeros for rows and classes it did not know."""
        if not isinstance(self.branches, Mixture):
            return None
        found = np.zeros((len(rows), len(classes)), np.float32)
        _, here, own = np.intersect1d(rows, self.rows, return_indices=True)
        _, there, ours = np.intersect1d(classes, self.classes, return_indices=True)
        found[np.ix_(here, there)] = self.branches.dual[np.ix_(own, ours)]
        return found


@dataclass(frozen=True)
class Served:
    """A model that was trained elsewhere, and the rows that its temperature and its certificate may be read from."""

    model: Model
    temperature: np.ndarray
    calibration: np.ndarray


@dataclass
class Shop:
    """Items in a drawn order with their features: `frame` has `truth` as category_id, `parts` holds by branch (n, width)."""

    name: str
    frame: pl.DataFrame
    parts: dict[str, Part]
    taxonomy: Taxonomy
    target: float = 0.95
    served: "Served | None" = None
    trees: dict[tuple[str, ...], Tree] = field(default_factory=dict)

    @classmethod
    def opened(
        cls,
        name: str,
        data: Path,
        *,
        cache: Path | None = None,
        seed: int = 0,
        limit: int | None = None,
        whole: bool = False,
    ) -> "Shop":
        """Reads a set, judged against its truths, look-alikes side by side nowhere in particular.

        `cache`: where the quality benchmark keeps embeddings. `whole`: its models read all words and characters.
        """
        frame = load(name, data)
        frame = (
            frame.sample(limit or frame.height, shuffle=True, seed=seed)
            if limit is None or limit < frame.height
            else frame
        )
        frame = frame.with_columns(category_id="truth", row_hash="input_hash").with_row_index("place")
        parts: dict[str, Part] = (
            whole_models.read(frame, cache) if whole else {"n-grams": ngrams(frame), **embedded(frame, cache)}
        )
        return cls(name, frame, parts, from_paths(frame["category_id"].unique().to_list()))

    @classmethod
    def kept(cls, cell: Cell, data: Path, cache: Path) -> "Shop":
        """The judged items of a cell of the quality benchmark, with what its model said of them: those that fitted its temperature
        and earned its certificate first, then the test in a drawn order. Nothing is trained here."""
        work, scores = task(cell.set, cell.split, cell.share, data), stored.load(Surroundings(cache=cache).scores(cell))
        parts = {part: work.parts[part] for part in JUDGED}
        logits = {part: scores.logits[part] for part in JUDGED}
        drawn = np.random.default_rng(0).permutation(parts["test"].height)
        parts["test"], logits["test"] = parts["test"][drawn.tolist()], logits["test"][drawn]
        frame = pl.concat(parts.values()).with_columns(row_hash="input_hash").with_row_index("place")
        ends = np.cumsum([part.height for part in parts.values()])
        tree = Tree(scores.classes, {name: work.taxonomy.ancestors(name) for name in scores.classes})
        model = Model(cell.method, scores.classes, Kept(), scores.temperature, tree, np.empty(0, np.int64))
        served = Served(model, np.arange(ends[0]), np.arange(ends[0], ends[1]))
        return cls(cell.set, frame, {cell.method: np.concatenate(list(logits.values()))}, work.taxonomy, served=served)

    @property
    def reads(self) -> str:
        """What its models read, in words."""
        if self.served is not None:
            return f"the kept scores of {self.served.model.name}"
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

    def train(
        self,
        rows: np.ndarray,
        labels: np.ndarray,
        temperature_rows: np.ndarray,
        name: str,
        *,
        after: Model | None = None,
    ) -> Model:
        """A model of the items `rows` labelled `labels`, its temperature from other items' truths; `after`: where to go on from."""
        classes, target = np.unique(labels.astype(str), return_inverse=True)
        one_hot = np.zeros((len(rows), len(classes)), np.float32)
        one_hot[np.arange(len(rows)), target] = 1.0
        key = tuple(classes.tolist())
        if key not in self.trees:
            self.trees[key] = Tree(list(key), {name: self.taxonomy.ancestors(name) for name in key})
        index = {category: n for n, category in enumerate(key)}
        known = np.array([index.get(truth, -1) for truth in self.truth[temperature_rows]])
        held_out, known = self._of(temperature_rows[known >= 0]), known[known >= 0]
        parts = self._of(rows)
        branches: Branches | Mixture
        if any(sparse.issparse(part) for part in parts):
            start = None if after is None else after.dual(rows, list(key))
            branches = Mixture.fit(parts, one_hot, held_out, known, start)
        else:
            branches = Branches.fit(parts, one_hot, held_out, known)
        temperature = fit_temperature(branches.logits(held_out), known)
        return Model(name, list(key), branches, temperature, self.trees[key], rows)

    def _of(self, rows: np.ndarray) -> list[Part]:
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
            self.predicted(model, rows).with_columns(
                category_id=pl.Series(said[rows].astype(str)), look_alikes=self.look_alikes["cluster"][rows]
            )
            for rows in (temperature_rows, calibration_rows)
        )
        before = before.join(after.select("cluster"), on="cluster", how="anti")
        terms = Terms(model_id=model.name)
        found = certify(before, after, self.taxonomy, target=self.target, delta=DELTA, terms=terms)
        samples = ("temperature", before), ("calibration", after)
        found = replace(found, look_alikes=carried(samples, found, self.taxonomy, terms))
        return Policy.from_certificate(found, audit_share=settings.audit_share, control_share=settings.control_share)
