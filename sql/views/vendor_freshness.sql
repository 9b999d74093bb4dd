-- One row per vendor that ever delivered: how current its items are.
-- live: items of this vendor that are live
-- last_accepted_at: when its youngest accepted file came
-- last_received_at: when its youngest file came, whatever became of it
-- last_status: accepted, refused, held or repeated
-- last_reason: why the youngest file was refused or held, as one code
CREATE OR REPLACE VIEW vendor_freshness AS
WITH live AS (SELECT vendor, count(*) AS live FROM live_items GROUP BY vendor)
SELECT
    d.vendor, coalesce(any_value(l.live), 0) AS live,
    max(d.received_at) FILTER (d.status = 'accepted' AND d.kind <> 'labels') AS last_accepted_at,
    max(d.received_at) AS last_received_at,
    arg_max(d.status, (d.received_at, d.delivery_no)) AS last_status,
    arg_max_null(d.reason, (d.received_at, d.delivery_no)) AS last_reason
FROM delivery_runs d LEFT JOIN live l USING (vendor)
WHERE d.kind IS DISTINCT FROM 'labels'
GROUP BY d.vendor;
