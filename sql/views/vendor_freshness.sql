-- One row per vendor that ever delivered, or should have: how current its items are.
-- vendor: who delivers
-- live: items of this vendor that are live
-- last_accepted_at: when its youngest accepted file came
-- last_received_at: when its youngest file came, whatever became of it
-- last_status: accepted, refused, held, repeated or undone
-- last_reason: why the youngest file was refused or held, as one code
-- due_at: when the next file must have come; NULL where the mapping says no expected_every
-- late: true when none came in time; one that was refused or held does not count, one that repeats the last one does
-- stale: true when a file that came after its youngest good one was held, refused or taken back, so that older items stand
-- stale_since: when the first of these files came; NULL where there is none
-- stale_delivery: the youngest of them, as catalog feeds list names it
CREATE OR REPLACE VIEW vendor_freshness AS
WITH live AS (SELECT vendor, count(*) AS live FROM live_items GROUP BY vendor)
SELECT
    d.vendor, coalesce(l.live, 0) AS live, d.last_accepted_at, d.last_received_at, d.last_status, d.last_reason, d.due_at,
    d.late, d.stale, d.stale_since, d.stale_delivery
FROM vendor_deadlines d LEFT JOIN live l USING (vendor);
