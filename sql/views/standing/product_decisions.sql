-- One row per live item that nobody decided, and that a decision on another item of its product settles: all of those say the
-- same. Items with one GTIN and unlike titles are no product.
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- product_id: names the product
-- category_id: the category given
-- decision_id: the latest of the decisions
-- source: of that one: label, review or correction
CREATE OR REPLACE VIEW product_decisions AS
WITH usable AS (
    SELECT * FROM products WHERE titles <= CASE WHEN starts_with(product_id, 'gtin:') THEN 10 ELSE 100 END
),
pairs AS (
    SELECT u.vendor, u.item_id, u.product_id, d.category_id, d.decision_id, d.source
    FROM usable u JOIN usable d USING (product_id)
    WHERE u.decision_id IS NULL AND d.category_id IS NOT NULL
      AND (NOT starts_with(u.product_id, 'gtin:') OR titles_alike(u.words, d.words))
)
SELECT
    vendor, item_id, product_id, any_value(category_id) AS category_id, max(decision_id) AS decision_id,
    arg_max(source, decision_id) AS source
FROM pairs GROUP BY vendor, item_id, product_id
HAVING count(DISTINCT category_id) = 1;
