-- One row each time the automation of a department was stopped by its audit, or given back.
-- seq: counts them
-- word: stopped, or released after random draws from it passed
-- certificate_id: the certificate whose promise was watched
-- model_id: the model it is of
-- key: the department
-- answers: audited answers, or answered draws, it rests on
-- wrong: of them, those that were wrong
-- evidence: what the monitor had reached: settings audit.between_alarms or more stops; NULL where draws gave it back (ways_back)
-- run_id: the run that noticed
-- said_at: when
CREATE TABLE audit_words AS
SELECT seq, word, certificate_id, model_id, "key", answers, wrong, evidence, run_id, said_at FROM audit_words;
