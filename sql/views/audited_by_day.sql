-- One row per day, vendor, department, brand, outcome and model whose placements were audited: how many were right.
-- day: on which the results stood, in UTC
-- vendor: who delivers
-- department: the department they stood in
-- brand: as delivered with what was judged; NULL where none was
-- outcome: placed (at a leaf) or placed_at_parent
-- model_id: the model that placed them
-- answers: audited placements that are settled
-- right_items: of these, those that were right
-- precision: right_items as a share of answers
-- low: lower end of its interval of 95%
-- high: upper end of it
CREATE OR REPLACE VIEW audited_by_day AS
WITH counted AS (
    SELECT
        (a.settled_at AT TIME ZONE 'UTC')::DATE AS day, a.vendor, level(n.path, 1) AS department, a.brand, a.outcome,
        a.model_id, count(*) AS answers, count(*) FILTER (a.result = 'right') AS right_items
    FROM audits a
    LEFT JOIN category_nodes n ON n.category_id = a.department
    WHERE a.result <> 'open'
    GROUP BY ALL
)
SELECT
    *, share(right_items, answers) AS precision, share_low(right_items, answers) AS low,
    share_high(right_items, answers) AS high
FROM counted;
