-- One row per live item whose price lies far from those of its category in the same currency, where 20 or more are known.
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- title: the title delivered last
-- category_id: where it stands
-- path: its full path
-- price: in the currency's main unit
-- currency: ISO 4217 code
-- usual_price: median of the category
-- times_usual: price as a multiple of it
-- distance: logarithms apart from the median, in robust standard deviations (1.4826 times the median absolute deviation,
--   0.05 at least); more than 3.5 either way stands here
-- priced: priced items of the category in this currency
CREATE OR REPLACE VIEW price_outliers AS
WITH priced AS (
    SELECT p.vendor, p.item_id, p.title, p.category_id, i.price, i.currency, ln(i.price::DOUBLE) AS log_price
    FROM placements p
    JOIN live_items l USING (vendor, item_id)
    JOIN items i USING (vendor, item_id, row_hash)
    WHERE i.price > 0
),
usual AS (
    SELECT
        category_id, currency, count(*) AS priced, median(log_price) AS middle,
        greatest(1.4826 * mad(log_price), 0.05) AS deviation
    FROM priced GROUP BY category_id, currency HAVING count(*) >= 20
)
SELECT
    p.vendor, p.item_id, p.title, p.category_id, coalesce(n.path, p.category_id) AS path, p.price, p.currency,
    exp(u.middle) AS usual_price, exp(p.log_price - u.middle) AS times_usual,
    (p.log_price - u.middle) / u.deviation AS distance, u.priced
FROM priced p
JOIN usual u ON u.category_id = p.category_id AND u.currency IS NOT DISTINCT FROM p.currency
LEFT JOIN category_nodes n ON n.category_id = p.category_id
WHERE abs(p.log_price - u.middle) > 3.5 * u.deviation;
