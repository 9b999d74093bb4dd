-- One row per item ever routed: its standing outcome, settled by the run in run_id.
-- since: when it came to stand in this category
-- queued_at: when it began to wait for a person; NULL when it does not
CREATE OR REPLACE VIEW standing_routes AS
WITH steps AS (
    SELECT
        *,
        category_id IS DISTINCT FROM lag(category_id) OVER item AS arrives,
        awaits_person(outcome) AND NOT awaits_person(coalesce(lag(outcome) OVER item, '')) AS enters_queue
    FROM routes
    WINDOW item AS (PARTITION BY vendor, item_id ORDER BY seq)
)
SELECT
    * EXCLUDE (arrives, enters_queue),
    CASE WHEN category_id IS NOT NULL THEN max(routed_at) FILTER (arrives) OVER item END AS since,
    CASE WHEN awaits_person(outcome) THEN max(routed_at) FILTER (enters_queue) OVER item END AS queued_at
FROM steps
WINDOW item AS (PARTITION BY vendor, item_id)
QUALIFY row_number() OVER (PARTITION BY vendor, item_id ORDER BY seq DESC) = 1;
