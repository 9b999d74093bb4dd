-- One row each time something changed in how far a stopped vendor or department is on its way back to automation.
-- seq: counts them
-- certificate_id: the certificate under which it was stopped
-- model_id: the model it is of
-- kind: vendor or department
-- key: the vendor, or the department's id then
-- ground: what stopped it: the hash of its mapping or tree, or the audit's word
-- since: when it was stopped
-- draw_share: of what would be placed at a leaf there, drawn at random; setting audit.draws_a_night
-- attempts: tests made so far; the k-th spends delta / (k (k + 1))
-- answers: draws answered in full, one a product
-- wrong: of them, those the model would have placed elsewhere than the answer says
-- next_at: answers that the next test takes
-- waiting: draws nobody has answered yet
-- threshold: log-odds from which it is placed again; NULL while it is stopped
-- sentence: the same in words
-- run_id: the run that looked
-- said_at: when
CREATE TABLE ways_back AS
SELECT
    seq, certificate_id, model_id, kind, "key", ground, since, draw_share, attempts, answers, wrong, next_at, waiting,
    threshold, sentence, run_id, said_at
FROM ways_back;
