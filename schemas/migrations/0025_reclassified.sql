-- One row per item that somebody wanted judged anew on purpose: it moves to what the model is certified to say, though what
-- stands there is not improbable. route_seq: the newest outcome then; the word is used up once the item is settled after it.
CREATE TABLE reclassified_items (
    seq BIGINT, vendor VARCHAR, item_id VARCHAR, route_seq BIGINT, who VARCHAR, note VARCHAR, run_id VARCHAR, said_at TIMESTAMPTZ
);
