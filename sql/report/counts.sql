-- One row per vendor that delivered in this run: what became of its rows.
SELECT
    vendor, rows_in, placed, placed_at_parent, review, decided, duplicate, quarantine, withdrawn, gone, refused, held,
    repeated
FROM run_summary WHERE run_id = $run_id ORDER BY rows_in DESC, vendor LIMIT 200;
