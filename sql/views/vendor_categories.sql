-- One row per vendor and category of theirs, or one above it: what it means here.
-- vendor: who delivers
-- vendor_category: the vendor's own category, levels joined by ' > '
-- level: its depth in the vendor's own path
-- category_id: our category: what a person said, else the deepest that nearly all of its products stand in or below
-- path: its full path
-- items: decided products of it, look-alikes of one product counted once
-- right_items: those that stand in the learned category or below it
-- precision: right_items as a share of items
-- lower_bound: the least that share is, said with 95% confidence
-- sources: where those decisions came from: label, review or correction
-- said_by: who said what it means, as in decisions.who; NULL where nobody did
-- said_at: when
CREATE OR REPLACE VIEW vendor_categories AS
SELECT
    v.vendor, v.vendor_category, v.level, v.category_id, n.path, v.items, v.right_items,
    share(v.right_items, v.items) AS precision, v.lower_bound, v.sources, v.said_by, v.said_at
FROM vendor_category_counts v LEFT JOIN category_nodes n USING (category_id);
