-- One row per time somebody let standing placements move that routing.max_moves had held back.
-- route_seq: the newest of the outcomes that person could have seen; what is held back later needs another word.
CREATE TABLE move_approvals (
    seq BIGINT, route_seq BIGINT, items BIGINT, who VARCHAR, note VARCHAR, run_id VARCHAR, said_at TIMESTAMPTZ
);

-- One row each time a feed named another category of the retailer's own process for an item. said: as it stood in the cell;
-- means: an id or a full path of ours, by the map in the vendor's form, else the cell itself.
CREATE TABLE own_category_words (
    seq BIGINT, vendor VARCHAR, item_id VARCHAR, said VARCHAR, means VARCHAR, delivery_id VARCHAR, run_id VARCHAR, noted_at TIMESTAMPTZ
);
