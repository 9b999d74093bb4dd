-- One row per item whose standing decision names a category: what the next model learns from.
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- input_hash: the content that was decided about
-- category_id: the category it was given
-- source: label, review or correction
-- decided_at: when
-- split: which part the serving model used it for; NULL when it is newer than that model
CREATE OR REPLACE VIEW training_examples AS
SELECT d.vendor, d.item_id, d.input_hash, d.category_id, d.source, d.decided_at, s.split
FROM standing_decisions d LEFT JOIN current_splits s USING (vendor, item_id, input_hash)
WHERE d.verdict = 'category';
