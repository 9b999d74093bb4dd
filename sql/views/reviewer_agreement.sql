-- One row per reviewer who gave a name: how often others who answered for the same content said the same.
-- who: as in decisions
-- answers: contents this reviewer answered for, look-alikes settled by such an answer not counted
-- compared: pairs of such an answer and another reviewer's for the same content; those without an opinion are in none
-- agreed: of these pairs, those of the same verdict and category, in today's hierarchy
-- agreement: agreed as a share of compared
-- low: lower end of its interval of 95%; pairs of one content are not independent, so with three reviewers it is wider
-- high: upper end of it
-- checked: placements of the model that this reviewer checked for the audit
-- against: of these, those found wrong
-- overruled: of those found wrong, those a second reviewer found right
CREATE OR REPLACE VIEW reviewer_agreement AS
WITH own AS (
    SELECT d.who, d.vendor, d.item_id, d.input_hash, d.verdict, coalesce(n.now_id, d.category_id) AS category_id
    FROM decisions d
    ANTI JOIN withdrawn_answers USING (vendor, item_id, who, source, decided_at)
    LEFT JOIN category_now n USING (taxonomy_version, category_id)
    -- a conflict is marked by the program, not answered by anybody; who gave no name may be any of the others
    WHERE d.source = 'review' AND d.verdict <> 'skip' AND d.group_token IS NULL
        AND d.who NOT IN ('adjudication', 'reviewer')
    QUALIFY row_number() OVER (PARTITION BY d.who, d.vendor, d.item_id, d.input_hash ORDER BY d.seq DESC) = 1
),
reviewers AS (SELECT who, count(*) AS answers FROM own GROUP BY who),
pairs AS (
    SELECT
        o.who, count(*) AS compared,
        count(*) FILTER (o.verdict = a.verdict AND o.category_id IS NOT DISTINCT FROM a.category_id) AS agreed
    FROM own o JOIN own a USING (vendor, item_id, input_hash)
    WHERE a.who <> o.who AND o.verdict <> 'unsure' AND a.verdict <> 'unsure'
    GROUP BY o.who
),
checks AS (
    SELECT
        a.who, count(*) AS checked, count(*) FILTER (NOT a.agrees) AS against,
        count(*) FILTER (NOT a.agrees AND t.result = 'right') AS overruled
    FROM audit_answers a
    ANTI JOIN withdrawn_answers USING (vendor, item_id, who, source, decided_at)
    JOIN audits t USING (vendor, item_id, input_hash)
    GROUP BY a.who
)
SELECT
    who, r.answers, coalesce(p.compared, 0) AS compared, coalesce(p.agreed, 0) AS agreed,
    share(p.agreed, p.compared) AS agreement, share_low(p.agreed, p.compared) AS low,
    share_high(p.agreed, p.compared) AS high, coalesce(c.checked, 0) AS checked, coalesce(c.against, 0) AS against,
    coalesce(c.overruled, 0) AS overruled
FROM reviewers r LEFT JOIN pairs p USING (who) LEFT JOIN checks c USING (who);
