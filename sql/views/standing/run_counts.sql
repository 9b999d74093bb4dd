-- One row per run and vendor: what became of every row delivered, as it stood when that run had settled it.
-- run_id: the run
-- vendor: who delivered
-- rows_in: rows of accepted files
-- placed: stand at a leaf, by the model or as look-alikes were decided
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
WITH rows_settled AS (
    SELECT
        run_id, vendor,
        sum(rows) FILTER (outcome = 'placed') AS placed,
        sum(rows) FILTER (outcome = 'placed_at_parent') AS placed_at_parent,
        sum(rows) FILTER (outcome = 'review') AS review,
        sum(rows) FILTER (outcome = 'decided') AS decided,
        sum(rows) FILTER (outcome = 'duplicate') AS duplicate,
        sum(rows) FILTER (outcome = 'quarantine') AS quarantine,
        sum(rows) FILTER (outcome = 'withdrawn') AS withdrawn,
        sum(rows) FILTER (outcome = 'kept') AS kept,
        sum(rows) FILTER (status = 'new') AS new,
        sum(rows) FILTER (status = 'changed') AS changed,
        sum(rows) FILTER (status = 'unchanged') AS unchanged
    FROM row_flows GROUP BY run_id, vendor
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
    f.run_id, f.vendor, f.rows_in, coalesce(s.placed, 0)::BIGINT AS placed,
    coalesce(s.placed_at_parent, 0)::BIGINT AS placed_at_parent, coalesce(s.review, 0)::BIGINT AS review,
    coalesce(s.decided, 0)::BIGINT AS decided, coalesce(s.duplicate, 0)::BIGINT AS duplicate,
    coalesce(s.quarantine, 0)::BIGINT AS quarantine, coalesce(s.withdrawn, 0)::BIGINT AS withdrawn,
    f.refused, f.held, f.repeated, f.undone, coalesce(w.gone, 0) AS gone, coalesce(s.kept, 0)::BIGINT AS kept,
    f.files, f.files_refused, f.files_held, f.files_repeated,
    coalesce(s.new, 0)::BIGINT AS new, coalesce(s.changed, 0)::BIGINT AS changed,
    coalesce(s.unchanged, 0)::BIGINT AS unchanged
FROM files f
LEFT JOIN rows_settled s USING (run_id, vendor)
LEFT JOIN gone w USING (run_id, vendor);
