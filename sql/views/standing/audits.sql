-- One row per placement that the audit asked about, as it looked then.
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- input_hash: the content that was judged
-- outcome: placed or placed_at_parent, as it stood when first answered; carried where it stood as its look-alikes were decided
-- placed_id: where it stood
-- department: the department of that place
-- model_id: the model that served
-- policy_id: the policy it stood under
-- certificate_id: the certificate of that policy
-- run_id: the run that placed it
-- brand: as delivered with what was judged; NULL where none was
-- result: right, wrong (two reviewers say so), or open (one does, and a second has not looked yet)
-- first_seq: the first answer's place among all answers to audits
-- asked_at: when the first answer came
-- settled_at: when the result stood; NULL while open
CREATE OR REPLACE VIEW audits AS
WITH heard AS (
    SELECT a.* FROM audit_answers a ANTI JOIN withdrawn_answers USING (vendor, item_id, who, source, decided_at)
    -- the last word of each reviewer: nobody is their own second reviewer, unless nobody said who they are
    QUALIFY a.who = 'reviewer' OR row_number() OVER (PARTITION BY vendor, item_id, input_hash, who ORDER BY seq DESC) = 1
),
looks AS (
    SELECT
        vendor, item_id, input_hash, list({agrees: agrees, moment: decided_at} ORDER BY seq) AS said, min(seq) AS first_seq,
        min_by(outcome, seq) AS outcome, min_by(placed_id, seq) AS placed_id, min_by(department, seq) AS department,
        min_by(model_id, seq) AS model_id, min_by(policy_id, seq) AS policy_id
    FROM heard GROUP BY ALL
),
placed_in AS (
    SELECT vendor, item_id, input_hash, max_by(run_id, seq) AS run_id
    FROM routes SEMI JOIN looks USING (vendor, item_id, input_hash)
    WHERE outcome IN ('placed', 'placed_at_parent') AND decided_by IN ('model', 'look_alike') GROUP BY ALL
),
-- The brand is part of the content that decides: all versions of one content have the same.
branded AS (
    SELECT vendor, item_id, input_hash, any_value(brand) AS brand
    FROM items SEMI JOIN looks USING (vendor, item_id, input_hash) GROUP BY ALL
),
certified AS (SELECT policy_id, max_by(certificate_id, seq) AS certificate_id FROM policies GROUP BY policy_id)
SELECT
    l.vendor, l.item_id, l.input_hash, l.outcome, l.placed_id, l.department, l.model_id, l.policy_id, c.certificate_id, p.run_id, b.brand,
    CASE
        WHEN said[1].agrees THEN 'right'
        WHEN len(said) = 1 THEN 'open'
        WHEN said[2].agrees THEN 'right'
        ELSE 'wrong'
    END AS result,
    l.first_seq, said[1].moment AS asked_at, CASE WHEN said[1].agrees THEN said[1].moment ELSE said[2].moment END AS settled_at
FROM looks l LEFT JOIN certified c USING (policy_id) LEFT JOIN placed_in p USING (vendor, item_id, input_hash)
LEFT JOIN branded b USING (vendor, item_id, input_hash);
