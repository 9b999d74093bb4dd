-- One row per rule of policy.toml that was ever noted: what it does to live items today.
-- rule_id: its name in policy.toml
-- kind: never_automate, pin, target or probation
-- owner: who answers for it, a pseudonym or the name (settings: review.names)
-- acts: whether it is in the file still, and history does not speak against it
-- items: live items that stand, or wait, because of it
-- placed: of those, items it placed
-- kept: of those, items it kept the model from placing
-- decided_right: of all it ever placed, items somebody then decided as it says
-- decided_wrong: of all it ever placed, items somebody then decided otherwise
-- noted_at: when it was last noted as new or changed
CREATE OR REPLACE VIEW rule_hits AS
WITH named AS (
    SELECT
        rule_id, arg_max(kind, seq) FILTER (kind IS NOT NULL) AS kind,
        arg_max(owner, seq) FILTER (owner IS NOT NULL) AS owner, arg_max(acts, seq) AS acts,
        max(noted_at) FILTER (word <> 'gone') AS noted_at
    FROM rules GROUP BY rule_id
),
hits AS (
    SELECT
        r.rule_id, count(*) AS items, count(*) FILTER (has_category(r.outcome)) AS placed,
        count(*) FILTER (NOT has_category(r.outcome)) AS kept
    FROM standing_routes r SEMI JOIN live_items l USING (vendor, item_id)
    WHERE r.rule_id IS NOT NULL GROUP BY r.rule_id
),
put AS (
    SELECT vendor, item_id, arg_max(rule_id, seq) AS rule_id, arg_max(category_id, seq) AS category_id, max(routed_at) AS put_at
    FROM placed_by_rules GROUP BY vendor, item_id
),
judged AS (
    SELECT
        p.rule_id, count(*) FILTER (d.category_id = p.category_id) AS decided_right,
        count(*) FILTER (d.category_id <> p.category_id) AS decided_wrong
    FROM put p JOIN standing_decisions d USING (vendor, item_id)
    WHERE d.verdict = 'category' AND d.decided_at > p.put_at GROUP BY p.rule_id
)
SELECT
    n.rule_id, n.kind, n.owner, n.acts, coalesce(h.items, 0) AS items, coalesce(h.placed, 0) AS placed,
    coalesce(h.kept, 0) AS kept, coalesce(j.decided_right, 0) AS decided_right, coalesce(j.decided_wrong, 0) AS decided_wrong,
    n.noted_at
FROM named n LEFT JOIN hits h USING (rule_id) LEFT JOIN judged j USING (rule_id);
