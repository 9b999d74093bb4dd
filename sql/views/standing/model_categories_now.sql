-- One row per model trained on a version that is no longer the newest: today's id of each class that has another or none.
-- model_id: the model
-- now: a map from the class to today's id, NULL where a person must say
CREATE OR REPLACE VIEW model_categories_now AS
SELECT m.model_id, map(list(n.category_id), list(n.now_id)) AS now
FROM (SELECT DISTINCT model_id, taxonomy_version FROM models) m JOIN category_now n USING (taxonomy_version)
WHERE n.now_id IS DISTINCT FROM n.category_id
GROUP BY m.model_id;
