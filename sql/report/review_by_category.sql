-- One row per category that the most answers are needed for, by the likeliest leaf of what waits.
SELECT
    coalesce(n.path, 'no proposal') AS category,
    count(*) FILTER (b.group_size = 1) + count(DISTINCT CASE WHEN b.group_size > 1 THEN b.group_id END) AS answers, count(*) AS items,
    min(b.queued_at) AS oldest
FROM backlog b LEFT JOIN category_nodes n ON n.category_id = b.candidates[1]
GROUP BY n.path ORDER BY answers DESC, items DESC, category LIMIT 12;
