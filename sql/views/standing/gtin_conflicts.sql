-- One row per GTIN whose live items stand apart: in categories of which one is not above the other.
-- gtin: the number as delivered
-- items: live items that carry it
-- categories: distinct categories they stand in
-- vendors: vendors that deliver it
-- paths: those categories
-- examples: the items, as vendor/item_id, ten at most
CREATE OR REPLACE VIEW gtin_conflicts AS
-- Names are gathered for these alone: hardly any GTIN stands in two categories.
WITH shared AS (  -- most GTINs are one item's: numbers tell those faster than texts
    SELECT hash(gtin) AS hashed FROM placements WHERE gtin <> '' GROUP BY hashed HAVING count(*) > 1
),
torn AS (
    SELECT gtin FROM placements WHERE gtin <> '' AND hash(gtin) IN (SELECT hashed FROM shared)
    GROUP BY gtin HAVING min(category_id) <> max(category_id)
)
SELECT
    p.gtin, count(*) AS items, count(DISTINCT p.category_id) AS categories,
    list_sort(list(DISTINCT p.vendor)) AS vendors,
    list_sort(list(DISTINCT coalesce(n.path, p.category_id))) AS paths,
    list_sort(list(p.vendor || '/' || p.item_id))[:10] AS examples
FROM placements p SEMI JOIN torn USING (gtin) LEFT JOIN category_nodes n USING (category_id)
GROUP BY p.gtin HAVING NOT on_one_branch(paths);
