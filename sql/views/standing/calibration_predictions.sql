-- One row per product the serving model was certified on: its label as it stands today, beside what the model says of it.
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- cluster: look-alikes; the test takes one of each
-- category_id: the category it is labelled with; retired where that is none any more
-- leaf_id: the likeliest leaf, in today's ids; NULL without a prediction
-- log_odds: calibrated log-odds of that leaf, which thresholds are in
-- probability: the same as a probability
-- novelty: how unlike everything known it is, as a rank between 0 and 1; 1 is the most unlike
-- fit: whether it may be placed if it is sure enough: there is something to judge by, and products may stand at the leaf
CREATE OR REPLACE VIEW calibration_predictions AS
SELECT
    s.vendor, s.item_id, s.cluster, coalesce(d.category_id, d.verdict) AS category_id,
    coalesce(m.now[p.leaf_id], p.leaf_id) AS leaf_id, p.log_odds, p.probability, p.novelty,
    coalesce(
        p.log_odds IS NOT NULL AND (coalesce(p.has_text, true) OR coalesce(p.has_image, true)) AND n.assignable
        AND NOT n.retired, false
    ) AS fit
FROM current_splits s
JOIN standing_decisions d ON d.vendor = s.vendor AND d.item_id = s.item_id AND d.verdict IN ('category', 'retired')
LEFT JOIN (SELECT p.* FROM predictions p JOIN serving USING (model_id)) p ON p.input_hash = s.input_hash
LEFT JOIN model_categories_now m USING (model_id)
LEFT JOIN category_nodes n ON n.category_id = coalesce(m.now[p.leaf_id], p.leaf_id)
WHERE s.split = 'calibration';
