-- One row per vendor with live items: how they stand today.
-- vendor: who delivers
-- items: live items
-- placed: stand at a leaf, by the model or as look-alikes were decided
-- placed_by_rule: stand where a rule of policy.toml put them; not part of placed
-- placed_at_parent: stand at a certified parent and wait for their leaf
-- review: wait for a person, in no category
-- decided: a person's or an imported label stands
-- automation: placed as a share of the items nobody decided
-- settled: share of all items that stand at their final place
CREATE OR REPLACE VIEW automation_by_vendor AS
SELECT
    l.vendor, count(*) AS items,
    count(*) FILTER (r.outcome = 'placed' AND r.decided_by IS DISTINCT FROM 'rule') AS placed,
    count(*) FILTER (r.outcome = 'placed' AND r.decided_by = 'rule') AS placed_by_rule,
    count(*) FILTER (r.outcome = 'placed_at_parent') AS placed_at_parent,
    count(*) FILTER (r.outcome = 'review') AS review,
    count(*) FILTER (r.outcome = 'decided') AS decided,
    share(
        count(*) FILTER (r.outcome = 'placed' AND r.decided_by IS DISTINCT FROM 'rule'),
        count(*) FILTER (r.outcome IN ('placed', 'placed_at_parent', 'review'))
    ) AS automation,
    share(count(*) FILTER (r.outcome IN ('placed', 'decided')), count(*)) AS settled
FROM live_items l LEFT JOIN standing_routes r USING (vendor, item_id)
GROUP BY l.vendor;
