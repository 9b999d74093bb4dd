-- One row per calibration product that the serving model is sure enough to place, against its label, the surest first.
WITH served AS (
    SELECT body::JSON -> 'leaf' AS leaf, (body ->> 'novelty_threshold')::DOUBLE AS most_novel
    FROM certificates JOIN serving USING (certificate_id)
),
-- one threshold for all, one of every department (bars), or one of each that was tested apart and passed (tests)
bars AS (
    SELECT unnest(json_keys(leaf -> 'bars')) AS department, leaf -> 'bars' AS found FROM served
),
tests AS (
    SELECT unnest(from_json(coalesce(leaf -> 'tests', '[]'), '[{"key":"VARCHAR","threshold":"DOUBLE"}]')) AS test FROM served
),
least AS (
    SELECT test.key AS department, test.threshold AS log_odds FROM tests
    UNION ALL
    SELECT department, (found ->> ('$."' || department || '"'))::DOUBLE FROM bars
    UNION ALL
    SELECT c.category_id, (leaf ->> 'threshold')::DOUBLE FROM served, category_nodes c
    WHERE c.level = 1 AND NOT EXISTS (FROM tests) AND NOT EXISTS (FROM bars)
)
SELECT
    p.vendor, p.item_id, coalesce(said.path, p.category_id) AS label, leaf.path AS predicted, p.probability, p.log_odds,
    least.log_odds AS placed_from
FROM calibration_predictions p
JOIN category_nodes leaf ON leaf.category_id = p.leaf_id
JOIN category_nodes top ON top.level = 1 AND top.path = leaf.level_1 AND NOT top.retired
JOIN least ON least.department = top.category_id
LEFT JOIN category_nodes said ON said.category_id = p.category_id
WHERE p.fit AND p.leaf_id <> p.category_id AND p.log_odds >= least.log_odds
    AND (SELECT most_novel IS NULL OR p.novelty IS NULL OR p.novelty <= most_novel FROM served)
ORDER BY p.log_odds DESC, p.vendor, p.item_id LIMIT 12;
