-- One row per category that live items stand in, at it or below it.
-- category_id: the category
-- path: names from the root, joined by ' > '
-- level: depth, 1 for a department
-- is_leaf: true when the category has none below it
-- items: live items that stand at this very category
-- items_below: live items that stand at it or anywhere below it
CREATE OR REPLACE VIEW category_counts AS
WITH RECURSIVE standing AS (SELECT category_id, count(*) AS items FROM placements GROUP BY category_id),
counted AS (
    SELECT n.category_id, n.parent_id, s.items, true AS here FROM standing s JOIN category_nodes n USING (category_id)
    UNION ALL
    SELECT n.category_id, n.parent_id, c.items, false FROM counted c JOIN category_nodes n ON n.category_id = c.parent_id
)
SELECT
    n.category_id, n.path, n.level, n.is_leaf, coalesce(sum(c.items) FILTER (c.here), 0)::BIGINT AS items,
    sum(c.items)::BIGINT AS items_below
FROM counted c JOIN category_nodes n USING (category_id)
GROUP BY n.category_id, n.path, n.level, n.is_leaf;
