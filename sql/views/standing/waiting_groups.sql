-- One row per group of look-alikes of which two or more items wait for a person: one decision may settle all of them.
-- group_id: the group
-- items: items of the group that wait
CREATE OR REPLACE VIEW waiting_groups AS
SELECT group_id, count(*) AS items
FROM standing_routes SEMI JOIN live_items USING (vendor, item_id)
WHERE group_id IS NOT NULL AND (awaits_person(outcome) OR is_rechecked(outcome, reason))
GROUP BY group_id HAVING count(*) > 1;
