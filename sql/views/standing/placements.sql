-- One row per live item that stands in a category; current_category adds the category's names.
CREATE OR REPLACE VIEW placements AS
SELECT
    l.vendor, l.item_id, i.title, i.gtin, i.product_id, r.category_id, r.outcome, r.decided_by, r.confidence,
    r.certified_precision, r.model_id, r.policy_id, r.run_id, r.since, i.availability, i.language
FROM live_items l
JOIN items i USING (vendor, item_id, row_hash)
JOIN standing_routes r USING (vendor, item_id)
WHERE has_category(r.outcome) AND r.category_id IS NOT NULL;
