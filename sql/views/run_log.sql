-- One row per job run.
-- status: done, failed or superseded; open while it runs or after it was killed
CREATE OR REPLACE VIEW run_log AS
SELECT
    r.run_id, r.job, coalesce(e.status, 'open') AS status, r.started_at, e.ended_at,
    r.model_id, r.taxonomy_version, r.version, e.superseded_by, nullif(e.message, '') AS message
FROM runs r LEFT JOIN run_ends e USING (run_id);
