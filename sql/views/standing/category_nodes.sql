-- One row per category id, as the newest taxonomy version that has it describes it.
-- retired: true when the newest version no longer has it
CREATE OR REPLACE VIEW category_nodes AS
WITH versions AS (SELECT taxonomy_version, max(seq) AS seq FROM taxonomies GROUP BY taxonomy_version)
SELECT
    c.category_id, c.parent_id, c.path, c.name, c.level, c.is_leaf, c.assignable, c.scope_note,
    v.seq < (SELECT max(seq) FROM versions) AS retired,
    level_name(c.path, 1) AS level_1
FROM categories c JOIN versions v USING (taxonomy_version)
QUALIFY row_number() OVER (PARTITION BY c.category_id ORDER BY v.seq DESC) = 1;
