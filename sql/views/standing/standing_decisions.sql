-- One row per item somebody decided: the latest word of a person, else of a label file. A skip leaves things as they are.
-- verdict: category gives a category; the others (none, unsure, bad_data, wrong_picture, not_sellable) say why not
-- input_hash: the content that was decided about
CREATE OR REPLACE VIEW standing_decisions AS
SELECT *
FROM decisions ANTI JOIN withdrawn_answers USING (vendor, item_id, who, source, decided_at)
WHERE verdict <> 'skip'
QUALIFY row_number() OVER (PARTITION BY vendor, item_id ORDER BY source = 'label', seq DESC) = 1;
