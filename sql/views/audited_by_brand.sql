-- One row per day, vendor, category, brand, outcome and model whose placements were audited: how many were right.
-- day: on which the results stood, in UTC
-- vendor: who delivers
-- category_id: the category they stood at; no row counts what lies below it, so that rows may be added up
-- path: names from the root, joined by ' > '; is_under(path, 'Home') takes all of a branch
-- level: depth, 1 for a department
-- brand: as delivered with what was judged; NULL where none was
-- outcome: placed (at a leaf) or placed_at_parent
-- model_id: the model that placed them
-- answers: audited placements that are settled
-- right_items: of these, those that were right
-- precision: right_items as a share of answers
-- low: lower end of its interval of 95%
-- high: upper end of it
CREATE OR REPLACE VIEW audited_by_brand AS
WITH counted AS (
    SELECT
        (settled_at AT TIME ZONE 'UTC')::DATE AS day, vendor, placed_id AS category_id, brand, outcome, model_id,
        count(*) AS answers, count(*) FILTER (result = 'right') AS right_items
    FROM audits WHERE result <> 'open' GROUP BY ALL
)
SELECT
    c.day, c.vendor, c.category_id, n.path, n.level, c.brand, c.outcome, c.model_id, c.answers, c.right_items,
    share(c.right_items, c.answers) AS precision, share_low(c.right_items, c.answers) AS low,
    share_high(c.right_items, c.answers) AS high
FROM counted c LEFT JOIN category_nodes n USING (category_id);
