-- One row per label that the newest training doubts and nobody has changed or confirmed since.
CREATE OR REPLACE VIEW doubted_labels AS
SELECT l.* EXCLUDE (run_id)
FROM label_doubts l
JOIN standing_decisions d
    ON d.vendor = l.vendor AND d.item_id = l.item_id AND d.verdict = 'category' AND d.category_id = l.category_id
WHERE l.model_id = (SELECT arg_max(model_id, doubted_at) FROM label_doubts) AND d.decided_at <= l.doubted_at;
