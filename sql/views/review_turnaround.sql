-- One row per day and vendor whose waiting items were answered: how long they had waited for it.
-- day: on which the answers were taken in, in UTC
-- vendor: whose items they were
-- items: items a reviewer settled that day, those settled by the answer to a look-alike included
-- p50_hours: half of them had waited no longer than this
-- p95_hours: all but a twentieth had waited no longer than this
-- longest_hours: none had waited longer than this
CREATE OR REPLACE VIEW review_turnaround AS
SELECT
    (answered_at AT TIME ZONE 'UTC')::DATE AS day, vendor, count(*) AS items, quantile_disc(hours, 0.5) AS p50_hours,
    quantile_disc(hours, 0.95) AS p95_hours, max(hours) AS longest_hours
FROM review_waits GROUP BY ALL;
