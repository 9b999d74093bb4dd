-- One row per vendor and department a certificate rests on. hash: how the vendor's file is read, the department's tree.
CREATE TABLE grounds (certificate_id VARCHAR, kind VARCHAR, key VARCHAR, hash VARCHAR);

-- One row per ground lost under a policy: whose automation is suspended, why, how many live items that concerns, what
-- ends it.
CREATE TABLE suspensions (
    policy_id VARCHAR, certificate_id VARCHAR, kind VARCHAR, key VARCHAR, cause VARCHAR, items BIGINT, ends VARCHAR,
    run_id VARCHAR, suspended_at TIMESTAMPTZ
);
