-- One row per delivery whose rows count, or did until it was undone: those of delivery_runs that are accepted or undone. What
-- stands follows from these; a file that only repeats the last one changes nothing of it.
-- delivery_id: names the delivery
-- vendor: who delivered
-- delivery_no: counts the vendor's deliveries, from 1
-- run_id: the run whose counts hold this delivery
-- received_in: the run that read it
-- file_name: as the vendor called it
-- kind: full (what is absent is gone), delta or labels
-- bytes: size of the file as it came
-- rows_in: rows accepted and quarantined; of a refused file as far as they could be counted
-- status: accepted, refused, held, repeated, or undone (accepted, and taken back by a person)
-- reason: why it was refused or held, as one code
-- sentence: why it was refused or held, in words
-- received_at: when it was read
-- undone_at: when it was taken back
-- origin: the delivery that a person had read once more, which became this one
CREATE OR REPLACE VIEW taken_deliveries AS
SELECT * FROM delivery_runs WHERE status IN ('accepted', 'undone');
