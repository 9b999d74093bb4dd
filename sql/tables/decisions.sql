-- One row per thing a person or a label file said of an item; standing_decisions has the one that counts.
-- decision_id: names the decision
-- seq: counts decisions in the order they were taken in
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- input_hash: the content that was decided about
-- verdict: category gives a category; the others (none, unsure, bad_data, wrong_picture, not_sellable, retired, skip) say why not
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
CREATE TABLE decisions AS
SELECT
    decision_id, seq, vendor, item_id, input_hash, verdict, category_id, taxonomy_version, reviewer_name(who) AS who, source,
    random, reviewer_note(note) AS note, export_id, import_id, group_token, run_id, decided_at
FROM decisions;
