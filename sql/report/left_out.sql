-- One row per vendor and rule that rows of this run broke.
SELECT rule, vendor, rows, example_line FROM rejects_by_rule
WHERE run_id = $run_id ORDER BY rows DESC, vendor, rule LIMIT 12;
