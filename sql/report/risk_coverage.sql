-- One row per point of the serving model's risk-coverage curve, on calibration products, the surest first.
WITH curve AS (SELECT metrics -> 'risk_coverage' AS points FROM models JOIN serving USING (model_id))
SELECT
    unnest(from_json(points -> 'coverage', '["DOUBLE"]')) AS coverage,
    unnest(from_json(points -> 'risk', '["DOUBLE"]')) AS risk
FROM curve ORDER BY coverage LIMIT 400;
