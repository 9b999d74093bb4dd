-- One row per precision looked at when the serving model was trained: how many more labels a certificate of it would take at the
-- error rate seen; NULL where no number would do.
WITH looked_at AS (
    SELECT metrics -> 'labels_missing' AS missing FROM models JOIN serving USING (model_id)
),
named AS (SELECT unnest(json_keys(missing)) AS target, missing FROM looked_at)
SELECT target::DOUBLE AS target, (missing ->> ('$."' || target || '"'))::BIGINT AS labels_missing
FROM named ORDER BY target LIMIT 20;
