-- One row per run and vendor that delivered in it: what the delivery changed.
-- run_id: the run
-- started_at: when it started
-- vendor: who delivered
-- rows_in: rows of accepted files
-- new: rows of items never seen before
-- changed: rows that differ from what was known of their item
-- unchanged: rows that say what was known already
-- gone: items withdrawn: a full delivery came without them, or one deleted them
-- kept: items whose row of a full delivery is in quarantine; they stay as they were
CREATE OR REPLACE VIEW changes_by_run AS
SELECT c.run_id, r.started_at, c.vendor, c.rows_in, c.new, c.changed, c.unchanged, c.gone, c.kept
FROM run_counts c LEFT JOIN runs r USING (run_id);
