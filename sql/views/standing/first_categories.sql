-- One row per item ever read: when it was first seen and when it first had a category.
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- first_seen_at: when its first version was read
-- first_category_at: when it first stood in a category; NULL when it never did
CREATE OR REPLACE VIEW first_categories AS
WITH seen AS (SELECT vendor, item_id, min(created_at) AS first_seen_at FROM items GROUP BY vendor, item_id),
settled AS (
    SELECT vendor, item_id, min(routed_at) AS first_category_at FROM routes
    WHERE has_category(outcome) AND category_id IS NOT NULL GROUP BY vendor, item_id
)
SELECT vendor, item_id, s.first_seen_at, r.first_category_at FROM seen s LEFT JOIN settled r USING (vendor, item_id);
