-- One row per part of the serving certificate, and per department where each was tested apart: what was tested, and what it gave.
WITH served AS (
    SELECT c.certificate_id, c.body::JSON AS body, c.target AS asked_for, s.model_id
    FROM serving s JOIN certificates c USING (certificate_id)
),
parts AS (
    SELECT *, unnest(['leaf', 'parent']) AS stratum, unnest([body -> 'leaf', body -> 'parent']) AS part FROM served
),
tests AS (
    SELECT
        certificate_id, model_id, asked_for, body, stratum,
        unnest(from_json(coalesce(part -> 'tests', '[]'),
            '[{"name":"VARCHAR","n":"BIGINT","k":"BIGINT","threshold":"DOUBLE","accepted_needed":"BIGINT"}]')) AS test
    FROM parts
)
SELECT
    stratum, 'all' AS department, (part ->> 'n')::BIGINT AS n, (part ->> 'k')::BIGINT AS k,
    (part ->> 'precision')::DOUBLE AS "precision", (part ->> 'lower_bound')::DOUBLE AS lower_bound,
    1 - (part ->> 'level')::DOUBLE AS confidence, (part ->> 'threshold')::DOUBLE AS threshold_log_odds,
    1 / (1 + exp(-(part ->> 'threshold')::DOUBLE)) AS threshold_probability, (part ->> 'coverage')::DOUBLE AS share_placed,
    (part ->> 'item_precision')::DOUBLE AS item_precision, (part -> 'item_interval' ->> 0)::DOUBLE AS item_low,
    (part -> 'item_interval' ->> 1)::DOUBLE AS item_high, part ->> 'refusal' AS refusal,
    (part ->> 'labels_missing')::BIGINT AS labels_missing, (part ->> 'target')::DOUBLE AS target,
    (body ->> 'delta')::DOUBLE AS delta, (body ->> 'calibration_products')::BIGINT AS calibration_products,
    (body ->> 'attempt')::BIGINT AS attempt, NULL AS accepted_needed, model_id, certificate_id
FROM parts
UNION ALL BY NAME
SELECT
    stratum, test.name AS department, test.n AS n, test.k AS k, test.threshold AS threshold_log_odds,
    test.accepted_needed AS accepted_needed, model_id, certificate_id
FROM tests
ORDER BY stratum, department = 'all' DESC, department LIMIT 100;
