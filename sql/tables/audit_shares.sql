-- One row each time the share of a department's new placements that is audited changed, to see a fall in time.
-- seq: counts them
-- department: the department
-- share: of its new placements, audited from this night on; settings routing.audit_share at least, audit.most_share at most
-- placed: new placements a night, as they came lately
-- needed: audits a night that would see a fall of audit.see_fall within audit.see_nights nights
-- run_id: the night
-- set_at: when
CREATE TABLE audit_shares AS
SELECT seq, department, share, placed, needed, run_id, set_at FROM audit_shares;
