-- One row per day, vendor, department, category and brand: outcomes settled anew that day.
-- day: in UTC
-- vendor: who delivers
-- department: the department it stands in, or whose node was held to be safe; NULL where none was
-- category_id: where it stands; of what waits for a person, the likeliest leaf, below the parent it stands at if any;
--   NULL where nothing was predicted
-- brand: as delivered with what was settled; NULL where none was
-- placed: placed at a leaf, by the model or as look-alikes were decided
-- placed_by_rule: placed where a rule of policy.toml says; not part of placed
-- placed_at_parent: placed at a certified parent
-- review: handed to a person, in no category
-- decided: settled by a person's or an imported label
-- promised: sum of what certificates promised for placed and placed_at_parent
-- covered: how many of those a certificate covers
CREATE OR REPLACE VIEW settled_by_brand AS
WITH settled AS (
    SELECT
        (r.routed_at AT TIME ZONE 'UTC')::DATE AS day, r.vendor, r.item_id, r.row_hash, level(n.path, 1) AS department,
        coalesce(r.category_id, r.parent_id) AS category_id, r.outcome, r.decided_by, r.certified_precision
    FROM routes r LEFT JOIN category_nodes n ON n.category_id = coalesce(r.category_id, r.parent_id)
    WHERE NOT awaits_person(r.outcome)
    UNION ALL
    SELECT
        (r.routed_at AT TIME ZONE 'UTC')::DATE, r.vendor, r.item_id, r.row_hash, level(n.path, 1),
        CASE
            WHEN r.category_id IS NULL THEN coalesce(p.leaf_id, r.parent_id)
            WHEN is_under(leaf.path, n.path) THEN p.leaf_id
            ELSE r.category_id
        END, r.outcome, r.decided_by, r.certified_precision
    FROM routes r
    LEFT JOIN predictions p USING (input_hash, model_id)
    LEFT JOIN category_nodes n ON n.category_id = coalesce(r.category_id, r.parent_id)
    LEFT JOIN category_nodes leaf ON leaf.category_id = p.leaf_id
    WHERE awaits_person(r.outcome)
)
SELECT
    s.day, s.vendor, s.department, s.category_id, i.brand,
    count(*) FILTER (outcome = 'placed' AND decided_by IS DISTINCT FROM 'rule') AS placed,
    count(*) FILTER (outcome = 'placed' AND decided_by = 'rule') AS placed_by_rule,
    count(*) FILTER (outcome = 'placed_at_parent') AS placed_at_parent,
    count(*) FILTER (outcome = 'review') AS review,
    count(*) FILTER (outcome = 'decided') AS decided,
    -- exact: sums of sums must not hang on the order they are added in
    sum(certified_precision::DECIMAL(18, 9)) FILTER (outcome IN ('placed', 'placed_at_parent')) AS promised,
    count(certified_precision) FILTER (outcome IN ('placed', 'placed_at_parent')) AS covered
FROM settled s LEFT JOIN items i USING (vendor, item_id, row_hash)
GROUP BY ALL;
