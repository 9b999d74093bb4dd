-- One row per stretch of time in which an item stood in one category.
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- category_id: the category
-- previous_id: the category it stood in before, however long ago
-- outcome: placed, placed_at_parent or decided, as it came there
-- decided_by: model, look_alike (as look-alikes of it were decided), person, label or rule
-- reason: why it came there, as one code
-- model_id: the model that served then
-- run_id: the run that put it there
-- valid_from: when it came to stand there
-- valid_to: when it left, was withdrawn by its vendor, lost its category or its delivery was undone; NULL while it stands
CREATE OR REPLACE VIEW category_history AS
WITH steps AS (
    SELECT
        vendor, item_id, category_id, outcome, decided_by, reason, model_id, run_id, seq, routed_at,
        category_id IS DISTINCT FROM lag(category_id) OVER (PARTITION BY vendor, item_id ORDER BY seq) AS arrives
    FROM routes
),
stretches AS (
    SELECT *, lead(routed_at) OVER (PARTITION BY vendor, item_id ORDER BY seq) AS next_at FROM steps WHERE arrives
),
left_at AS (
    SELECT vendor, item_id, gone_at FROM departures
    UNION ALL
    SELECT s.vendor, s.item_id, d.undone_at FROM sightings s JOIN taken_deliveries d USING (delivery_id) WHERE d.status = 'undone'
),
gone AS (SELECT vendor, item_id, max(gone_at) AS gone_at FROM left_at ANTI JOIN live_items USING (vendor, item_id) GROUP BY ALL)
SELECT
    s.vendor, s.item_id, s.category_id, lag(s.category_id) OVER (PARTITION BY s.vendor, s.item_id ORDER BY s.seq) AS previous_id,
    s.outcome, s.decided_by, s.reason, s.model_id, s.run_id, s.routed_at AS valid_from,
    coalesce(s.next_at, g.gone_at) AS valid_to
FROM stretches s LEFT JOIN gone g USING (vendor, item_id)
WHERE s.category_id IS NOT NULL;
