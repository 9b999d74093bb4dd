-- One row per answer to an item that the model had placed and that was drawn for the audit. outcome, placed_id, department,
-- model_id, policy_id: its standing route when the answer came. agrees: whether the answer confirms the placement. who, source,
-- decided_at name the decision it is.
CREATE TABLE audit_answers (
    seq BIGINT, decision_id VARCHAR, vendor VARCHAR, item_id VARCHAR, input_hash VARCHAR, outcome VARCHAR, placed_id VARCHAR,
    department VARCHAR, model_id VARCHAR, policy_id VARCHAR, agrees BOOLEAN, who VARCHAR, source VARCHAR, run_id VARCHAR,
    decided_at TIMESTAMPTZ
);

-- One row each time the automation of a department was stopped by its audit, or given back after random draws from it
-- passed. word: stopped or released. answers, wrong: audited answers (or draws) it rests on. evidence: what was reached.
CREATE TABLE audit_words (
    seq BIGINT, word VARCHAR, certificate_id VARCHAR, model_id VARCHAR, key VARCHAR, answers BIGINT, wrong BIGINT,
    evidence DOUBLE, run_id VARCHAR, said_at TIMESTAMPTZ
);

-- One row per step of an unattended training. step: begun, trained or ended; outcome, of the last: promoted, refused,
-- unchanged or failed. sentence: why.
CREATE TABLE retrainings (
    seq BIGINT, retraining_id VARCHAR, step VARCHAR, model_id VARCHAR, outcome VARCHAR, sentence VARCHAR, run_id VARCHAR,
    said_at TIMESTAMPTZ
);
