-- One row per run, vendor, department and statistic; the view drift has them with names.
-- run_id: the run
-- vendor: who delivered
-- category_id: the department; NULL for all of the vendor's items together
-- statistic: what was compared
-- items: contents seen for the first time that were compared
-- reference_items: contents of earlier runs they were compared with
-- reference_runs: how many earlier runs
-- value: the mean in this run; NULL where the statistic is a distance
-- usual: the mean in the earlier ones
-- score: how far off, in units of what one in a hundred quiet batches reaches
-- bar: the score that alarms
-- p_value: the share of quiet batches whose largest score reaches the largest of this batch
-- alarm: whether the score reaches the bar
-- sentence: what changed, by how much; NULL without an alarm
-- remedy: what to do; NULL without an alarm
-- examples: items that show it most
-- model_id: the model whose predictions were compared
-- noted_at: when
CREATE TABLE drift_statistics AS
SELECT
    run_id, vendor, category_id, statistic, items, reference_items, reference_runs, value, usual, score, bar, p_value, alarm,
    sentence, remedy, examples, model_id, noted_at
FROM drift_statistics;
