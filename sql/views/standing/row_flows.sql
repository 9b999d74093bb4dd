-- One row per run, vendor, kind of row and what became of it: where everything that was accepted went. Rows of a run and
-- vendor add up to its rows_in, without those of status kept, which count items.
-- run_id: the run
-- vendor: who delivered
-- status: new, changed, unchanged, duplicate, deleted or quarantine; kept for an item whose row is in quarantine
-- outcome: placed, placed_at_parent, review, decided, duplicate, quarantine, withdrawn or kept; NULL is a row nothing
--   became of, which must not be
-- rows: how many
CREATE OR REPLACE VIEW row_flows AS
WITH accepted AS (SELECT * FROM taken_deliveries WHERE status = 'accepted'),
settled AS (SELECT vendor, item_id, run_id, arg_max(outcome, seq) AS outcome FROM routes GROUP BY vendor, item_id, run_id),
spans AS (SELECT *, lead(run_id) OVER (PARTITION BY vendor, item_id ORDER BY run_id) AS next_run FROM settled),
seen AS (
    SELECT
        a.run_id, a.vendor, a.delivery_no, s.item_id, s.status,
        CASE
            WHEN s.status = 'duplicate' THEN 'duplicate'
            WHEN s.status = 'deleted' THEN 'withdrawn'
            WHEN s.status = 'kept' THEN 'kept'  -- no row: the one that was read is in quarantine
            -- a row of a label file is decided by that label, whatever stood before
            WHEN a.kind = 'labels' AND o.run_id IS DISTINCT FROM a.run_id THEN 'decided'
            ELSE o.outcome
        END AS outcome
    FROM sightings s
    JOIN accepted a USING (delivery_id)
    LEFT JOIN spans o ON o.vendor = s.vendor AND o.item_id = s.item_id
        AND o.run_id <= a.run_id AND (o.next_run IS NULL OR o.next_run > a.run_id)
),
-- a later file of the same run withdrew the item before anything was settled; also when that file was undone since
overtaken AS (
    SELECT DISTINCT s.run_id, s.vendor, s.item_id
    FROM seen s
    JOIN taken_deliveries f ON f.vendor = s.vendor AND f.run_id = s.run_id
        AND f.delivery_no > s.delivery_no AND f.status IN ('accepted', 'undone')
    LEFT JOIN sightings t ON t.delivery_id = f.delivery_id AND t.item_id = s.item_id AND t.status <> 'duplicate'
    WHERE s.outcome IS NULL AND (t.status = 'deleted' OR (f.kind = 'full' AND t.status IS NULL))
),
outcomes AS (
    SELECT s.run_id, s.vendor, s.status, CASE WHEN o.item_id IS NULL THEN s.outcome ELSE coalesce(s.outcome, 'withdrawn') END AS outcome
    FROM seen s LEFT JOIN overtaken o USING (run_id, vendor, item_id)
)
SELECT run_id, vendor, status, outcome, count(*) AS rows FROM outcomes GROUP BY ALL
UNION ALL
SELECT a.run_id, a.vendor, 'quarantine', 'quarantine', count(*)
FROM rejects r JOIN accepted a USING (delivery_id) GROUP BY a.run_id, a.vendor;
