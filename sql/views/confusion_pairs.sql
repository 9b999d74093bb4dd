-- One row per pair of a predicted leaf and another category that was decided: what the serving model mixes up, on
-- products it has not learned from.
-- predicted_id: the leaf the serving model holds likeliest
-- predicted_path: its full path
-- decided_id: the category that was decided
-- decided_path: its full path
-- items: live items of this pair
-- share_of_decided: as a share of all such items decided to be in that category
-- mean_probability: mean probability the model gave the wrong leaf
-- examples: the items, as vendor/item_id, ten at most
CREATE OR REPLACE VIEW confusion_pairs AS
SELECT
    p.leaf_id AS predicted_id, any_value(a.path) AS predicted_path, d.category_id AS decided_id,
    any_value(b.path) AS decided_path, count(*) AS items,
    share(count(*), sum(count(*)) OVER (PARTITION BY d.category_id)) AS share_of_decided,
    avg(p.probability) AS mean_probability, list_sort(list(l.vendor || '/' || l.item_id))[:10] AS examples
FROM standing_decisions d
JOIN live_items l ON l.vendor = d.vendor AND l.item_id = d.item_id AND l.input_hash = d.input_hash
JOIN item_predictions p ON p.vendor = d.vendor AND p.item_id = d.item_id
JOIN serving v ON v.model_id = p.model_id
LEFT JOIN current_splits t
    ON t.vendor = d.vendor AND t.item_id = d.item_id AND t.input_hash = d.input_hash
    AND t.split IN ('train', 'early_stopping')
LEFT JOIN category_nodes a ON a.category_id = p.leaf_id
LEFT JOIN category_nodes b ON b.category_id = d.category_id
WHERE d.verdict = 'category' AND t.split IS NULL
GROUP BY p.leaf_id, d.category_id
QUALIFY p.leaf_id <> d.category_id;
