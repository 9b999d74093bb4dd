-- One row per run, vendor, department and statistic: how what a vendor sent for the first time differs from what it sent before.
-- run_id: the run
-- vendor: who delivered
-- path: the department; NULL for all of the vendor's items together
-- statistic: confidence, expected_accuracy, novelty, new_words, title_words, without_picture, brightness, sharpness,
--   picture_size, categories, text_embedding or picture_embedding
-- alarm: whether it differs beyond chance: of quiet runs one in 30 has any alarm at all
-- sentence: what changed, by how much; NULL without an alarm
-- remedy: what to do; NULL without an alarm
-- examples: items that show it most
-- value: the mean in this run; NULL where the statistic is a distance
-- usual: the mean in the earlier ones
-- score: how far off, in units of what one in a hundred quiet batches reaches
-- bar: the score that alarms
-- items: contents seen for the first time that were compared
-- reference_items: contents of earlier runs they were compared with
-- reference_runs: how many earlier runs
-- model_id: the model whose predictions were compared
-- noted_at: when
CREATE OR REPLACE VIEW drift AS
SELECT
    d.run_id, d.vendor, n.path, d.statistic, d.alarm, d.sentence, d.remedy, d.examples, d.value, d.usual, d.score, d.bar,
    d.items, d.reference_items, d.reference_runs, d.model_id, d.noted_at
FROM drift_statistics d LEFT JOIN category_nodes n USING (category_id);
