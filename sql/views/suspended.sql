-- One row per vendor or department whose automation is suspended now, and one where decisions are not carried to look-alikes any more.
-- kind: vendor, department or look-alikes
-- key: the vendor, or the department's id; carried
-- name: the vendor, or the department's path
-- cause: what changed since the certificate was earned
-- items: live items concerned when it was suspended
-- ends: what ends the suspension
-- suspended_at: when it was suspended
-- answers: random draws from it answered since; NULL where no draws can bring it back
-- wrong: of them, those the model would have placed wrongly
-- next_at: answers that the next test takes
-- waiting: draws that nobody has answered yet
-- missing: what it still lacks, in words
CREATE OR REPLACE VIEW suspended AS
WITH now_suspended AS (
    SELECT * FROM suspensions
    WHERE policy_id = (SELECT policy_id FROM serving)
    QUALIFY row_number() OVER (PARTITION BY kind, key ORDER BY suspended_at DESC) = 1
),
way AS (
    SELECT * FROM ways_back
    WHERE certificate_id = (SELECT certificate_id FROM serving)
    QUALIFY row_number() OVER (PARTITION BY kind, key ORDER BY seq DESC) = 1
)
SELECT
    s.kind, s.key,
    CASE s.kind
        WHEN 'vendor' THEN s.key
        WHEN 'look-alikes' THEN '(decisions that carry)'
        ELSE coalesce(c.path, s.key)
    END AS name,
    s.cause, s.items, s.ends, s.suspended_at, w.answers, w.wrong, w.next_at, w.waiting,
    coalesce(w.sentence, 'Stopped on ' || strftime(s.suspended_at, '%Y-%m-%d')
        || ': answers alone do not bring it back, a model that is trained and certified now does (catalog train).') AS missing
FROM now_suspended s
LEFT JOIN way w ON w.kind = s.kind AND w.key = s.key AND w.threshold IS NULL
LEFT JOIN category_nodes c ON s.kind = 'department' AND c.category_id = s.key;
