-- One row per category of each imported taxonomy version: where it is in the newest one.
-- taxonomy_version: the version
-- category_id: its id in that version
-- now_id: its id in the newest version; NULL when it was removed or split, and what stood at it needs a person
-- kind: same while nothing happened to it, else what happened last: renamed, moved, merged, split or removed
-- reason: why, as the map of the newer version says
-- parts: the ids it was split into
CREATE OR REPLACE VIEW category_now AS
WITH RECURSIVE versions AS (SELECT taxonomy_version, max(seq) AS seq FROM taxonomies GROUP BY taxonomy_version),
steps AS (
    SELECT
        import_seq AS seq, old_id, CASE WHEN count(*) = 1 THEN min(new_id) END AS new_id, any_value(kind) AS kind,
        any_value(reason) AS reason, list_sort(list(new_id) FILTER (new_id IS NOT NULL)) AS parts
    FROM category_map GROUP BY import_seq, old_id
),
walk AS (
    SELECT
        v.taxonomy_version, c.category_id, v.seq, c.category_id AS now_id, 'same' AS kind, NULL::VARCHAR AS reason,
        c.path AS last_path, []::VARCHAR[] AS parts
    FROM categories c JOIN versions v USING (taxonomy_version)
    UNION ALL
    SELECT
        w.taxonomy_version, w.category_id, t.seq, CASE WHEN s.old_id IS NULL THEN c.category_id ELSE s.new_id END,
        CASE
            WHEN s.old_id IS NULL AND c.category_id IS NULL THEN 'removed'
            WHEN s.old_id IS NULL OR s.kind = 'same' THEN w.kind
            ELSE s.kind
        END,
        coalesce(s.reason, w.reason), coalesce(c.path, w.last_path), coalesce(s.parts, [])
    FROM walk w
    JOIN taxonomies t ON t.seq = w.seq + 1
    LEFT JOIN steps s ON s.seq = t.seq AND s.old_id = w.now_id
    LEFT JOIN categories c ON c.taxonomy_version = t.taxonomy_version AND c.category_id = coalesce(s.new_id, w.now_id)
    WHERE w.now_id IS NOT NULL
)
SELECT taxonomy_version, category_id, now_id, kind, reason, parts
FROM walk
QUALIFY row_number() OVER (PARTITION BY taxonomy_version, category_id ORDER BY seq DESC) = 1;
