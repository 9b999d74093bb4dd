-- One row per live item that waits for a person; review_backlog adds the names of the candidates.
-- token: names the row on the latest review sheet; NULL when it is on none
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- group_id: look-alikes that one decision may settle; NULL for an item alone
-- group_size: items of that group in the backlog
-- title: the title delivered last
-- reason: why it waits, as one code
-- sentence: why it waits, in words
-- outcome: review, placed_at_parent for an item that waits for its leaf, or placed for one looked at again after an audit
-- candidates: up to five leaves, the likeliest first
-- parent_id: the deepest node held to be safe, where the item may already stand
-- queued_at: when it began to wait
-- run_id: the run that settled its outcome
CREATE OR REPLACE VIEW backlog AS
SELECT
    t.token, l.vendor, l.item_id, r.group_id,
    CASE WHEN r.group_id IS NULL THEN 1 ELSE count(*) OVER (PARTITION BY r.group_id) END AS group_size,
    i.title, r.reason, r.sentence, r.outcome, p.candidates, coalesce(r.parent_id, r.category_id) AS parent_id,
    r.queued_at, r.run_id
FROM live_items l
JOIN items i USING (vendor, item_id, row_hash)
JOIN standing_routes r USING (vendor, item_id)
LEFT JOIN item_predictions p USING (vendor, item_id)
LEFT JOIN sheet_tokens t ON t.vendor = l.vendor AND t.item_id = l.item_id AND t.input_hash = l.input_hash
WHERE awaits_person(r.outcome) OR is_rechecked(r.outcome, r.reason);
