-- One row per day, vendor and category: how what was settled anew that day, at it or below it, was settled.
-- day: in UTC
-- vendor: who delivers
-- category_id: the category; what waits for a person counts at its likeliest leaf, and NULL holds what has no prediction
-- path: names from the root, joined by ' > '
-- level: depth, 1 for a department; rows of level 1 and those without a category add up to all
-- settled: outcomes settled anew, at the category or anywhere below it
-- placed: placed at a leaf, by the model or as look-alikes were decided
-- placed_by_rule: placed where a rule of policy.toml says; not part of placed
-- placed_at_parent: placed at a certified parent
-- review: handed to a person, in no category
-- decided: settled by a person's or an imported label
-- automation: placed as a share of placed, placed_at_parent and review
-- certified_precision: mean of what certificates promised for what the model placed; NULL where none covers any
-- covered: placed and placed_at_parent under a certificate, for weighing certified_precision over several rows
CREATE OR REPLACE VIEW automation_by_category AS
WITH counted AS (
    SELECT
        s.day, s.vendor, a.above_id AS category_id, sum(s.placed)::BIGINT AS placed,
        sum(s.placed_by_rule)::BIGINT AS placed_by_rule, sum(s.placed_at_parent)::BIGINT AS placed_at_parent,
        sum(s.review)::BIGINT AS review, sum(s.decided)::BIGINT AS decided, sum(s.promised) AS promised,
        sum(s.covered)::BIGINT AS covered
    FROM settled_counts s LEFT JOIN category_ancestors a USING (category_id)
    GROUP BY s.day, s.vendor, a.above_id
)
SELECT
    c.day, c.vendor, c.category_id, n.path, n.level,
    c.placed + c.placed_by_rule + c.placed_at_parent + c.review + c.decided AS settled, c.placed, c.placed_by_rule,
    c.placed_at_parent, c.review, c.decided, share(c.placed, c.placed + c.placed_at_parent + c.review) AS automation,
    share(c.promised, c.covered) AS certified_precision, c.covered
FROM counted c LEFT JOIN category_nodes n USING (category_id);
