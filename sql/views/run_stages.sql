-- One row per finished step of a run: what it cost. A run of one step (train, labels ...) has one, named after its job.
-- run_id: the run
-- job: nightly, train, labels, review import ...
-- stage: ingest, fetch, certify, classify, route, watch, review, publish, changes, report, verify, or the job's name
-- started_at: when the step started
-- seconds: how long it took; a step that was killed and done again counts from its last start
-- share_of_run: as a share of all steps of the run
-- provider: what the model ran on, for classify
CREATE OR REPLACE VIEW run_stages AS
WITH steps AS (
    SELECT r.run_id, r.job, s.stage, s.started_at, epoch(s.finished_at) - epoch(s.started_at) AS seconds, s.provider
    FROM runs r JOIN stages s USING (run_id)
    UNION ALL
    SELECT r.run_id, r.job, r.job, r.started_at, epoch(e.ended_at) - epoch(r.started_at), NULL
    FROM runs r JOIN run_ends e USING (run_id) ANTI JOIN stages USING (run_id)
)
SELECT
    run_id, job, stage, started_at, seconds, share(seconds, sum(seconds) OVER (PARTITION BY run_id)) AS share_of_run,
    provider
FROM steps;
