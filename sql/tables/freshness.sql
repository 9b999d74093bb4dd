-- One row: which run published this file, when, and what served then.
-- run_id: the run that published it
-- published_at: when
-- model_id: the model that serves; NULL before the first promotion
-- policy_id: the policy items are placed under
-- taxonomy_version: the newest version of the taxonomy
-- version: the program that wrote the file
-- schema_version: of these tables and views, as schema_version() says it
CREATE TABLE freshness AS
SELECT
    $run_id::VARCHAR AS run_id, $published_at::TIMESTAMPTZ AS published_at, model_id, policy_id, taxonomy_version,
    $version::VARCHAR AS version, schema_version() AS schema_version
FROM serving;
