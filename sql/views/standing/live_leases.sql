-- One row per item of the review queue that a reviewer holds: until it is answered, given back or the time is over.
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- input_hash: the content that was shown
-- reviewer: a pseudonym of who holds it, always the same for one person, or the name (settings: review.names)
-- export_id: the sheet, or the page's, that it is on
-- place: where on it
-- until: when it is free again by itself
-- taken_at: when it was first taken
-- run_id: the run that lent it
CREATE OR REPLACE VIEW live_leases AS
WITH last_words AS (
    SELECT * FROM leases QUALIFY row_number() OVER (PARTITION BY vendor, item_id, input_hash ORDER BY seq DESC) = 1
),
held AS (SELECT * FROM last_words WHERE word <> 'returned' AND until > now()),
answered AS (
    SELECT DISTINCT h.vendor, h.item_id
    FROM held h JOIN decisions d ON d.vendor = h.vendor AND d.item_id = h.item_id AND d.decided_at >= h.taken_at
)
SELECT vendor, item_id, input_hash, reviewer, export_id, place, until, taken_at, run_id
FROM held ANTI JOIN answered USING (vendor, item_id);
