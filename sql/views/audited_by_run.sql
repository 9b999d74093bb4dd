-- One row per model and run whose placements were audited: how many were right, and of all runs of the model so far.
-- model_id: the model that placed them
-- run_id: the run that placed them
-- started_at: when that run started
-- answered: audited placements of the run whose result stands
-- right_items: of these, those that were right
-- answered_so_far: the same of all runs of the model up to this one
-- right_so_far: of these, those that were right
-- precision_so_far: right_so_far as a share of answered_so_far
-- low: lower end of its interval of 95%
-- high: upper end of its interval of 95%
CREATE OR REPLACE VIEW audited_by_run AS
WITH by_run AS (
    SELECT model_id, run_id, count(*) AS answered, count(*) FILTER (result = 'right') AS right_items
    FROM audits WHERE result <> 'open' GROUP BY model_id, run_id
),
so_far AS (
    SELECT
        *, (sum(answered) OVER runs_of_it)::BIGINT AS answered_so_far,
        (sum(right_items) OVER runs_of_it)::BIGINT AS right_so_far
    FROM by_run
    WINDOW runs_of_it AS (PARTITION BY model_id ORDER BY run_id)
)
SELECT
    s.model_id, s.run_id, r.started_at, s.answered, s.right_items, s.answered_so_far, s.right_so_far,
    share(s.right_so_far, s.answered_so_far) AS precision_so_far,
    share_low(s.right_so_far, s.answered_so_far) AS low, share_high(s.right_so_far, s.answered_so_far) AS high
FROM so_far s LEFT JOIN runs r USING (run_id);
