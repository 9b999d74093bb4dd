-- One row per ended run.
-- run_id: the run
-- status: done, failed or superseded
-- superseded_by: the run that took its deliveries over
-- message: why it failed; empty otherwise
-- ended_at: when
CREATE TABLE run_ends AS
SELECT run_id, status, superseded_by, message, ended_at
FROM run_ends;
