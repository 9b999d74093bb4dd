-- One row per day, vendor and department: how what was settled anew that day was settled.
-- day: in UTC
-- vendor: who delivers
-- department: the department it stands in, or whose node was held to be safe; NULL where none was
-- settled: outcomes settled anew
-- placed: placed at a leaf, by the model or as look-alikes were decided
-- placed_by_rule: placed where a rule of policy.toml says; not part of placed
-- placed_at_parent: placed at a certified parent
-- review: handed to a person, in no category
-- decided: settled by a person's or an imported label
-- automation: placed as a share of placed, placed_at_parent and review
-- certified_precision: mean of what certificates promised for what the model placed; NULL where none covers any
-- covered: placed and placed_at_parent under a certificate, for weighing certified_precision over several rows
CREATE OR REPLACE VIEW automation_by_day AS
WITH counted AS (
    SELECT
        day, vendor, department, sum(placed)::BIGINT AS placed, sum(placed_by_rule)::BIGINT AS placed_by_rule,
        sum(placed_at_parent)::BIGINT AS placed_at_parent, sum(review)::BIGINT AS review, sum(decided)::BIGINT AS decided,
        sum(promised) AS promised, sum(covered)::BIGINT AS covered
    FROM settled_counts GROUP BY day, vendor, department
)
SELECT
    day, vendor, department, placed + placed_by_rule + placed_at_parent + review + decided AS settled, placed,
    placed_by_rule, placed_at_parent, review, decided, share(placed, placed + placed_at_parent + review) AS automation,
    share(promised, covered) AS certified_precision, covered
FROM counted;
