-- One row per vendor with live items: how complete what it delivers is.
-- vendor: who delivers
-- items: live items
-- score: 100 times the mean of the seven shares that follow
-- accepted: share of all rows ever delivered in accepted files that broke no rule
-- with_description: share of items with a description
-- with_brand: share of items with a brand
-- with_gtin: share of items with a GTIN
-- with_price: share of items with a price
-- with_picture: share of items with a picture that could be read
-- with_category: share of items with a category of the vendor's own
CREATE OR REPLACE VIEW vendor_quality AS
WITH complete AS (
    SELECT
        l.vendor, count(*) AS items, avg((i.description IS NOT NULL)::INTEGER) AS with_description,
        avg((i.brand IS NOT NULL)::INTEGER) AS with_brand, avg((i.gtin IS NOT NULL)::INTEGER) AS with_gtin,
        avg((i.price IS NOT NULL)::INTEGER) AS with_price,
        avg(coalesce(i.image_status = 'ok', false)::INTEGER) AS with_picture,
        avg((i.vendor_category IS NOT NULL)::INTEGER) AS with_category
    FROM live_items l JOIN items i USING (vendor, item_id, row_hash)
    GROUP BY l.vendor
),
rows_read AS (
    SELECT vendor, coalesce(1 - share(sum(quarantine), sum(rows_in)), 1) AS accepted FROM run_counts GROUP BY vendor
)
SELECT
    c.vendor, c.items,
    100 * (
        r.accepted + c.with_description + c.with_brand + c.with_gtin + c.with_price + c.with_picture + c.with_category
    ) / 7 AS score,
    r.accepted, c.with_description, c.with_brand, c.with_gtin, c.with_price, c.with_picture, c.with_category
FROM complete c JOIN rows_read r USING (vendor);
