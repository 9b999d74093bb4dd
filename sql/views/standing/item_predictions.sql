-- One row per live item with a prediction: the serving model's, else the youngest one there is.
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- model_id: the model that predicted
-- leaf_id: the likeliest leaf, in today's ids; one that is gone keeps its old one
-- probability: calibrated probability of that leaf
-- candidates: up to five leaves of today, the likeliest first
-- novelty: how unlike everything known it is, as a rank between 0 and 1; 1 is the most unlike
-- image_status: what the model saw of its picture: used, missing, unreadable, or not_read where the words sufficed
-- provider: what the model ran on, e.g. CPUExecutionProvider
-- predicted_at: when
-- stage: full; text where the words sufficed; checked or contradicted where they would have and the picture was read as a check
CREATE OR REPLACE VIEW item_predictions AS
WITH served AS NOT MATERIALIZED (SELECT p.* FROM predictions p JOIN serving USING (model_id)),
others AS (SELECT p.* FROM predictions p ANTI JOIN serving USING (model_id) ANTI JOIN served USING (input_hash)),
-- Only what the model that serves has not answered goes through the window: of all answers it took as long as the rest.
latest AS (
    SELECT input_hash, model_id FROM others
    QUALIFY row_number() OVER (PARTITION BY input_hash ORDER BY predicted_at DESC, model_id) = 1
),
chosen AS (
    FROM served
    UNION ALL
    FROM others SEMI JOIN latest USING (input_hash, model_id)
)
SELECT
    l.vendor, l.item_id, p.model_id, coalesce(m.now[p.leaf_id], p.leaf_id) AS leaf_id, p.probability,
    categories_now(p.top_ids, m.now)[1:5] AS candidates, p.novelty, p.image_status, p.provider, p.predicted_at,
    p.stage
FROM live_items l
JOIN chosen p USING (input_hash)
LEFT JOIN model_categories_now m USING (model_id);
