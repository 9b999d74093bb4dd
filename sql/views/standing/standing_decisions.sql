-- One row per item somebody decided: the latest word of a person, else of a label file. A skip leaves things as they are, and
-- so does an answer against an audited placement until a second reviewer agrees.
-- decision_id: names the decision
-- seq: counts decisions in the order they were taken in
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- input_hash: the content that was decided about
-- verdict: category gives a category; the others (none, unsure, bad_data, wrong_picture, not_sellable, retired) say why not
-- category_id: the category given; NULL unless the verdict is category
-- taxonomy_version: the version its id is from
-- who: a pseudonym of who decided, always the same for one person, or the name (settings: review.names);
--   reviewer where nobody said who, import for labels
-- source: label, review or correction
-- random: true when the item was drawn at random, so that the decision may certify
-- note: what the reviewer wrote; NULL under pseudonyms
-- export_id: the sheet it was asked on
-- import_id: the file it came back in
-- group_token: the group whose answer settled it; NULL for an answer of its own
-- run_id: the run that took it in
-- decided_at: when it was taken in
CREATE OR REPLACE VIEW standing_decisions AS
SELECT *
FROM decisions
ANTI JOIN withdrawn_answers USING (vendor, item_id, who, source, decided_at)
ANTI JOIN unconfirmed_answers USING (vendor, item_id, who, source, decided_at)
WHERE verdict <> 'skip'
QUALIFY row_number() OVER (PARTITION BY vendor, item_id ORDER BY source = 'label', seq DESC) = 1;
