-- One row each time a model came to serve; the one with the highest seq serves.
-- model_id: the model
-- seq: counts promotions
-- action: promote or rollback
-- reason: why it was allowed
-- run_id: the run that promoted it
-- promoted_at: when
CREATE TABLE promotions AS
SELECT model_id, seq, action, reason, run_id, promoted_at
FROM promotions;
