-- One row per finished step of a run; run_stages says how long each took.
-- run_id: the run
-- stage: ingest, fetch, certify, classify, route, watch, review, publish, changes, report or verify
-- key: hash of what the step read; empty where none is kept
-- status: done
-- provider: what the model ran on, for classify
-- counts: what the step counted, as JSON of name to number
-- started_at: when it started
-- finished_at: when it ended
CREATE TABLE stages AS
SELECT run_id, stage, key, status, provider, counts, started_at, finished_at
FROM stages;
