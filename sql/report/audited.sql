-- One row per model and run whose placements were checked blindly and answered, the last sixty.
SELECT run_id, started_at, model_id, answered, answered_so_far, right_so_far, precision_so_far, low, high
FROM audited_by_run WHERE run_id <= $run_id
ORDER BY run_id DESC, model_id LIMIT 60;
