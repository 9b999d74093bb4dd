-- One row each time policy.toml came to hold a rule, another form of it, or none any more; the view rules is easier to read.
-- seq: counts the rows
-- rule_id: its name in policy.toml
-- word: stands, changed or gone
-- owner: who answers for it, a pseudonym or the name (settings: review.names); NULL when it is gone
-- body: what it says, as JSON; NULL when it is gone
-- checked: what history said of it before it acted, as JSON
-- acts: false where history spoke against it
-- run_id: the run that noted it
-- noted_at: when
CREATE TABLE rules_noted AS
SELECT seq, rule_id, word, reviewer_name(owner) AS owner, body, checked, acts, run_id, noted_at
FROM rules_noted;
