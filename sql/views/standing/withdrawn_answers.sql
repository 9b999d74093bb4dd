-- One row per answer that was taken back with the sheet it came on, in whatever hierarchy it was told again since.
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- who: who had answered, as decisions has it
-- source: review, or correction
-- decided_at: when the answer was taken in
CREATE OR REPLACE VIEW withdrawn_answers AS
SELECT DISTINCT d.vendor, d.item_id, d.who, d.source, d.decided_at
FROM decisions d JOIN import_undos USING (import_id);
