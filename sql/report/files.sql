-- One row per file of this run that was refused or held.
SELECT file_name, vendor, status, reason, sentence, delivery_id
FROM delivery_runs WHERE run_id = $run_id AND status IN ('refused', 'held')
ORDER BY vendor, received_at, delivery_id LIMIT 60;
