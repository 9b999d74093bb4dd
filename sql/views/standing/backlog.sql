-- One row per live item that waits for a person; review_backlog adds the names of the candidates.
-- token: names the row on the latest review sheet; NULL when it is on none
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- group_id: look-alikes that one decision may settle; NULL for an item alone
-- group_size: items of that group in the backlog
-- title: the title delivered last
-- reason: why it waits, as one code
-- sentence: why it waits, in words
-- outcome: review, placed_at_parent for an item that waits for its leaf, placed for one looked at again after an audit, or decided for one
--   whose decision the model contradicts; these stand where they stood until somebody answers
-- candidates: up to five leaves, the likeliest first
-- parent_id: the deepest node held to be safe, where the item may already stand
-- queued_at: when it began to wait
-- run_id: the run that settled its outcome
CREATE OR REPLACE VIEW backlog AS
WITH waiting AS NOT MATERIALIZED (
    SELECT
        vendor, item_id, group_id, reason, sentence, outcome, coalesce(parent_id, category_id) AS parent_id, queued_at, run_id
    FROM standing_routes WHERE awaits_person(outcome) OR is_rechecked(outcome, reason)
),
-- What else is shown of an item is put together by its keys, before the long rows of those that wait come in.
shown AS (
    SELECT l.vendor, l.item_id, i.title, t.token
    FROM live_items l
    JOIN items i USING (vendor, item_id, row_hash)
    LEFT JOIN sheet_tokens t ON t.vendor = l.vendor AND t.item_id = l.item_id AND t.input_hash = l.input_hash
)
SELECT
    s.token, w.vendor, w.item_id, w.group_id, coalesce(g.items, 1) AS group_size, s.title, w.reason, w.sentence, w.outcome,
    p.candidates, w.parent_id, w.queued_at, w.run_id
FROM waiting w
JOIN shown s USING (vendor, item_id)
LEFT JOIN item_predictions p ON p.vendor = w.vendor AND p.item_id = w.item_id
LEFT JOIN waiting_groups g ON g.group_id = w.group_id;
