-- One row per job run, as it started; run_log adds how it ended.
-- run_id: names the run
-- job: nightly, train, labels, review import ...
-- model_id: the model that served
-- policy_id: the policy items were placed under, where it was known at the start
-- taxonomy_version: the taxonomy it worked with
-- settings_hash: names the routing settings
-- version: the program's version
-- started_at: when it started
CREATE TABLE runs AS
SELECT run_id, job, model_id, policy_id, taxonomy_version, settings_hash, version, started_at
FROM runs;
