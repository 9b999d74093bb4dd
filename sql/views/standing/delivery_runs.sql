-- One row per delivery with the run that answers for it: its own, or the one that took over when that was superseded.
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
CREATE OR REPLACE VIEW delivery_runs AS
WITH RECURSIVE handed_over AS (
    SELECT run_id AS received_in, run_id FROM runs
    UNION
    SELECT h.received_in, e.superseded_by
    FROM handed_over h JOIN run_ends e USING (run_id)
    WHERE e.superseded_by IS NOT NULL
),
answering AS (SELECT received_in, max(run_id) AS run_id FROM handed_over GROUP BY received_in),
undone AS (SELECT delivery_id, min(said_at) AS undone_at FROM delivery_orders WHERE word = 'undo' GROUP BY delivery_id)
SELECT
    d.delivery_id, d.vendor, d.delivery_no, coalesce(a.run_id, d.run_id) AS run_id, d.run_id AS received_in,
    d.file_name, d.kind, d.bytes, d.rows_in, CASE WHEN u.delivery_id IS NULL THEN d.status ELSE 'undone' END AS status,
    d.reason, d.sentence, d.received_at, u.undone_at, d.origin
FROM deliveries d
LEFT JOIN answering a ON a.received_in = d.run_id
LEFT JOIN undone u USING (delivery_id);
