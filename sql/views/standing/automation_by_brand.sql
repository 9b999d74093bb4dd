-- One row per vendor, department and brand with live items: how they stand today.
-- vendor: who delivers
-- department: the department it stands in, or whose node was held to be safe; NULL where none was
-- brand: as delivered; NULL where none was
-- items: live items
-- placed: stand at a leaf, by the model or as look-alikes were decided
-- placed_by_rule: stand where a rule of policy.toml put them; not part of placed
-- placed_at_parent: stand at a certified parent and wait for their leaf
-- review: wait for a person, in no category
-- decided: a person's or an imported label stands
-- automation: placed as a share of placed, placed_at_parent and review
-- certified_precision: mean of what certificates promised for what the model placed; NULL where none covers any
-- covered: placed and placed_at_parent under a certificate, for weighing certified_precision over several rows
CREATE OR REPLACE VIEW automation_by_brand AS
WITH standing AS (
    SELECT
        l.vendor, level(n.path, 1) AS department, i.brand, r.outcome, r.decided_by,
        CASE WHEN r.outcome IN ('placed', 'placed_at_parent') THEN r.certified_precision END AS promised
    FROM live_items l
    JOIN items i USING (vendor, item_id, row_hash)
    LEFT JOIN standing_routes r USING (vendor, item_id)
    LEFT JOIN category_nodes n ON n.category_id = coalesce(r.category_id, r.parent_id)
)
SELECT
    vendor, department, brand, count(*) AS items,
    count(*) FILTER (outcome = 'placed' AND decided_by IS DISTINCT FROM 'rule') AS placed,
    count(*) FILTER (outcome = 'placed' AND decided_by = 'rule') AS placed_by_rule,
    count(*) FILTER (outcome = 'placed_at_parent') AS placed_at_parent,
    count(*) FILTER (outcome = 'review') AS review,
    count(*) FILTER (outcome = 'decided') AS decided,
    share(
        count(*) FILTER (outcome = 'placed' AND decided_by IS DISTINCT FROM 'rule'),
        count(*) FILTER (outcome IN ('placed', 'placed_at_parent', 'review'))
    ) AS automation,
    avg(promised) AS certified_precision, count(promised) AS covered
FROM standing GROUP BY vendor, department, brand;
