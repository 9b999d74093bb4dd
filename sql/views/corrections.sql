-- One row per model, vendor and category whose items somebody corrected by hand; apart from what the audit finds.
-- model_id: the model that had placed them; NULL where none had
-- decided_by: who had: model, look_alike, person, label or rule; NULL where the item stood nowhere
-- vendor: who delivers the items
-- category_id: where they stood; NULL for nowhere
-- path: its full path
-- reports: items somebody gave a category, those in the other columns and those that stood there or nowhere
-- errors: of them, those that stood in a wrong category
-- refined: of them, those that stood at a parent and got a category below it
-- last_at: when the last was said
CREATE OR REPLACE VIEW corrections AS
WITH last_words AS (
    SELECT * FROM corrected
    QUALIFY row_number() OVER (PARTITION BY vendor, item_id, route_seq ORDER BY seq DESC) = 1
)
SELECT
    w.model_id, w.decided_by, w.vendor, w.from_id AS category_id, any_value(coalesce(n.path, w.from_id)) AS path,
    count(*) AS reports, count(*) FILTER (w.kind = 'error') AS errors, count(*) FILTER (w.kind = 'refined') AS refined,
    max(w.corrected_at) AS last_at
FROM last_words w LEFT JOIN category_nodes n ON n.category_id = w.from_id
GROUP BY w.model_id, w.decided_by, w.vendor, w.from_id;
