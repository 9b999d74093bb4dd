-- One row per nightly run, the youngest first.
SELECT
    l.run_id, l.started_at, l.status, count(s.vendor) AS vendors,
    coalesce(sum(s.rows_in), 0)::BIGINT AS rows_in, coalesce(sum(s.placed), 0)::BIGINT AS placed,
    coalesce(sum(s.placed_at_parent), 0)::BIGINT AS placed_at_parent, coalesce(sum(s.review), 0)::BIGINT AS review,
    coalesce(sum(s.decided), 0)::BIGINT AS decided, coalesce(sum(s.duplicate), 0)::BIGINT AS duplicate,
    coalesce(sum(s.quarantine), 0)::BIGINT AS quarantine,
    coalesce(sum(s.files_refused + s.files_held), 0)::BIGINT AS kept_out,
    share(sum(s.placed), sum(s.placed + s.placed_at_parent + s.review)) AS automation, any_value(b.waiting) AS waiting
FROM run_log l LEFT JOIN run_summary s USING (run_id) LEFT JOIN backlog_by_run b USING (run_id)
WHERE l.job = 'nightly'
GROUP BY l.run_id, l.started_at, l.status ORDER BY l.run_id DESC LIMIT 400;
