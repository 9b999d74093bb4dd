-- One row per vendor that should have delivered by now and has not.
-- vendor: who delivers
-- due_at: when its next file should have come
-- last_accepted_at: when its youngest accepted file came; NULL when none ever did
-- last_status: what became of its youngest file, if one came at all
-- live: its items, which stay as they were
CREATE OR REPLACE VIEW late_vendors AS
SELECT vendor, due_at, last_accepted_at, last_status, live FROM vendor_freshness WHERE late;
