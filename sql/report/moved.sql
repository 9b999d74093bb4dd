-- One row per item that this run moved to a category elsewhere.
SELECT vendor, item_id, title, from_path, to_path, decided_by, from_id, to_id FROM moved_items
WHERE run_id = $run_id AND change = 'moved' ORDER BY vendor, item_id LIMIT 12;
