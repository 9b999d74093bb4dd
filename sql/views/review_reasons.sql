-- One row per reason for which live items wait for a person.
-- reason: as one code
-- items: live items that wait for it
-- decisions: answers that settle them all, for one settles a group of look-alikes
-- oldest: when the first of them began to wait
CREATE OR REPLACE VIEW review_reasons AS
SELECT
    coalesce(reason, 'unknown') AS reason, count(*) AS items,
    count(DISTINCT coalesce(group_id, vendor || chr(31) || item_id)) AS decisions, min(queued_at) AS oldest
FROM backlog GROUP BY reason;
