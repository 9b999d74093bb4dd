-- One row per category and category above it, itself included: what counts at the one counts at the other.
-- category_id: the category
-- above_id: itself, or one above it
CREATE OR REPLACE VIEW category_ancestors AS
WITH RECURSIVE climb AS (
    SELECT category_id, category_id AS above_id FROM category_nodes
    UNION ALL
    SELECT c.category_id, n.parent_id FROM climb c JOIN category_nodes n ON n.category_id = c.above_id
    WHERE n.parent_id IS NOT NULL
)
FROM climb;
