-- One row per training example of the serving model.
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- input_hash: the content that was decided about
-- cluster: look-alikes, which all fall into one split
-- split: what it was used for: train, early_stopping, temperature, calibration ...
CREATE OR REPLACE VIEW current_splits AS
SELECT e.vendor, e.item_id, e.input_hash, e.cluster, e.split
FROM example_splits e JOIN serving USING (model_id);
