-- One row per item somebody decided: the latest word of a person, else of a label file. A skip leaves things as they are,
-- and an answer that was taken back counts for nothing: what stood before it stands again.
-- verdict: category gives a category; the others (none, unsure, bad_data, wrong_picture, not_sellable) say why not
-- input_hash: the content that was decided about
CREATE OR REPLACE VIEW standing_decisions AS
SELECT *
FROM decisions
WHERE verdict NOT IN ('skip', 'withdrawn')
  AND (import_id IS NULL OR import_id NOT IN (SELECT w.import_id FROM decisions w WHERE w.verdict = 'withdrawn'))
QUALIFY row_number() OVER (PARTITION BY vendor, item_id ORDER BY source = 'label', seq DESC) = 1;
