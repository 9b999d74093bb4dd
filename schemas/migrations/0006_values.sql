-- availability: in_stock, out_of_stock, preorder, backorder, discontinued; NULL where nothing or nothing known was said.
-- images: every picture delivered, in the vendor's order; `image` is the one of them that is used.
-- raw_text: JSON of column -> text as delivered, where misread bytes were mended; else NULL.
ALTER TABLE items ADD COLUMN availability VARCHAR;
ALTER TABLE items ADD COLUMN images VARCHAR[];
ALTER TABLE items ADD COLUMN raw_text VARCHAR;
