-- One row per live item that has a category; items at a parent are in review_backlog too.
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- title: the title delivered last
-- category_id: where the item stands
-- path: the category's full path, levels joined by ' > '
-- level_*: name at that level of the path, 1 for the department; NULL below the category
-- level: depth of the category, 1 for a department
-- is_leaf: true when the category has none below it
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
CREATE OR REPLACE VIEW current_category AS
SELECT
    p.vendor, p.item_id, p.title, p.category_id, coalesce(n.path, p.category_id) AS path, COLUMNS('^level_[0-9]+$'),
    n.level, n.is_leaf, p.outcome, p.decided_by, p.confidence, p.certified_precision, p.model_id, p.policy_id, p.run_id,
    p.since, p.availability, p.language
FROM placements p LEFT JOIN category_nodes n USING (category_id);
