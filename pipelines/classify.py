"""Predicts for every delivered input the serving model has not seen.  `catalog classify`"""

import polars as pl

from catalog.inference.classifier import Classifier, ParquetEmbeddings
from catalog.jobs import Job, now
from catalog.placement import ledger

# One row per distinct input of a live, delivered item without a prediction of this model. Items known only from a
# label file are left out: millions of standing placements need no prediction.
TODO = """
    SELECT i.input_hash, any_value(i.title) AS title, any_value(i.description) AS description,
           any_value(i.brand) AS brand, any_value(i.vendor_category) AS vendor_category,
           any_value(i.attributes) AS attributes, any_value(i.vendor) AS vendor,
           max(CASE WHEN i.image_status = 'ok' THEN i.image END) AS image
    FROM live_items l JOIN items i USING (vendor, item_id, row_hash)
    WHERE l.delivered
      AND NOT EXISTS (SELECT 1 FROM predictions p WHERE p.input_hash = l.input_hash AND p.model_id = ?)
    GROUP BY i.input_hash ORDER BY i.input_hash
"""


def run(job: Job, *, limit: int | None = None) -> str | None:
    """Appends predictions batch by batch, each in its own transaction; returns the provider that answered.

    A killed run loses at most one batch. Without a promoted model nothing is predicted and None comes back; so too when
    imported answers serve: what they do not name has no prediction and goes to review.
    """
    model_id = ledger.current_model(job.store)
    if model_id is None or ledger.is_foreign(job.store, model_id):
        return None
    todo = job.store.query(TODO + (f" LIMIT {int(limit)}" if limit is not None else ""), [model_id])
    if not todo.height:
        return None
    serving = job.settings.serving
    path = ledger.model_path(job.workspace, model_id)
    classifier = Classifier.open(path, device=serving.device, threads=serving.threads)
    cache = ParquetEmbeddings(job.workspace.embeddings)
    for start in range(0, todo.height, serving.batch_rows):
        batch = todo.slice(start, serving.batch_rows)
        predictions = classifier.predict(batch, embeddings=cache)
        _store(job, predictions, model_id, classifier.provider)
        job.progress("classify", min(start + serving.batch_rows, todo.height), todo.height)
    return classifier.provider


def _store(job: Job, predictions: pl.DataFrame, model_id: str, provider: str) -> None:
    facts = {"model_id": model_id, "provider": provider, "run_id": job.run_id, "predicted_at": now()}
    with job.store.transaction():
        job.store.append("predictions", predictions.with_columns(pl.lit(v).alias(k) for k, v in facts.items()))
