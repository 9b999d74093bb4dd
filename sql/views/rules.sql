-- One row each time policy.toml came to hold a rule, another form of it, or none any more.
-- seq: counts the rows
-- rule_id: its name in policy.toml
-- word: stands, changed or gone
-- kind: never_automate, pin, target or probation; NULL when it is gone
-- owner: who answers for it, a pseudonym or the name (settings: review.names)
-- body: what it says, as JSON
-- checked_items: live items it concerned when it was checked against history, before it acted
-- checked_decided: of what it concerned, items somebody had decided
-- checked_right: of those, how many as a pin says, or where the model was right that the rule keeps from placing
-- acts: false where history spoke against it
-- noted_at: when
CREATE OR REPLACE VIEW rules AS
SELECT
    seq, rule_id, word, body->>'$.kind' AS kind, owner, body,
    (checked->>'$.items')::BIGINT AS checked_items, (checked->>'$.decided')::BIGINT AS checked_decided,
    (checked->>'$.right')::BIGINT AS checked_right, acts, noted_at
FROM rules_noted;
