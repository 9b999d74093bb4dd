-- One row per category id, as the newest taxonomy version that has it describes it.
-- category_id: the taxonomy's own id
-- parent_id: the category above it; NULL for a department
-- path: names from the root, joined by ' > '
-- name: the last name of the path
-- level: depth, 1 for a department
-- is_leaf: true when the category has none below it
-- assignable: whether products may stand there
-- scope_note: what the taxonomy's author says belongs there; NULL where nothing
-- retired: true when the newest version no longer has it
-- level_*: name at that level of the path, 1 for the department; NULL below the category
CREATE OR REPLACE VIEW category_nodes AS
WITH versions AS (SELECT taxonomy_version, max(seq) AS seq FROM taxonomies GROUP BY taxonomy_version)
SELECT
    c.category_id, c.parent_id, c.path, c.name, c.level, c.is_leaf, c.assignable, c.scope_note,
    v.seq < (SELECT max(seq) FROM versions) AS retired,
    level(c.path, 1) AS level_1
FROM categories c JOIN versions v USING (taxonomy_version)
QUALIFY row_number() OVER (PARTITION BY c.category_id ORDER BY v.seq DESC) = 1;
