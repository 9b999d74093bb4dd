-- One row per day, vendor, department and category: outcomes settled anew that day.
-- day: in UTC
-- vendor: who delivers
-- department: the department it stands in, or whose node was held to be safe; NULL where none was
-- category_id: where it stands; of what waits for a person, the likeliest leaf, below the parent it stands at if any;
--   NULL where nothing was predicted
-- placed: placed at a leaf, by the model or as look-alikes were decided
-- placed_by_rule: placed where a rule of policy.toml says; not part of placed
-- placed_at_parent: placed at a certified parent
-- review: handed to a person, in no category
-- decided: settled by a person's or an imported label
-- promised: sum of what certificates promised for placed and placed_at_parent
-- covered: how many of those a certificate covers
CREATE OR REPLACE VIEW settled_counts AS
SELECT
    day, vendor, department, category_id, sum(placed)::BIGINT AS placed, sum(placed_by_rule)::BIGINT AS placed_by_rule,
    sum(placed_at_parent)::BIGINT AS placed_at_parent, sum(review)::BIGINT AS review, sum(decided)::BIGINT AS decided,
    sum(promised) AS promised, sum(covered)::BIGINT AS covered
FROM settled_by_brand GROUP BY day, vendor, department, category_id;
