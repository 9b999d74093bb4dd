"""Compares two models on labelled products neither has trained on.  `catalog evaluate`, `catalog models compare A B`"""

from dataclasses import dataclass

import polars as pl

from catalog.errors import CatalogError
from catalog.inference.classifier import Classifier, KeptEmbeddings
from catalog.jobs import Job
from catalog.learning import examples
from catalog.learning.comparison import Comparison, compare, table
from catalog.placement import ledger
from catalog.placement.routing import PREDICTION
from catalog.taxonomies.category_moves import model_translation
from catalog.taxonomies.versions import latest_taxonomy
from pipelines import certify

ANSWER = ["input_hash", *PREDICTION]


@dataclass(frozen=True)
class Compared:
    """A comparison and what it was made of: the products, and both models' answers by input_hash (columns ANSWER)."""

    comparison: Comparison
    held_out: pl.DataFrame
    answers: tuple[pl.DataFrame, pl.DataFrame]
    names: tuple[str, str]


def run(job: Job, model_id: str | None) -> Comparison:
    """Compares a model (default: the newest) with the serving one, or with itself when none serves."""
    return between(job, *pair(job, model_id))


def pair(job: Job, model_id: str | None) -> tuple[str, str]:
    """The model to evaluate (default: the newest) and what it is compared with. Raises CatalogError without any model."""
    store = job.store
    model_id = model_id or store.one("SELECT model_id FROM models ORDER BY trained_at DESC LIMIT 1")
    if model_id is None:
        raise CatalogError("There is no model yet.", remedy="Train one: catalog train")
    return model_id, ledger.current_model(store) or model_id


def between(job: Job, first: str, second: str) -> Comparison:
    """Two models, ours or imported answers, on the same products, one item per look-alike cluster.

    Raises CatalogError when one is unknown or too few products are left.
    """
    return compared(job, first, second).comparison


def compared(job: Job, first: str, second: str) -> Compared:
    """The same, with what it was made of."""
    models = list(dict.fromkeys((first, second)))
    for model in models:
        ledger.model_facts(job.store, model)  # an unknown one is said to be unknown, not to have no labels
    held_out = _held_out(job, models)
    found = {model: _answers(job, model, held_out) for model in models}
    answers = (found[first], found[second])
    comparison = compare(held_out, answers, (first, second), latest_taxonomy(job.store))
    return Compared(comparison, held_out, answers, (first, second))


def side_by_side(job: Job, first: str, second: str) -> str:
    """The comparison as a table, each model with the certificate it has or earns under today's settings."""
    found = between(job, first, second)
    return table(found, latest_taxonomy(job.store), (_automation(job, first), _automation(job, second)))


def _automation(job: Job, model_id: str) -> str:
    """Share of the calibration products that the model's certificate places, or that it places none."""
    certify.run(job, model_id=model_id)
    certificate = ledger.certificate(job.store, model_id, job.settings)
    if certificate is None or not certificate.automates:
        return f"none certified at {job.settings.routing.target:.0%}"
    leaf, parent = certificate.leaf, certificate.parent
    placed = f"{leaf.coverage:.1%} at {leaf.target:.0%} ({leaf.k} of {leaf.n} wrong, attempt {certificate.attempt})"
    return placed + (f", {parent.coverage:.1%} at a parent" if parent.threshold is not None else "")


def _held_out(job: Job, models: list[str]) -> pl.DataFrame:
    """One labelled item per cluster that no model of the list was trained or stopped on, nor on a look-alike of it."""
    used = job.store.query(
        """WITH learned AS (SELECT DISTINCT model_id, cluster FROM example_splits WHERE split IN ('train', 'early_stopping'))
           SELECT DISTINCT vendor, item_id FROM example_splits JOIN learned USING (model_id, cluster)
           WHERE model_id IN (SELECT unnest(?))""",
        [models],
    )
    clusters = job.store.query(
        "SELECT vendor, item_id, min(cluster) AS cluster FROM example_splits WHERE model_id IN (SELECT unnest(?)) "
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


def _answers(job: Job, model_id: str, held_out: pl.DataFrame) -> pl.DataFrame:
    """One row per input with an answer, in today's ids: those kept, and those our own bundle gives now."""
    found = _in_its_own_ids(job, model_id, held_out)
    return model_translation(job.store, model_id).predictions(found).select(ANSWER)


def _in_its_own_ids(job: Job, model_id: str, held_out: pl.DataFrame) -> pl.DataFrame:
    inputs = held_out.unique("input_hash", maintain_order=True)
    with job.store.frame("asked", inputs.select("input_hash")):
        kept = job.store.query(
            "SELECT predictions.* FROM predictions JOIN asked USING (input_hash) WHERE model_id = ? ORDER BY input_hash",
            [model_id],
        ).select(ANSWER)
    missing = inputs.join(kept, on="input_hash", how="anti")
    if not missing.height or ledger.is_foreign(job.store, model_id):
        return kept
    serving = job.settings.serving
    path = ledger.model_path(job.workspace, model_id)
    classifier = Classifier.open(path, device=serving.device, threads=serving.threads)
    predicted = classifier.predict(missing, embeddings=KeptEmbeddings(job.workspace.embeddings))
    return pl.concat([kept, predicted.select(ANSWER)], how="vertical_relaxed")
