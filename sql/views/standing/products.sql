-- One row per live item that shares its product with others: the same GTIN, or the same variant parent of its vendor.
-- product_id: names the product
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- words: the distinct words of its title
-- items: live items of that product
-- titles: different titles among them; with too many the number says nothing (a GTIN typed into every row)
-- decision_id: what stands as decided about this very item; NULL where nothing does
-- category_id: the category given then; NULL where another word was said, or none
-- source: label, review or correction
CREATE OR REPLACE VIEW products AS
WITH live AS MATERIALIZED (SELECT product_id, vendor, item_id, row_hash FROM live_items WHERE product_id <> ''),
-- Titles are looked up for these alone: most products are one item.
shared AS (SELECT product_id, count(*) AS items FROM live GROUP BY product_id HAVING count(*) > 1),
members AS (
    SELECT l.product_id, l.vendor, l.item_id, i.title, h.items
    FROM live l JOIN shared h USING (product_id) JOIN items i USING (vendor, item_id, row_hash)
),
titled AS (SELECT product_id, count(DISTINCT title) AS titles FROM members GROUP BY product_id)
SELECT
    s.product_id, s.vendor, s.item_id, title_words(s.title) AS words, s.items, t.titles, d.decision_id,
    CASE WHEN d.verdict = 'category' THEN d.category_id END AS category_id, d.source
FROM members s JOIN titled t USING (product_id)
LEFT JOIN standing_decisions d ON d.vendor = s.vendor AND d.item_id = s.item_id;
