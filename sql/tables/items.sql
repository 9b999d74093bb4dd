-- One row per live item: the version that stands.
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- row_hash: names this version of the item
-- input_hash: names the content that decides its category
-- title: canonical text
-- description: canonical text, without markup
-- brand: as delivered
-- price: in the currency's main unit
-- currency: ISO 4217 code
-- gtin: the number as delivered, checked
-- product_id: shared by items that are one product (same GTIN or variant parent)
-- language: ISO 639 code of its text; NULL where that is short or mixed
-- vendor_category: the vendor's own category
-- attributes: other facts delivered, as JSON
-- image: the picture used: a file's name, or a URL without user, password, query and fragment, where keys may stand
-- image_hash: sha256 of the picture's content; NULL without one
-- image_status: ok, missing, unreadable, refused, remote (not fetched yet) or fetch_failed
-- flags: what was odd about the row, as codes
-- delivery_id: the delivery this version came with
-- run_id: the run that read it
-- created_at: when it was first seen
-- delivered_hash: of the row alone, without what its picture turned out to be
-- image_url: where its picture is fetched, without what may hold keys; NULL for a file
-- availability: in_stock, out_of_stock, preorder, backorder or discontinued; NULL where the feed does not say
-- images: every picture delivered, in the vendor's order, as in image
-- raw_text: JSON of column to text as delivered, where misread bytes were mended; else NULL
CREATE TABLE items AS
SELECT
    i.vendor, i.item_id, i.row_hash, i.input_hash, i.title, i.description, i.brand, i.price, i.currency, i.gtin, i.product_id,
    i.language, i.vendor_category, i.attributes, shown_picture(i.image) AS image, i.image_hash, i.image_status, i.flags,
    i.delivery_id, i.run_id, i.created_at, i.delivered_hash, shown_picture(i.image_url) AS image_url, i.availability,
    list_transform(i.images, lambda picture: shown_picture(picture)) AS images, i.raw_text
FROM items i JOIN live_items l USING (vendor, item_id, row_hash);
