"""Settles where each live item stands, from stored predictions alone.  `catalog route`"""

import polars as pl

from catalog.jobs import Job, digest, now
from catalog.placement import ledger, routing
from catalog.placement.vendor_categories import with_conflicts
from catalog.taxonomies.category_moves import model_translation, standing_now
from catalog.taxonomies.versions import latest_taxonomy

# One row per live item whose outcome may have changed: its content, its decision, the model, the policy or the
# taxonomy is not what its latest route was settled with. Members of one product are settled together.
TODO = """
    WITH now_at AS (
        SELECT l.vendor, l.item_id, l.row_hash, l.input_hash, l.product_id,
               d.decision_id, d.category_id AS decided_category, d.verdict AS decided_verdict, d.source AS decided_source,
               d.input_hash AS decided_input_hash, p.model_id,
               r.category_id AS standing_category, r.outcome AS standing_outcome,
               r.taxonomy_version AS standing_version,
               r.certified_precision AS standing_certified_precision, r.confidence AS standing_probability, r.route_key,
               CASE WHEN d.verdict = 'retired' THEN d.note
                    WHEN d.verdict IS NULL AND r.reason = 'category_retired' AND r.outcome = 'review' THEN r.sentence END AS returned,
               CASE WHEN u.model_id IS NOT NULL THEN 'run_undone' END AS held_back,
               hash(l.input_hash, d.decision_id, p.model_id, $policy)::VARCHAR AS key_now
        FROM live_items l
        LEFT JOIN standing_decisions d USING (vendor, item_id)
        LEFT JOIN standing_routes r USING (vendor, item_id)
        LEFT JOIN predictions p ON p.input_hash = l.input_hash AND p.model_id = $model
        LEFT JOIN (SELECT DISTINCT vendor, item_id, input_hash, model_id FROM placements_undone) u
            ON u.vendor = l.vendor AND u.item_id = l.item_id AND u.input_hash = l.input_hash AND u.model_id = $model
    ), changed AS (
        SELECT * FROM now_at WHERE route_key IS DISTINCT FROM key_now
    )
    SELECT n.*, p.* EXCLUDE (input_hash, model_id, run_id, predicted_at, provider, stage), i.title, i.gtin, i.image_hash,
           i.vendor_category
    FROM now_at n
    JOIN items i USING (vendor, item_id, row_hash)
    LEFT JOIN predictions p ON p.input_hash = n.input_hash AND p.model_id = n.model_id
    WHERE n.route_key IS DISTINCT FROM n.key_now
       OR n.product_id IN (SELECT product_id FROM changed WHERE product_id IS NOT NULL)
    ORDER BY coalesce(n.product_id, ''), n.vendor, n.item_id
"""

ROUTE_COLUMNS = [
    "vendor",
    "item_id",
    "row_hash",
    "input_hash",
    "outcome",
    "category_id",
    "confidence",
    "certified_precision",
    "reason",
    "reasons",
    "sentence",
    "decided_by",
    "parent_id",
    "audit",
    "control",
    "group_id",
]


def run(job: Job, *, limit: int | None = None) -> int:
    """Appends one route per item whose outcome was settled anew; returns how many."""
    store = job.store
    model, taxonomy = ledger.current_model(store), latest_taxonomy(store)
    policy = ledger.current_policy(store, job.settings)
    held = ledger.vendor_category_rules(store, model, job.settings)
    key = digest(policy.policy_id, taxonomy.version, *([held.rows()] if held.height else []))
    todo = store.query(TODO, {"policy": key, "model": model})
    if limit is not None:
        todo = todo.head(limit)
    if not todo.height:
        return 0
    todo = standing_now(store, model_translation(store, model).predictions(todo))
    todo = with_conflicts(todo, held, taxonomy)
    settled = routing.route(todo, policy, taxonomy).select(
        *ROUTE_COLUMNS,
        pl.col("key_now").alias("route_key"),
        pl.col("model_id"),
        pl.lit(policy.policy_id).alias("policy_id"),
        pl.lit(taxonomy.version).alias("taxonomy_version"),
        pl.lit(job.run_id).alias("run_id"),
        pl.lit(now()).alias("routed_at"),
    )
    first = 1 + (store.one("SELECT max(seq) FROM routes") or 0)
    settled = settled.with_columns(seq=pl.int_range(first, first + settled.height, dtype=pl.Int64))
    with store.transaction():
        for part in settled.iter_slices(job.settings.feeds.batch_rows):
            store.append("routes", part)
    return settled.height
