-- One row per label that the newest training doubts and nobody has changed or confirmed since.
-- title: of the version the label was given on, which may be gone by now
CREATE OR REPLACE VIEW doubted_labels AS
SELECT l.* EXCLUDE (run_id), i.title
FROM label_doubts l
JOIN standing_decisions d
    ON d.vendor = l.vendor AND d.item_id = l.item_id AND d.verdict = 'category' AND d.category_id = l.category_id
LEFT JOIN (
    SELECT vendor, item_id, input_hash, any_value(title) AS title FROM items GROUP BY vendor, item_id, input_hash
) i ON i.vendor = l.vendor AND i.item_id = l.item_id AND i.input_hash = l.input_hash
WHERE l.model_id = (SELECT arg_max(model_id, doubted_at) FROM label_doubts) AND d.decided_at <= l.doubted_at;
