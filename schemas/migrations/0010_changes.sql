-- One row each time the published category of an item changed, written by the publication that showed it. "cursor" counts
-- from 1 without a gap, so that who has applied the rows up to one goes on with the next. action: set, move, retire.
-- Paths are kept as they were called then: a file written again must hold the same bytes.
CREATE TABLE category_changes (
    "cursor" BIGINT, vendor VARCHAR, item_id VARCHAR, action VARCHAR, old_category_id VARCHAR, old_path VARCHAR,
    new_category_id VARCHAR, new_path VARCHAR, status VARCHAR, reason VARCHAR, run_id VARCHAR
);

-- One row per category that somebody gave by `catalog correct`, beside where the item stood when it was said. kind: error (it
-- stood elsewhere), refined (above, at a parent), confirmed (there), unplaced (nowhere). model_id: the model that had placed
-- it. route_seq: of the outcome that was corrected, so that a second word on the same one is not a second error.
CREATE TABLE corrected (
    decision_id VARCHAR, seq BIGINT, vendor VARCHAR, item_id VARCHAR, kind VARCHAR, from_id VARCHAR, category_id VARCHAR,
    decided_by VARCHAR, model_id VARCHAR, route_seq BIGINT, run_id VARCHAR, corrected_at TIMESTAMPTZ
);
