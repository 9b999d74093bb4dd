-- One row per department with items the model placed: what share of new placements is audited there, what the audit found
-- under the serving certificate, and how many answers it had lately. own_share: where audit.see_nights gave one; weekly: of
-- the four weeks before the run.
WITH standing AS (
    SELECT level_1 AS department, count(*) AS placed FROM current_category WHERE decided_by = 'model' GROUP BY ALL
),
departments AS (SELECT category_id, path FROM category_nodes WHERE level = 1),
own AS (SELECT department, arg_max(share, seq) AS share FROM audit_shares GROUP BY ALL),
audited AS (
    SELECT department, sum(answers)::BIGINT AS answers, sum(wrong)::BIGINT AS wrong, max(stopped_at) AS stopped_at
    FROM audited_precision WHERE certificate_id = (SELECT certificate_id FROM serving) GROUP BY ALL
),
lately AS (
    SELECT department, count(*) / 4 AS weekly
    FROM audits JOIN run_log r ON r.run_id = $run_id
    WHERE certificate_id = (SELECT certificate_id FROM serving) AND settled_at > r.started_at - INTERVAL 28 DAY
    GROUP BY ALL
)
SELECT
    s.department, s.placed,
    (SELECT (p.body ->> 'audit_share')::DOUBLE FROM policies p JOIN serving USING (policy_id) LIMIT 1) AS share,
    o.share AS own_share, coalesce(a.answers, 0) AS answers, coalesce(a.wrong, 0) AS wrong,
    coalesce(l.weekly, 0) AS weekly, a.stopped_at
FROM standing s
LEFT JOIN departments d ON d.path = s.department
LEFT JOIN own o ON o.department = d.category_id
LEFT JOIN audited a ON a.department = d.category_id
LEFT JOIN lately l ON l.department = d.category_id
ORDER BY s.placed DESC, s.department LIMIT 40;
