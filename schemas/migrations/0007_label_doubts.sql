-- One row per label that a training run doubts: what the branches say of the item without its label contradicts it.
CREATE TABLE label_doubts (
    model_id VARCHAR, rank INTEGER, vendor VARCHAR, item_id VARCHAR, input_hash VARCHAR, category_id VARCHAR,
    suggested_id VARCHAR, share_label DOUBLE, share_suggested DOUBLE, run_id VARCHAR, doubted_at TIMESTAMPTZ
);
