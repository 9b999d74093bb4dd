-- One row per vendor and reason for which its items wait for a person: how long they have waited by now.
-- vendor: who delivers
-- reason: as one code
-- items: live items that wait
-- decisions: answers that settle them all, for one settles a group of look-alikes
-- oldest: when the first of them began to wait
-- p50_days: half of them have waited no longer than this, in whole days
-- p95_days: all but a twentieth have waited no longer than this, in whole days
-- under_a_day: items that have waited less than a day
-- under_a_week: items that have waited a day or more, less than seven
-- under_a_month: items that have waited seven days or more, less than thirty
-- longer: items that have waited thirty days or more
CREATE OR REPLACE VIEW review_age AS
WITH waiting AS (
    SELECT *, floor((epoch(now()) - epoch(queued_at)) / 86400)::BIGINT AS days FROM backlog
)
SELECT
    vendor, coalesce(reason, 'unknown') AS reason, count(*) AS items,
    count(*) FILTER (group_size = 1) + count(DISTINCT CASE WHEN group_size > 1 THEN group_id END) AS decisions, min(queued_at) AS oldest,
    quantile_disc(days, 0.5) AS p50_days, quantile_disc(days, 0.95) AS p95_days,
    count(*) FILTER (days < 1) AS under_a_day, count(*) FILTER (days >= 1 AND days < 7) AS under_a_week,
    count(*) FILTER (days >= 7 AND days < 30) AS under_a_month, count(*) FILTER (days >= 30) AS longer
FROM waiting GROUP BY vendor, reason;
