-- One row per live item with a prediction: the likeliest leaf, whatever became of the item.
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- leaf_id: the likeliest leaf
-- leaf_path: its full path
-- probability: calibrated probability of that leaf
-- model_id: the serving model, or the youngest that saw the item
CREATE OR REPLACE VIEW predictions_current AS
SELECT p.vendor, p.item_id, p.leaf_id, n.path AS leaf_path, p.probability, p.model_id
FROM item_predictions p LEFT JOIN category_nodes n ON n.category_id = p.leaf_id;
