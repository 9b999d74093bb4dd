-- One row each time the published category of an item changed, written by the publication that showed it. "cursor" counts
-- from 1 without a gap, so that who has applied the rows up to one goes on with the next. action: set, move, retire.
-- Paths are kept as they were called then: a file written again must hold the same bytes.
CREATE TABLE category_changes (
    "cursor" BIGINT, vendor VARCHAR, item_id VARCHAR, action VARCHAR, old_category_id VARCHAR, old_path VARCHAR,
    new_category_id VARCHAR, new_path VARCHAR, status VARCHAR, reason VARCHAR, run_id VARCHAR
);
