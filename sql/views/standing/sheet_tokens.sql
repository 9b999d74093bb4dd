-- One row per item on the sheets of the latest review export, or on one that a reviewer holds.
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- input_hash: the content that was shown
-- token: names the row on its sheet
CREATE OR REPLACE VIEW sheet_tokens AS
WITH latest AS (SELECT run_id FROM exports WHERE reviewer IS NULL ORDER BY exported_at DESC, export_id DESC LIMIT 1),
current_sheets AS (
    SELECT export_id FROM exports JOIN latest USING (run_id) WHERE reviewer IS NULL
    UNION
    SELECT export_id FROM live_leases
)
SELECT r.vendor, r.item_id, r.input_hash, r.token
FROM export_rows r JOIN exports x USING (export_id)
WHERE r.export_id IN (SELECT export_id FROM current_sheets)
QUALIFY row_number() OVER (
    PARTITION BY r.vendor, r.item_id, r.input_hash ORDER BY x.exported_at DESC, r.token DESC
) = 1;
