-- One row per model that can serve or could.
-- model_id: names the model
-- taxonomy_version: the taxonomy it was trained on
-- metrics: how it did on products it had not seen, as JSON
-- facts: what it was trained on and how, as JSON
-- run_id: the run that made it
-- trained_at: when
CREATE TABLE models AS
SELECT model_id, taxonomy_version, metrics, facts, run_id, trained_at
FROM models;
