-- One row per item settled in the shadow: what a live night would have done with it, as if nobody had decided.
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- outcome: placed, placed_at_parent or review
-- category_id: where it would stand; NULL in review
-- confidence: calibrated probability of that
-- reason: why, as one code
-- model_id: the model
-- policy_id: the policy
-- learned: true when the model, or its certificate, rests on this very item
-- run_id: the run that settled it
-- settled_at: when
CREATE OR REPLACE VIEW shadow_placements AS
SELECT
    r.vendor, r.item_id, r.outcome, r.category_id, r.confidence, r.reason, r.model_id, r.policy_id,
    s.split IS NOT NULL AS learned, r.run_id, r.settled_at
FROM (
    SELECT * FROM shadow_routes QUALIFY row_number() OVER (PARTITION BY vendor, item_id ORDER BY seq DESC) = 1
) r
LEFT JOIN example_splits s ON s.model_id = r.model_id AND s.vendor = r.vendor AND s.item_id = r.item_id;
