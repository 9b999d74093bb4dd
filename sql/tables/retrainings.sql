-- One row per step of an unattended training.
-- seq: counts them
-- retraining_id: names the training
-- step: begun, trained or ended
-- model_id: the model it made; NULL before it is trained
-- outcome: of the last step: promoted, refused, unchanged (it is the model that serves) or failed
-- sentence: why
-- run_id: the run it was done under
-- said_at: when
CREATE TABLE retrainings AS
SELECT seq, retraining_id, step, model_id, outcome, sentence, run_id, said_at FROM retrainings;
