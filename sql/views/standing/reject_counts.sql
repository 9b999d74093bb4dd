-- One row per accepted delivery and broken rule.
-- run_id: the run that answers for the delivery
-- vendor: who delivered
-- delivery_id: the delivery
-- file_name: as the vendor called it
-- rule: the rule that was broken
-- rows: rows that broke it
-- example_line: the first line that broke it
-- example_detail: what was wrong on that line
-- example_raw: that line as delivered, but for keys in its addresses; with duplicate_id what it said in our columns, cut to 500 characters
CREATE OR REPLACE VIEW reject_counts AS
SELECT
    d.run_id, d.vendor, d.delivery_id, d.file_name, r.rule, count(*) AS rows, min(r.line) AS example_line,
    without_keys(arg_min(r.detail, r.line)) AS example_detail, without_keys(arg_min(r.raw, r.line)) AS example_raw
FROM rejects r JOIN taken_deliveries d USING (delivery_id)
WHERE d.status = 'accepted'
GROUP BY d.run_id, d.vendor, d.delivery_id, d.file_name, r.rule;
