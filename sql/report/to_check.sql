-- One row per label that training doubts, the most doubtful first.
SELECT vendor, item_id, title, path, suggested_path, category_id, suggested_id, rank
FROM labels_to_check ORDER BY rank LIMIT 12;
