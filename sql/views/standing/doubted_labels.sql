-- One row per label that the newest training doubts and nobody has changed or confirmed since.
-- model_id: the model in whose training the label was doubted
-- rank: 1 is the most doubtful
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- input_hash: the content that was decided about
-- category_id: the label
-- suggested_id: what training would expect instead
-- share_label: probability of the label, from what was learned without this item and its look-alikes
-- share_suggested: probability of the suggestion, likewise
-- doubted_at: when
-- title: of the version the label was given on, which may be gone by now
CREATE OR REPLACE VIEW doubted_labels AS
SELECT l.* EXCLUDE (run_id), i.title
FROM label_doubts l
JOIN standing_decisions d
    ON d.vendor = l.vendor AND d.item_id = l.item_id AND d.verdict = 'category' AND d.category_id = l.category_id
LEFT JOIN (
    SELECT vendor, item_id, input_hash, any_value(title) AS title
    FROM items SEMI JOIN label_doubts USING (vendor, item_id, input_hash) GROUP BY vendor, item_id, input_hash
) i ON i.vendor = l.vendor AND i.item_id = l.item_id AND i.input_hash = l.input_hash
WHERE l.model_id = (SELECT arg_max(model_id, doubted_at) FROM label_doubts) AND d.decided_at <= l.doubted_at;
