-- One row per vendor whose new items were compared in this run, and statistic and part of them: how far off, in shares of what
-- alarms. Of each vendor the six furthest, of the vendors the twelve furthest.
WITH ranked AS (
    SELECT
        vendor, statistic, coalesce(path, 'all items') AS part, score / bar AS of_bar, alarm, sentence, "value", usual, items,
        reference_items, reference_runs, max(score / bar) OVER (PARTITION BY vendor) AS furthest
    FROM drift WHERE run_id = $run_id
)
SELECT * EXCLUDE (furthest) FROM ranked
QUALIFY row_number() OVER (PARTITION BY vendor ORDER BY of_bar DESC, statistic, part) <= 6
    AND dense_rank() OVER (ORDER BY furthest DESC, vendor) <= 12
ORDER BY furthest DESC, vendor, of_bar DESC, statistic, part;
