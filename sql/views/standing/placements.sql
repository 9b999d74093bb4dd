-- One row per live item that stands in a category; current_category adds the category's names.
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- title: the title delivered last
-- gtin: the number as delivered
-- product_id: shared by items that are one product
-- category_id: where the item stands
-- outcome: placed, placed_at_parent or decided
-- decided_by: model, look_alike (as look-alikes of it were decided), person, label or rule
-- confidence: calibrated probability of the placement; NULL where no model decided
-- certified_precision: what the certificate of its stratum promised; NULL where no certificate covers it
-- model_id: the model that placed it
-- policy_id: the policy it was placed under
-- run_id: the run that settled it
-- since: when it came to stand in this category
-- availability: in_stock, out_of_stock, preorder, backorder or discontinued; NULL where the feed does not say
-- language: ISO 639 code of its text; NULL where that is short or mixed
CREATE OR REPLACE VIEW placements AS
SELECT
    l.vendor, l.item_id, i.title, i.gtin, i.product_id, r.category_id, r.outcome, r.decided_by, r.confidence,
    r.certified_precision, r.model_id, r.policy_id, r.run_id, r.since, i.availability, i.language
FROM live_items l
JOIN items i USING (vendor, item_id, row_hash)
JOIN standing_routes r USING (vendor, item_id)
WHERE has_category(r.outcome) AND r.category_id IS NOT NULL;
