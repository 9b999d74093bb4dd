-- One row per category of the newest taxonomy version: how much of it is in use, and how well it is known.
-- category_id: the category
-- path: names from the root, joined by ' > '
-- level: depth, 1 for a department
-- is_leaf: true when the category has none below it
-- items: live items that stand at it or below it
-- placed: of these, placed by the model
-- decisions: items decided to be at it or below it, live or not
-- leaves: categories at it or below it that have none below them
-- leaves_in_use: of these, those where live items stand
-- leaves_decided: of these, those that were ever decided on; the others are known by name only
CREATE OR REPLACE VIEW taxonomy_coverage AS
WITH RECURSIVE standing AS (
    SELECT category_id, count(*) AS items, count(*) FILTER (decided_by = 'model') AS placed FROM placements GROUP BY ALL
),
decided AS (
    SELECT category_id, count(*) AS decisions FROM standing_decisions WHERE verdict = 'category' GROUP BY category_id
),
above AS (
    SELECT category_id, category_id AS top FROM category_nodes WHERE NOT retired
    UNION ALL
    SELECT a.category_id, n.parent_id FROM above a JOIN category_nodes n ON n.category_id = a.top
    WHERE n.parent_id IS NOT NULL
),
counted AS (
    SELECT
        a.top AS category_id, sum(s.items) AS items, sum(s.placed) AS placed, sum(d.decisions) AS decisions,
        count(*) FILTER (n.is_leaf) AS leaves, count(*) FILTER (n.is_leaf AND s.items > 0) AS leaves_in_use,
        count(*) FILTER (n.is_leaf AND d.decisions > 0) AS leaves_decided
    FROM above a
    JOIN category_nodes n ON n.category_id = a.category_id
    LEFT JOIN standing s ON s.category_id = a.category_id
    LEFT JOIN decided d ON d.category_id = a.category_id
    GROUP BY a.top
)
SELECT
    n.category_id, n.path, n.level, n.is_leaf, coalesce(c.items, 0)::BIGINT AS items,
    coalesce(c.placed, 0)::BIGINT AS placed, coalesce(c.decisions, 0)::BIGINT AS decisions, c.leaves, c.leaves_in_use,
    c.leaves_decided
FROM counted c JOIN category_nodes n USING (category_id);
