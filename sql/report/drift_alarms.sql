-- One row per statistic of a vendor's new items that is beyond chance in this run.
SELECT vendor, path, sentence, remedy, examples, score, bar FROM drift
WHERE run_id = $run_id AND alarm ORDER BY score DESC, vendor, path, statistic;
