-- One row per vendor and category of theirs, or one above it: what it means here, as last learned and as people said.
-- vendor: who delivers
-- vendor_category: the vendor's own category, levels joined by ' > '
-- level: its depth in the vendor's own path
-- category_id: our category: what a person said, else the learned one
-- learned_id: the deepest category that nearly all of its products stand in or below
-- items: decided products of it, look-alikes of one product counted once
-- right_items: those that stand in the learned category or below it
-- lower_bound: the least their share is, said with 95% confidence
-- sources: where those decisions came from: label, review or correction
-- said_by: who said what it means, as in decisions.who; NULL where nobody did
-- said_at: when
CREATE OR REPLACE VIEW vendor_category_counts AS
WITH learned AS (
    SELECT * FROM vendor_category_learned
    WHERE seq = (SELECT max(seq) FROM vendor_category_learned)
),
said AS (
    SELECT
        s.vendor, s.vendor_category, s.who, s.said_at,
        coalesce(n.now_id, s.category_id) AS category_id
    FROM vendor_category_said s
    LEFT JOIN category_now n ON n.taxonomy_version = s.taxonomy_version AND n.category_id = s.category_id
    QUALIFY row_number() OVER (PARTITION BY s.vendor, s.vendor_category ORDER BY s.seq DESC) = 1
)
SELECT
    coalesce(l.vendor, s.vendor) AS vendor, coalesce(l.vendor_category, s.vendor_category) AS vendor_category,
    coalesce(l.level, len(string_split(s.vendor_category, ' > '))) AS level,
    CASE WHEN s.who IS NULL THEN l.category_id ELSE s.category_id END AS category_id, l.category_id AS learned_id,
    l.items, l.right_items, l.lower_bound, l.sources, s.who AS said_by, s.said_at
FROM learned l FULL JOIN said s ON s.vendor = l.vendor AND s.vendor_category = l.vendor_category;
