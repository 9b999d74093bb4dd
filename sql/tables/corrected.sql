-- One row per category that somebody gave by `catalog correct`, beside where the item stood when it was said.
-- decision_id: the decision it became
-- seq: counts the rows in the order they were taken in
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- kind: error (it stood elsewhere), refined (above, at a parent), confirmed (there) or unplaced (nowhere)
-- from_id: where it stood; NULL for nowhere
-- category_id: the category given
-- decided_by: who had placed it: model, look_alike, person, label or rule
-- model_id: the model that had placed it
-- route_seq: the outcome that was corrected: a second word on the same one is not a second error
-- run_id: the run that took it in
-- corrected_at: when it was taken in
CREATE TABLE corrected AS
SELECT
    decision_id, seq, vendor, item_id, kind, from_id, category_id, decided_by, model_id, route_seq, run_id, corrected_at
FROM corrected;
