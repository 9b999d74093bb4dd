-- One row per vendor that ever delivered, or should have: when its last files came and its next is due, without a look at its
-- items; vendor_freshness counts these too.
-- vendor: who delivers
-- last_accepted_at: when its youngest accepted file came
-- last_received_at: when its youngest file came, whatever became of it
-- last_status: accepted, refused, held, repeated or undone
-- last_reason: why the youngest file was refused or held, as one code
-- due_at: when the next file must have come; NULL where the mapping says no expected_every
-- late: true when none came in time; one that was refused or held does not count, one that repeats the last one does
-- stale: true when a file that came after its youngest good one was held, refused or taken back, so that older items stand
-- stale_since: when the first of these files came; NULL where there is none
-- stale_delivery: the youngest of them, as catalog feeds list names it
CREATE OR REPLACE VIEW vendor_deadlines AS
WITH files AS (
    SELECT
        vendor, max(received_at) FILTER (status = 'accepted') AS last_accepted_at,
        max(received_at) FILTER (status IN ('accepted', 'repeated')) AS last_good_at,
        max(received_at) AS last_received_at, arg_max(status, (received_at, delivery_no)) AS last_status,
        arg_max_null(reason, (received_at, delivery_no)) AS last_reason
    FROM delivery_runs WHERE kind IS DISTINCT FROM 'labels' GROUP BY vendor
),
kept_out AS (
    SELECT r.vendor, min(r.received_at) AS stale_since, arg_max(r.delivery_id, (r.received_at, r.delivery_no)) AS stale_delivery
    FROM delivery_runs r JOIN files f USING (vendor)
    WHERE r.kind IS DISTINCT FROM 'labels' AND r.status IN ('held', 'refused', 'undone')
        AND r.received_at > coalesce(f.last_good_at, '-infinity')
    GROUP BY r.vendor
),
known AS (SELECT vendor FROM files UNION SELECT vendor FROM vendor_schedules),
dated AS (
    -- a night that starts a little earlier than yesterday's must notice too: a twentieth of the time is let off
    SELECT *, coalesce(f.last_good_at, p.since) + to_seconds(p.seconds * 0.95) AS due_at
    FROM known LEFT JOIN files f USING (vendor) LEFT JOIN vendor_schedules p USING (vendor)
)
SELECT
    vendor, last_accepted_at, last_received_at, last_status, last_reason, due_at, coalesce(due_at < now(), false) AS late,
    stale_since IS NOT NULL AS stale, stale_since, stale_delivery
FROM dated LEFT JOIN kept_out USING (vendor);
