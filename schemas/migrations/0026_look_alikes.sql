-- One row per content of an item that was ever routed: the look-alikes it belongs to. It stays while that content does, and
-- holds again when it comes back. keys, words and image_hash are those of the content that a cluster began with, which later
-- ones are compared with; NULL for all others of it.
CREATE TABLE look_alikes (
    vendor VARCHAR, item_id VARCHAR, input_hash VARCHAR, "cluster" VARCHAR, keys UBIGINT[], words VARCHAR, image_hash VARCHAR,
    run_id VARCHAR
);

-- One row per picture that was compared with another: its outline, 256 grey levels from the top left.
CREATE TABLE outlines (image_hash VARCHAR, outline BLOB, run_id VARCHAR);
