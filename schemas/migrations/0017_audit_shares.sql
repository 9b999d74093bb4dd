-- Of each department the share of new placements that is audited, one row each time it changes.
-- placed: new placements a night, as they came lately. needed: audits a night that would see the fall in time.
CREATE TABLE audit_shares (
    seq BIGINT, department VARCHAR, share DOUBLE, placed DOUBLE, needed DOUBLE, run_id VARCHAR, set_at TIMESTAMPTZ
);
