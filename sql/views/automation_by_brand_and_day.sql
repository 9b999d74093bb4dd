-- One row per day, vendor, category and brand: how what was settled anew that day was settled.
-- day: in UTC
-- vendor: who delivers
-- category_id: where it stands; of what waits for a person, the likeliest leaf; NULL where nothing was predicted. No row
--   counts what lies below its category, so that rows may be added up
-- path: names from the root, joined by ' > '; is_under(path, 'Home') takes all of a branch
-- level: depth, 1 for a department
-- brand: as delivered with what was settled; NULL where none was
-- settled: outcomes settled anew
-- placed: placed at a leaf, by the model or as look-alikes were decided
-- placed_by_rule: placed where a rule of policy.toml says; not part of placed
-- placed_at_parent: placed at a certified parent
-- review: handed to a person, in no category
-- decided: settled by a person's or an imported label
-- automation: placed as a share of placed, placed_at_parent and review
-- certified_precision: mean of what certificates promised for what the model placed; NULL where none covers any
-- covered: placed and placed_at_parent under a certificate, for weighing certified_precision over several rows
CREATE OR REPLACE VIEW automation_by_brand_and_day AS
WITH counted AS (
    SELECT
        day, vendor, category_id, brand, sum(placed)::BIGINT AS placed, sum(placed_by_rule)::BIGINT AS placed_by_rule,
        sum(placed_at_parent)::BIGINT AS placed_at_parent, sum(review)::BIGINT AS review, sum(decided)::BIGINT AS decided,
        sum(promised) AS promised, sum(covered)::BIGINT AS covered
    FROM settled_by_brand GROUP BY day, vendor, category_id, brand
)
SELECT
    c.day, c.vendor, c.category_id, n.path, n.level, c.brand,
    c.placed + c.placed_by_rule + c.placed_at_parent + c.review + c.decided AS settled, c.placed, c.placed_by_rule,
    c.placed_at_parent, c.review, c.decided, share(c.placed, c.placed + c.placed_at_parent + c.review) AS automation,
    share(c.promised, c.covered) AS certified_precision, c.covered
FROM counted c LEFT JOIN category_nodes n USING (category_id);
