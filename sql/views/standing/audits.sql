-- One row per placement that was drawn for a check or as a control and has been answered: whether it was right.
-- run_id: the run that placed it
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- model_id: the model that served
-- category_id: where it was placed, in today's ids; NULL where that category is gone
-- said_id: the category given, in today's ids; NULL where none fits
-- is_right: whether they are the same
-- decided_at: when it was answered
CREATE OR REPLACE VIEW audits AS
WITH checked AS (
    SELECT vendor, item_id, input_hash, run_id, model_id, taxonomy_version, category_id, seq, routed_at
    FROM routes
    WHERE outcome = 'placed' AND decided_by = 'model' AND (coalesce(audit, false) OR coalesce(control, false))
),
answered AS (
    SELECT c.*, d.verdict, d.category_id AS said_id, d.taxonomy_version AS said_version, d.decided_at
    FROM checked c JOIN decisions d USING (vendor, item_id, input_hash)
    WHERE d.source = 'review' AND d.verdict IN ('category', 'none') AND d.decided_at >= c.routed_at
    QUALIFY row_number() OVER (PARTITION BY c.vendor, c.item_id, c.input_hash ORDER BY c.seq DESC, d.seq) = 1
),
today AS (
    SELECT
        a.*, CASE WHEN p.category_id IS NULL THEN a.category_id ELSE p.now_id END AS placed_now,
        CASE WHEN s.category_id IS NULL THEN a.said_id ELSE s.now_id END AS said_now
    FROM answered a ANTI JOIN withdrawn_answers w USING (vendor, item_id, decided_at)
    LEFT JOIN category_now p ON p.taxonomy_version = a.taxonomy_version AND p.category_id = a.category_id
    LEFT JOIN category_now s ON s.taxonomy_version = a.said_version AND s.category_id = a.said_id
)
SELECT
    run_id, vendor, item_id, model_id, placed_now AS category_id, said_now AS said_id,
    verdict = 'category' AND coalesce(placed_now = said_now, false) AS is_right, decided_at
FROM today;
