-- One row per answer that was taken back with the sheet it came on, in whatever hierarchy it was told again since.
CREATE OR REPLACE VIEW withdrawn_answers AS
SELECT DISTINCT d.vendor, d.item_id, d.who, d.source, d.decided_at
FROM decisions d JOIN import_undos USING (import_id);
