-- One row each time an item went from one category to another.
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- title: the title delivered last; NULL when the item is no longer live
-- from_id: the category before
-- from_path: its full path
-- to_id: the category after
-- to_path: its full path
-- change: refined (further down the same branch), raised (further up), moved (elsewhere) or mapped (the taxonomy changed)
-- decided_by: model, look_alike (as look-alikes of it were decided), person, label or rule
-- reason: why, as one code
-- run_id: the run that moved it
-- moved_at: when
CREATE OR REPLACE VIEW moved_items AS
SELECT
    h.vendor, h.item_id, p.title, h.previous_id AS from_id, a.path AS from_path, h.category_id AS to_id,
    b.path AS to_path,
    CASE
        WHEN h.reason = 'category_mapped' THEN 'mapped'
        WHEN starts_with(b.path, a.path || ' > ') THEN 'refined'
        WHEN starts_with(a.path, b.path || ' > ') THEN 'raised'
        ELSE 'moved'
    END AS change,
    h.decided_by, h.reason, h.run_id, h.valid_from AS moved_at
FROM category_history h
LEFT JOIN placements p USING (vendor, item_id)
LEFT JOIN category_nodes a ON a.category_id = h.previous_id
LEFT JOIN category_nodes b ON b.category_id = h.category_id
WHERE h.previous_id <> h.category_id;
