-- One row each time something changed in how far a stopped vendor or department is on its way back to automation. ground: what
-- stopped it (the hash of its tree or mapping, or the audit's word). since: when it was noticed. draw_share: of what would be
-- placed there, drawn at random. attempts, answers, wrong, next_at: tests made, draws answered, wrong among them, answers that
-- the next test takes. waiting: draws that nobody answered yet. threshold: log-odds from which it is placed again; NULL while
-- it is stopped.
CREATE TABLE ways_back (
    seq BIGINT, certificate_id VARCHAR, model_id VARCHAR, kind VARCHAR, key VARCHAR, ground VARCHAR, since TIMESTAMPTZ,
    draw_share DOUBLE, attempts BIGINT, answers BIGINT, wrong BIGINT, next_at BIGINT, waiting BIGINT, threshold DOUBLE,
    sentence VARCHAR, run_id VARCHAR, said_at TIMESTAMPTZ
);
