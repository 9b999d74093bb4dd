-- One row per department: what nights in the shadow would have done, beside what your own process, people or labels did.
-- department: of the item's own category, else of where it would stand; NULL where neither is known
-- items: live items settled in the shadow
-- placed: would have been placed at a leaf
-- compared: of those, items with a category of their own that neither model nor certificate rests on
-- same: of those, items it would have placed there
-- elsewhere: of those, items it would have placed elsewhere
-- learned: would have been placed, and model or certificate rest on them
-- unread: items whose own category, as the feed names it, is none of ours: [own_categories] in the vendor's form is to say
CREATE OR REPLACE VIEW shadow_summary AS
SELECT
    level(coalesce(own_path, path), 1) AS department, count(*) AS items, count(*) FILTER (outcome = 'placed') AS placed,
    count(*) FILTER (outcome = 'placed' AND own_id IS NOT NULL AND NOT learned) AS compared,
    count(*) FILTER (outcome = 'placed' AND own_id IS NOT NULL AND NOT learned AND compared = 'same') AS "same",
    count(*) FILTER (outcome = 'placed' AND own_id IS NOT NULL AND NOT learned AND compared <> 'same') AS elsewhere,
    count(*) FILTER (outcome = 'placed' AND learned) AS learned,
    count(*) FILTER (own_said IS NOT NULL AND own_id IS NULL) AS unread
FROM shadow_comparison GROUP BY 1;
