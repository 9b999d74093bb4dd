-- One row per day, vendor and department: outcomes settled anew that day.
-- day: in UTC
-- vendor: who delivers
-- department: the department it stands in, or whose node was held to be safe; NULL where none was
-- placed: placed at a leaf by the model
-- placed_by_rule: placed where a rule of policy.toml says; not part of placed
-- placed_at_parent: placed at a certified parent
-- review: handed to a person, in no category
-- decided: settled by a person's or an imported label
-- promised: sum of what certificates promised for placed and placed_at_parent
-- covered: how many of those a certificate covers
CREATE OR REPLACE VIEW settled_counts AS
SELECT
    (r.routed_at AT TIME ZONE 'UTC')::DATE AS day, r.vendor, level(n.path, 1) AS department,
    count(*) FILTER (r.outcome = 'placed' AND r.decided_by IS DISTINCT FROM 'rule') AS placed,
    count(*) FILTER (r.outcome = 'placed' AND r.decided_by = 'rule') AS placed_by_rule,
    count(*) FILTER (r.outcome = 'placed_at_parent') AS placed_at_parent,
    count(*) FILTER (r.outcome = 'review') AS review,
    count(*) FILTER (r.outcome = 'decided') AS decided,
    sum(r.certified_precision) FILTER (r.outcome IN ('placed', 'placed_at_parent')) AS promised,
    count(r.certified_precision) FILTER (r.outcome IN ('placed', 'placed_at_parent')) AS covered
FROM routes r LEFT JOIN category_nodes n ON n.category_id = coalesce(r.category_id, r.parent_id)
GROUP BY ALL;
