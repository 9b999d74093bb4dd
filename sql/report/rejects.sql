-- One row per vendor and rule its rows broke most in the last thirty nights with deliveries.
WITH nights AS (
    SELECT DISTINCT run_id FROM run_summary WHERE run_id <= $run_id ORDER BY run_id DESC LIMIT 30
)
SELECT vendor, rule, sum(rows)::BIGINT AS rows
FROM rejects_by_rule SEMI JOIN nights USING (run_id)
GROUP BY vendor, rule ORDER BY rows DESC, vendor, rule LIMIT 12;
