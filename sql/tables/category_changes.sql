-- One row each time the published category of an item changed; the view changes names the columns as the files of changes do.
-- cursor: counts from 1 without a gap
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- action: set, move or retire
-- old_category_id: where it stood; NULL for nowhere
-- old_path: the full path of that, as it was called then
-- new_category_id: where it stands since; NULL for nowhere
-- new_path: the full path of that, as it was called then
-- status: placed, placed_at_parent or decided; NULL where it stands nowhere
-- reason: why it changed
-- run_id: the run that published it
CREATE TABLE category_changes AS
SELECT
    "cursor", vendor, item_id, action, old_category_id, old_path, new_category_id, new_path, status, reason, run_id
FROM category_changes;
