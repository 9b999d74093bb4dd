-- One row per run, vendor and broken rule; the rows of a run and vendor add up to its quarantine in run_summary.
-- run_id: the run
-- vendor: who delivered
-- rule: the rule that was broken
-- rows: rows that broke it
-- example_line: the first line that broke it in one of the files
CREATE OR REPLACE VIEW rejects_by_rule AS
SELECT run_id, vendor, rule, sum(rows)::BIGINT AS rows, min(example_line) AS example_line
FROM reject_counts GROUP BY run_id, vendor, rule;
