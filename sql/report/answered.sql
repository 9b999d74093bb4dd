-- One row: what reviewers settled in the seven days before this run ended, and how long it had waited.
SELECT
    count(*) AS items, quantile_disc(hours, 0.5) AS p50_hours, quantile_disc(hours, 0.95) AS p95_hours,
    max(hours) AS longest_hours
FROM review_waits JOIN run_log r ON r.run_id = $run_id
WHERE answered_at > r.started_at - INTERVAL 7 DAY AND answered_at <= coalesce(r.ended_at, now());
