-- One row per job run.
-- run_id: names the run
-- job: nightly, train, labels, review import ...
-- status: done, failed or superseded; open while it runs or after it was killed
-- started_at: when it started
-- ended_at: when it ended; NULL while it is open
-- model_id: the model that served
-- taxonomy_version: the taxonomy it worked with
-- version: the program's version
-- superseded_by: the run that took its deliveries over
-- message: why it failed; NULL otherwise
CREATE OR REPLACE VIEW run_log AS
SELECT
    r.run_id, r.job, coalesce(e.status, 'open') AS status, r.started_at, e.ended_at,
    r.model_id, r.taxonomy_version, r.version, e.superseded_by, nullif(e.message, '') AS message
FROM runs r LEFT JOIN run_ends e USING (run_id);
