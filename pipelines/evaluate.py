"""Compares a model with the serving one on labelled products neither has trained on.  `catalog evaluate`"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from catalog import examples, ledger
from catalog.classifier import Classifier, ParquetEmbeddings
from catalog.errors import CatalogError
from catalog.jobs import Job


@dataclass(frozen=True)
class Comparison:
    """Paired leaf accuracy on `products` clusters. `gain` is candidate minus champion with its 95% interval."""

    candidate: str
    champion: str | None
    products: int
    accuracy: float
    champion_accuracy: float
    gain: float
    low: float
    high: float

    def text(self) -> str:
        """The comparison in two lines."""
        line = f"{self.candidate}: leaf accuracy {self.accuracy:.1%} on {self.products} products not trained on."
        if self.champion in (None, self.candidate):
            return line
        return (
            f"{line}\nServing {self.champion}: {self.champion_accuracy:.1%} on the same; "
            f"difference {self.gain:+.1%} (95% interval {self.low:+.1%} to {self.high:+.1%})."
        )

    def require_not_worse(self) -> None:
        """Raises CatalogError when the candidate is worse beyond chance."""
        if self.high < 0:
            raise CatalogError(
                f"Refused: {self.text()}", remedy="Train again with more labels, or add --anyway if you know better."
            )


def run(job: Job, model_id: str | None) -> Comparison:
    """Scores candidate (default: the newest) and champion on the same products, one item per look-alike cluster."""
    store = job.store
    model_id = model_id or store.one("SELECT model_id FROM models ORDER BY trained_at DESC LIMIT 1")
    if model_id is None or not store.one("SELECT count(*) FROM models WHERE model_id = ?", [model_id]):
        raise CatalogError(f"There is no model {model_id or ''}.", remedy="Train one: catalog train")
    champion = ledger.current_model(store)
    held_out = _held_out(job, [model for model in {model_id, champion} if model])
    right = _right(job, model_id, held_out)
    before = _right(job, champion, held_out) if champion else right
    difference = right - before
    spread = 1.96 * float(difference.std(ddof=1)) / np.sqrt(len(difference))
    gain = float(difference.mean())
    return Comparison(
        model_id,
        champion,
        held_out.height,
        float(right.mean()),
        float(before.mean()),
        gain,
        gain - spread,
        gain + spread,
    )


def _held_out(job: Job, models: list[str]) -> pl.DataFrame:
    """One labelled item per cluster that no model of the list was trained or stopped on."""
    used = job.store.query(
        "SELECT DISTINCT vendor, item_id FROM example_splits WHERE split IN ('train', 'early_stopping') "
        "AND model_id IN (SELECT unnest(?))",
        [models],
    )
    clusters = job.store.query(
        "SELECT vendor, item_id, any_value(cluster) AS cluster FROM example_splits WHERE model_id IN (SELECT unnest(?)) "
        "AND split IN ('temperature', 'calibration') GROUP BY ALL",
        [models],
    )
    found = job.store.query(examples.EXAMPLES).join(used, on=["vendor", "item_id"], how="anti")
    found = (
        found.join(clusters, on=["vendor", "item_id"])
        .sort("vendor", "item_id")
        .unique("cluster", keep="first", maintain_order=True)
    )
    if found.height < examples.LEAST_EXAMPLES:
        raise CatalogError(
            f"Only {found.height} labelled products are left that no model was trained on.",
            remedy="Import more labels with --random: catalog labels import FILE --random.",
        )
    return found


def _right(job: Job, model_id: str, held_out: pl.DataFrame) -> np.ndarray:
    serving = job.settings.serving
    classifier = Classifier.open(
        ledger.model_path(job.workspace, model_id), device=serving.device, threads=serving.threads
    )
    inputs = held_out.unique("input_hash", maintain_order=True)
    predicted = classifier.predict(inputs, embeddings=ParquetEmbeddings(job.workspace.embeddings))
    joined = held_out.join(
        predicted.select("input_hash", "leaf_id"), on="input_hash", how="left", maintain_order="left"
    )
    return (joined["leaf_id"] == joined["category_id"]).fill_null(False).to_numpy().astype(float)
