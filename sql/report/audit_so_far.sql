-- One row: what the audit found of the serving model, over all runs so far.
SELECT model_id, run_id, right_so_far, answered_so_far, precision_so_far, low, high
FROM audited_by_run JOIN serving USING (model_id) ORDER BY run_id DESC LIMIT 1;
