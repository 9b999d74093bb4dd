-- One row per day on which reviewers settled something, the last sixty up to this run: how long that had waited.
SELECT
    (answered_at AT TIME ZONE 'UTC')::DATE AS day, count(*) AS items, quantile_disc(hours, 0.5) AS p50_hours,
    quantile_disc(hours, 0.95) AS p95_hours
FROM review_waits JOIN run_log r ON r.run_id = $run_id
WHERE answered_at <= coalesce(r.ended_at, now())
GROUP BY day ORDER BY day DESC LIMIT 60;
