-- One row per certificate, outcome and department whose placements were audited: how right they are, live.
-- certificate_id: the certificate that promised
-- model_id: the model it is of
-- outcome: placed (at a leaf), placed_at_parent, or carried (placed as look-alikes were decided); the certificate promises each apart
-- department: the department's id
-- path: its path
-- target: the share of right placements that was promised
-- answers: audited placements that are settled
-- wrong: of them, those two reviewers found wrong
-- open: answered against the placement once, waiting for a second reviewer
-- precision: 1 - wrong / answers
-- low: lower end of its 95% interval (Wilson), for one look; the nightly monitor allows for looking every night
-- high: upper end of it
-- stopped_at: when the audit stopped the department's automation; NULL while it runs or once it is given back
-- first_at: when the first answer came
-- last_at: when the last result stood
CREATE OR REPLACE VIEW audited_precision AS
WITH counted AS (
    SELECT
        certificate_id, any_value(model_id) AS model_id, outcome, department, count(*) FILTER (result <> 'open') AS answers,
        count(*) FILTER (result = 'wrong') AS wrong, count(*) FILTER (result = 'open') AS open, min(asked_at) AS first_at,
        max(settled_at) AS last_at
    FROM audits GROUP BY ALL
),
words AS (
    SELECT certificate_id, "key" AS department, max_by(CASE WHEN word = 'stopped' THEN said_at END, seq) AS stopped_at
    FROM audit_words GROUP BY ALL
)
SELECT
    c.certificate_id, c.model_id, c.outcome, c.department, n.path, t.target, c.answers, c.wrong, c.open,
    share(c.answers - c.wrong, c.answers) AS precision, share_low(c.answers - c.wrong, c.answers) AS low,
    share_high(c.answers - c.wrong, c.answers) AS high, w.stopped_at, c.first_at, c.last_at
FROM counted c
LEFT JOIN certificates t USING (certificate_id)
LEFT JOIN category_nodes n ON n.category_id = c.department
LEFT JOIN words w USING (certificate_id, department);
