"""What a vendor sent for the first time in a run, and in the runs before it: bounded samples with what is known of them."""

import polars as pl

from catalog.pictures.looks import look
from catalog.store import Store

RUNS, EACH, BATCH = 30, 100, 500  # earlier runs looked back to, contents of each, contents of the run itself
PICTURES = 40  # looked at, of a vendor and run
# Vendors that sent at least so many new contents in the run.
VENDORS = """
    SELECT i.vendor, count(DISTINCT i.input_hash) AS contents
    FROM items i JOIN delivery_runs f USING (delivery_id)
    WHERE f.run_id = $run AND f.status = 'accepted' AND f.kind <> 'labels'
    GROUP BY i.vendor HAVING contents >= $least ORDER BY i.vendor"""
# One row per content of a vendor by the run that first read it. A sample by hash is the same however often it is drawn.
CONTENTS = """
    WITH firsts AS (
        SELECT i.input_hash, min(f.run_id) AS run_id
        FROM items i JOIN delivery_runs f USING (delivery_id)
        WHERE i.vendor = $vendor AND f.status = 'accepted' AND f.kind <> 'labels' AND f.run_id <= $run
        GROUP BY i.input_hash
    ),
    near AS (SELECT run_id FROM (SELECT DISTINCT run_id FROM firsts WHERE run_id < $run) ORDER BY run_id DESC LIMIT $runs),
    predicted AS (
        SELECT f.run_id, p.input_hash, p.leaf_id, p.chain_ids[1] AS department, p.probability, p.log_odds, p.novelty
        FROM firsts f JOIN predictions p USING (input_hash)
        WHERE p.model_id = $model AND p.leaf_id IS NOT NULL AND (f.run_id = $run OR f.run_id IN (FROM near))
    ),
    drawn AS (
        SELECT * FROM predicted
        QUALIFY row_number() OVER (PARTITION BY run_id ORDER BY sha256(input_hash)) <= CASE WHEN run_id = $run THEN $batch ELSE $each END
    )
    SELECT d.*, i.vendor, i.item_id, i.title, i.description, i.brand, i.vendor_category, i.attributes, i.image_hash, i.image_status,
           CASE WHEN i.image_status = 'ok' THEN i.image END AS image
    FROM drawn d JOIN items i USING (input_hash)
    WHERE i.vendor = $vendor
    QUALIFY row_number() OVER (PARTITION BY i.input_hash ORDER BY i.created_at, i.item_id) = 1
    ORDER BY d.run_id, i.input_hash"""


def contents(store: Store, vendor: str, run_id: str, model_id: str) -> pl.DataFrame:
    """At most BATCH contents of the run and EACH of every earlier one, as predicted by one model, with `run_id`."""
    bounds = {"vendor": vendor, "run": run_id, "model": model_id, "runs": RUNS, "each": EACH, "batch": BATCH}
    return store.query(CONTENTS, bounds)


def with_looks(store: Store, frame: pl.DataFrame, run_id: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The frame with brightness, sharpness and pixels, null where a picture was not looked at; and the looks to keep.

    Pictures of this run are looked at, a sample of them; those of earlier runs were then.
    """
    with store.frame("asked", frame.select("image_hash").drop_nulls().unique()):
        known = store.query(
            "SELECT image_hash, brightness, sharpness, pixels FROM picture_looks SEMI JOIN asked USING (image_hash)"
        )
    known = known.unique("image_hash", keep="first", maintain_order=True)
    sample = frame.filter(run_id=run_id).drop_nulls(["image", "image_hash"]).unique("image_hash", maintain_order=True)
    due = sample.head(PICTURES).join(known, on="image_hash", how="anti", maintain_order="left")
    seen = [(key, found) for key, path in due.select("image_hash", "image").rows() if (found := look(path)) is not None]
    rows = [(key, one.brightness, one.sharpness, one.pixels) for key, one in seen]
    new = pl.DataFrame(rows, schema=known.schema, orient="row")
    return frame.join(pl.concat([known, new]), on="image_hash", how="left", maintain_order="left"), new
