-- One row per product whose live items do not stand together: decided or placed in different categories, or one GTIN on unlike
-- titles, which is then no product.
-- product_id: names the product: gtin: and its number, or the vendor and its variant parent
-- conflict: decisions (people or labels disagree), categories (they stand in ones of which one is not above the other) or titles
--   (unlike, one GTIN)
-- items: live items of it
-- vendors: who delivers them
-- paths: the categories they stand in
-- examples: the items, as vendor/item_id, ten at most
CREATE OR REPLACE VIEW product_conflicts AS
WITH unlike AS (
    SELECT DISTINCT a.product_id FROM products a JOIN products b USING (product_id)
    WHERE starts_with(a.product_id, 'gtin:') AND (a.vendor, a.item_id) < (b.vendor, b.item_id)
      AND a.titles <= 10 AND NOT titles_alike(a.words, b.words)
),
found AS (
    SELECT
        p.product_id, count(*) AS items, list_sort(list(DISTINCT p.vendor)) AS vendors,
        count(DISTINCT p.category_id) AS decided,
        list_sort(list(DISTINCT coalesce(n.path, c.category_id)) FILTER (c.category_id IS NOT NULL)) AS paths,
        list_sort(list(p.vendor || '/' || p.item_id))[:10] AS examples
    FROM products p
    LEFT JOIN placements c USING (vendor, item_id)
    LEFT JOIN category_nodes n ON n.category_id = c.category_id
    GROUP BY p.product_id
)
SELECT
    f.product_id,
    CASE WHEN u.product_id IS NOT NULL THEN 'titles' WHEN f.decided > 1 THEN 'decisions' ELSE 'categories' END AS conflict,
    f.items, f.vendors, f.paths, f.examples
FROM found f LEFT JOIN unlike u USING (product_id)
WHERE f.decided > 1 OR NOT on_one_branch(f.paths) OR u.product_id IS NOT NULL;
