-- One row per category that the most answers are needed for, by the likeliest leaf of what waits.
SELECT
    coalesce(n.path, 'no proposal') AS category,
    count(DISTINCT coalesce(b.group_id, b.vendor || chr(31) || b.item_id)) AS answers, count(*) AS items,
    min(b.queued_at) AS oldest
FROM backlog b LEFT JOIN category_nodes n ON n.category_id = b.candidates[1]
GROUP BY n.path ORDER BY answers DESC, items DESC, category LIMIT 12;
