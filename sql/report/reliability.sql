-- One row per band of probability: what the serving model said of calibration products, and how many it was right about.
WITH bands AS (
    SELECT unnest(from_json(metrics -> 'reliability', '[{"said":"DOUBLE","right":"DOUBLE","n":"BIGINT"}]'), recursive := true)
    FROM models JOIN serving USING (model_id)
)
SELECT
    said, "right" AS was_right, n, share_low("right" * n, n) AS low, share_high("right" * n, n) AS high
FROM bands ORDER BY said LIMIT 40;
