-- One row per run that took something, the last sixty: what was settled without a person, of the rows nobody had decided.
SELECT
    s.run_id, l.started_at, sum(s.placed)::BIGINT AS placed, sum(s.placed_at_parent)::BIGINT AS placed_at_parent,
    sum(s.review)::BIGINT AS review, share(sum(s.placed), sum(s.placed + s.placed_at_parent + s.review)) AS automation
FROM run_summary s JOIN run_log l USING (run_id)
WHERE s.run_id <= $run_id
GROUP BY s.run_id, l.started_at HAVING sum(s.placed + s.placed_at_parent + s.review) > 0
ORDER BY s.run_id DESC LIMIT 60;
