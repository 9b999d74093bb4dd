-- One row per vendor or department whose automation is suspended now.
-- kind: vendor or department
-- key: the vendor, or the department's id
-- cause: what changed since the certificate was earned
-- items: live items concerned when it was suspended
-- ends: what ends the suspension
-- suspended_at: when it was suspended
CREATE OR REPLACE VIEW suspended AS
SELECT kind, key, cause, items, ends, suspended_at
FROM suspensions
WHERE policy_id = (SELECT policy_id FROM serving)
QUALIFY row_number() OVER (PARTITION BY kind, key ORDER BY suspended_at DESC) = 1;
