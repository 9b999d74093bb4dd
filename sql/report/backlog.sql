-- One row per run that published, the last sixty: how much waited for a person then, and how long it had waited.
SELECT run_id, published_at, waiting, answers, median_hours, oldest_hours
FROM backlog_by_run WHERE run_id <= $run_id
ORDER BY run_id DESC LIMIT 60;
