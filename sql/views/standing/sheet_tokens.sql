-- One row per item on the sheets of the latest review export.
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- input_hash: the content that was shown
-- token: names the row on its sheet
CREATE OR REPLACE VIEW sheet_tokens AS
WITH latest AS (SELECT run_id FROM exports ORDER BY exported_at DESC, export_id DESC LIMIT 1)
SELECT vendor, item_id, input_hash, max(token) AS token
FROM export_rows
WHERE export_id IN (SELECT export_id FROM exports JOIN latest USING (run_id))
GROUP BY vendor, item_id, input_hash;
