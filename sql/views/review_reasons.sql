-- One row per reason for which live items wait for a person.
-- reason: as one code
-- items: live items that wait for it
-- decisions: answers that settle them all, for one settles a group of look-alikes
-- oldest: when the first of them began to wait
CREATE OR REPLACE VIEW review_reasons AS
SELECT
    coalesce(reason, 'unknown') AS reason, count(*) AS items,
    -- most items wait alone: only the groups of the others need be told apart
    count(*) FILTER (group_size = 1) + count(DISTINCT CASE WHEN group_size > 1 THEN group_id END) AS decisions, min(queued_at) AS oldest
FROM backlog GROUP BY reason;
