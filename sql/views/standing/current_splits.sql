-- One row per training example of the serving model.
CREATE OR REPLACE VIEW current_splits AS
SELECT e.vendor, e.item_id, e.input_hash, e.cluster, e.split
FROM example_splits e JOIN serving USING (model_id);
