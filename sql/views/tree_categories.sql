-- One row per other tree and category of ours: where its items go there, by today's map of that tree.
-- tree: the other tree's name, e.g. google
-- category_id: the category of ours
-- path: its path
-- is_leaf: true when the category has none below it
-- retired: true when the newest version of our hierarchy no longer has it
-- target_id: the id in the other tree; NULL where the map gives a path alone, or nothing
-- target_path: the path in the other tree; NULL where the map gives an id alone, or nothing
-- mapped: own where the map names the category, above where it names one above it, NULL where it names neither
-- mapped_at: the category of ours that the map names; NULL for none
-- map_version: today's version of that tree's map
CREATE OR REPLACE VIEW tree_categories AS
WITH RECURSIVE today AS (
    SELECT tree, map_version FROM tree_maps QUALIFY row_number() OVER (PARTITION BY tree ORDER BY seq DESC) = 1
),
above AS (
    SELECT category_id, category_id AS top, 0 AS steps FROM category_nodes
    UNION ALL
    SELECT a.category_id, n.parent_id, a.steps + 1 FROM above a JOIN category_nodes n ON n.category_id = a.top
    WHERE n.parent_id IS NOT NULL
),
nearest AS (
    SELECT t.tree, a.category_id, min_by(a.top, a.steps) AS mapped_at
    FROM today t JOIN tree_map_rows m USING (tree, map_version) JOIN above a ON a.top = m.category_id
    GROUP BY t.tree, a.category_id
)
SELECT
    t.tree, n.category_id, n.path, n.is_leaf, n.retired, m.target_id, m.target_path,
    CASE WHEN f.mapped_at = n.category_id THEN 'own' WHEN f.mapped_at IS NOT NULL THEN 'above' END AS mapped, f.mapped_at,
    t.map_version
FROM today t
CROSS JOIN category_nodes n
LEFT JOIN nearest f ON f.tree = t.tree AND f.category_id = n.category_id
LEFT JOIN tree_map_rows m ON m.tree = t.tree AND m.map_version = t.map_version AND m.category_id = f.mapped_at;
