-- One row per vendor: what speaks for calling it. Files and rows are those of the last thirty nights with deliveries.
WITH nights AS (
    SELECT DISTINCT run_id FROM run_summary WHERE run_id <= $run_id ORDER BY run_id DESC LIMIT 30
),
delivered AS (
    SELECT
        vendor, sum(rows_in)::BIGINT AS rows, sum(quarantine)::BIGINT AS left_out,
        sum(files_refused)::BIGINT AS files_refused, sum(files_held)::BIGINT AS files_held
    FROM run_summary SEMI JOIN nights USING (run_id) GROUP BY vendor
),
-- What this shop's vendors usually send: in a shop without pictures nobody is to be called for them.
usual AS (
    SELECT median(q.with_picture) AS with_picture FROM vendor_quality q SEMI JOIN vendor_freshness f USING (vendor)
),
drifted AS (SELECT DISTINCT vendor FROM drift WHERE alarm AND run_id = $run_id)
SELECT
    f.vendor, f.live AS items, f.late, f.due_at, f.last_accepted_at, f.last_status, f.stale, f.stale_since, d.rows, d.left_out,
    share(d.left_out, d.rows) AS share_left_out, d.files_refused, d.files_held, q.score, q.with_picture,
    coalesce(q.with_picture < 0.5 * (SELECT with_picture FROM usual), false) AS few_pictures, q.with_gtin, q.with_description,
    f.vendor IN (SELECT vendor FROM drifted) AS drifted
FROM vendor_freshness f LEFT JOIN delivered d USING (vendor) LEFT JOIN vendor_quality q USING (vendor)
WHERE f.last_status IS NOT NULL OR f.due_at IS NOT NULL
ORDER BY
    f.late DESC, f.stale DESC,
    coalesce(d.files_refused + d.files_held, 0) DESC, drifted DESC, share_left_out DESC NULLS LAST, q.score NULLS LAST, f.vendor
LIMIT 30;
