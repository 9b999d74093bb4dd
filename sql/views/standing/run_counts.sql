-- One row per run and vendor: what became of every row delivered, as it stood when that run had settled it.
-- run_id: the run
-- vendor: who delivered
-- rows_in: rows of accepted files
-- placed: stand at a leaf by the model
-- placed_at_parent: stand at a certified parent and wait for their leaf
-- review: wait for a person, in no category
-- decided: a person's or an imported label stands
-- duplicate: repeat another row of the same delivery
-- quarantine: broke a rule and were left out
-- withdrawn: delete an item, or name one that a later file of the same run withdrew before it was settled
-- refused: rows of refused files, as far as they could be counted; in no other column
-- held: rows of files held for a person; in no other column
-- repeated: rows of files identical to the vendor's latest; in no other column
-- undone: rows of accepted files that a person took back; in no other column
-- gone: items withdrawn: a full delivery came without them, or one deleted them
-- kept: items whose row of a full delivery is in quarantine; they stay as they were
-- files: accepted files
-- files_refused: refused files
-- files_held: files held for a person
-- files_repeated: files identical to the vendor's latest
-- new: rows of items never seen before
-- changed: rows that differ from what was known of their item
-- unchanged: rows that say what was known already
CREATE OR REPLACE VIEW run_counts AS
WITH accepted AS (SELECT * FROM delivery_runs WHERE status = 'accepted'),
settled AS (SELECT vendor, item_id, run_id, arg_max(outcome, seq) AS outcome FROM routes GROUP BY vendor, item_id, run_id),
spans AS (SELECT *, lead(run_id) OVER (PARTITION BY vendor, item_id ORDER BY run_id) AS next_run FROM settled),
seen AS (
    SELECT
        a.run_id, a.vendor, a.delivery_no, s.item_id, s.status,
        CASE
            WHEN s.status = 'duplicate' THEN 'duplicate'
            WHEN s.status = 'deleted' THEN 'withdrawn'
            WHEN s.status = 'kept' THEN 'kept'  -- no row: the one that was read is in quarantine
            -- a row of a label file is decided by that label, whatever stood before
            WHEN a.kind = 'labels' AND o.run_id IS DISTINCT FROM a.run_id THEN 'decided'
            ELSE o.outcome
        END AS outcome
    FROM sightings s
    JOIN accepted a USING (delivery_id)
    LEFT JOIN spans o ON o.vendor = s.vendor AND o.item_id = s.item_id
        AND o.run_id <= a.run_id AND (o.next_run IS NULL OR o.next_run > a.run_id)
),
-- a later file of the same run withdrew the item before anything was settled; also when that file was undone since
overtaken AS (
    SELECT DISTINCT s.run_id, s.vendor, s.item_id
    FROM seen s
    JOIN delivery_runs f ON f.vendor = s.vendor AND f.run_id = s.run_id
        AND f.delivery_no > s.delivery_no AND f.status IN ('accepted', 'undone')
    LEFT JOIN sightings t ON t.delivery_id = f.delivery_id AND t.item_id = s.item_id AND t.status <> 'duplicate'
    WHERE s.outcome IS NULL AND (t.status = 'deleted' OR (f.kind = 'full' AND t.status IS NULL))
),
outcomes AS (
    SELECT s.run_id, s.vendor, s.status, CASE WHEN o.item_id IS NULL THEN s.outcome ELSE coalesce(s.outcome, 'withdrawn') END AS outcome
    FROM seen s LEFT JOIN overtaken o USING (run_id, vendor, item_id)
),
rows_settled AS (
    SELECT
        run_id, vendor,
        count(*) FILTER (outcome = 'placed') AS placed,
        count(*) FILTER (outcome = 'placed_at_parent') AS placed_at_parent,
        count(*) FILTER (outcome = 'review') AS review,
        count(*) FILTER (outcome = 'decided') AS decided,
        count(*) FILTER (outcome = 'duplicate') AS duplicate,
        count(*) FILTER (outcome = 'withdrawn') AS withdrawn,
        count(*) FILTER (outcome = 'kept') AS kept,
        count(*) FILTER (status = 'new') AS new,
        count(*) FILTER (status = 'changed') AS changed,
        count(*) FILTER (status = 'unchanged') AS unchanged
    FROM outcomes GROUP BY run_id, vendor
),
refused_rows AS (
    SELECT a.run_id, a.vendor, count(*) AS quarantine FROM rejects r JOIN accepted a USING (delivery_id) GROUP BY ALL
),
gone AS (SELECT run_id, vendor, count(*) AS gone FROM departures GROUP BY run_id, vendor),
files AS (
    SELECT
        run_id, vendor, coalesce(sum(rows_in) FILTER (status = 'accepted'), 0)::BIGINT AS rows_in,
        coalesce(sum(rows_in) FILTER (status = 'refused'), 0)::BIGINT AS refused,
        coalesce(sum(rows_in) FILTER (status = 'held'), 0)::BIGINT AS held,
        coalesce(sum(rows_in) FILTER (status = 'repeated'), 0)::BIGINT AS repeated,
        coalesce(sum(rows_in) FILTER (status = 'undone'), 0)::BIGINT AS undone,
        count(*) FILTER (status = 'accepted') AS files,
        count(*) FILTER (status = 'refused') AS files_refused,
        count(*) FILTER (status = 'held') AS files_held,
        count(*) FILTER (status = 'repeated') AS files_repeated
    FROM delivery_runs GROUP BY run_id, vendor
)
SELECT
    f.run_id, f.vendor, f.rows_in, coalesce(s.placed, 0) AS placed, coalesce(s.placed_at_parent, 0) AS placed_at_parent,
    coalesce(s.review, 0) AS review, coalesce(s.decided, 0) AS decided, coalesce(s.duplicate, 0) AS duplicate,
    coalesce(q.quarantine, 0) AS quarantine, coalesce(s.withdrawn, 0) AS withdrawn, f.refused, f.held, f.repeated,
    f.undone, coalesce(w.gone, 0) AS gone, coalesce(s.kept, 0) AS kept,
    f.files, f.files_refused, f.files_held, f.files_repeated,
    coalesce(s.new, 0) AS new, coalesce(s.changed, 0) AS changed, coalesce(s.unchanged, 0) AS unchanged
FROM files f
LEFT JOIN rows_settled s USING (run_id, vendor)
LEFT JOIN refused_rows q USING (run_id, vendor)
LEFT JOIN gone w USING (run_id, vendor);
