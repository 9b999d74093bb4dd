-- One row per vendor or department whose automation a policy suspends; the view suspended has those of today.
-- policy_id: the policy
-- certificate_id: the certificate whose ground was lost
-- kind: vendor or department
-- key: the vendor, or the department's id
-- cause: what changed since the certificate was earned
-- items: live items concerned when it was suspended
-- ends: what ends the suspension
-- run_id: the run that suspended it
-- suspended_at: when
CREATE TABLE suspensions AS
SELECT policy_id, certificate_id, kind, key, cause, items, ends, run_id, suspended_at
FROM suspensions;
