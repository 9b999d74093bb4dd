-- One row per day, vendor, category, outcome and model whose placements at it or below it were audited: how many were right.
-- day: on which the results stood, in UTC
-- vendor: who delivers
-- category_id: the category they stood at, or one above it
-- path: names from the root, joined by ' > '
-- level: depth, 1 for a department; rows of level 1 add up to all
-- outcome: placed (at a leaf) or placed_at_parent
-- model_id: the model that placed them
-- answers: audited placements that are settled
-- right_items: of these, those that were right
-- precision: right_items as a share of answers
-- low: lower end of its interval of 95%
-- high: upper end of it
CREATE OR REPLACE VIEW audited_by_category AS
WITH counted AS (
    SELECT
        (a.settled_at AT TIME ZONE 'UTC')::DATE AS day, a.vendor, c.above_id AS category_id, a.outcome, a.model_id,
        count(*) AS answers, count(*) FILTER (a.result = 'right') AS right_items
    FROM audits a JOIN category_ancestors c ON c.category_id = a.placed_id
    WHERE a.result <> 'open'
    GROUP BY ALL
)
SELECT
    t.day, t.vendor, t.category_id, n.path, n.level, t.outcome, t.model_id, t.answers, t.right_items,
    share(t.right_items, t.answers) AS precision, share_low(t.right_items, t.answers) AS low,
    share_high(t.right_items, t.answers) AS high
FROM counted t LEFT JOIN category_nodes n USING (category_id);
