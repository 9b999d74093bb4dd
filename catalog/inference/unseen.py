"""The inputs a model has not predicted yet, and the keeping of what it says of them: the same for every engine."""

from collections.abc import Iterator

import polars as pl

from catalog.jobs import Job, now

# One row per distinct input of a live, delivered item without a prediction of this model. Items known only from a
# label file are left out: millions of standing placements need no prediction.
_WAITING = """
    SELECT l.vendor, l.item_id, l.row_hash, l.input_hash FROM live_items l
    WHERE l.delivered
      AND NOT EXISTS (SELECT 1 FROM predictions p WHERE p.input_hash = l.input_hash AND p.model_id = ?)
"""
_UNSEEN = f"""
    SELECT i.input_hash, any_value(i.title) AS title, any_value(i.description) AS description,
           any_value(i.brand) AS brand, any_value(i.vendor_category) AS vendor_category,
           any_value(i.attributes) AS attributes, any_value(i.vendor) AS vendor,
           max(CASE WHEN i.image_status = 'ok' THEN i.image END) AS image
    FROM ({_WAITING}) l JOIN items i USING (vendor, item_id, row_hash)
    GROUP BY i.input_hash ORDER BY i.input_hash
"""


def batches(job: Job, model_id: str, *, rows: int, limit: int | None = None) -> Iterator[pl.DataFrame]:
    """The inputs in frames of at most `rows` rows, columns of INPUT_COLUMNS; answers may be kept while they are read."""
    for frame in job.store.batches(_limited(limit), [model_id], rows=rows):
        yield from frame.iter_slices(rows)


def count(job: Job, model_id: str, *, limit: int | None = None) -> int:
    """How many inputs `batches` gives."""
    found = job.store.one(f"SELECT count(DISTINCT input_hash) FROM ({_WAITING})", [model_id])
    return found if limit is None else min(found, limit)


def _limited(limit: int | None) -> str:
    return _UNSEEN + (f" LIMIT {int(limit)}" if limit is not None else "")


def keep(job: Job, predictions: pl.DataFrame, model_id: str, provider: str) -> None:
    """Appends a classifier's answers with the model, the provider, the run and the time, in one transaction."""
    facts = {"model_id": model_id, "provider": provider, "run_id": job.run_id, "predicted_at": now()}
    with job.store.transaction():
        job.store.append("predictions", predictions.with_columns(pl.lit(v).alias(k) for k, v in facts.items()))


def not_kept(job: Job, predictions: pl.DataFrame, model_id: str) -> pl.DataFrame:
    """Those of the answers that the predictions of this model do not hold yet."""
    with job.store.frame("answered", predictions.select("input_hash")):
        kept = job.store.query(
            "SELECT input_hash FROM answered WHERE input_hash IN (SELECT input_hash FROM predictions WHERE model_id = ?)",
            [model_id],
        )
    return predictions.join(kept, on="input_hash", how="anti", maintain_order="left")
