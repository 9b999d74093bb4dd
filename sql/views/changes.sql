-- One row each time the published category of an item changed; applied in the order of cursor they give current_category.
-- cursor: counts from 1 over the whole history, without a gap
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- action: set (it had no category), move (it had another) or retire (it has none any more)
-- old_category_id: the category before; NULL with set
-- old_path: its full path, as it was called then
-- new_category_id: the category after; NULL with retire
-- new_path: its full path, as it was called then
-- status: placed, placed_at_parent or decided; NULL with retire
-- reason: why, as one code; with retire also withdrawn (by its vendor) or delivery_undone
-- run_id: the run that published it
CREATE OR REPLACE VIEW changes AS
SELECT
    "cursor", vendor, item_id, action, old_category_id, old_path, new_category_id, new_path, status, reason, run_id
FROM category_changes;
