-- One row per answer to an item that the model had placed and that was drawn for the audit; audits has what came of it.
-- seq: counts the answers in the order they were taken in
-- decision_id: the decision it is
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- input_hash: the content that was judged
-- outcome: how it stood then: placed, placed_at_parent, or carried (placed as its look-alikes were decided)
-- placed_id: where it stood then
-- department: the department of that place
-- model_id: the model that served then
-- policy_id: the policy it stood under
-- agrees: whether the answer agrees with the placement
-- who: a pseudonym of who answered, or the name (settings: review.names)
-- source: review
-- run_id: the run that took it in
-- decided_at: when it was taken in
CREATE TABLE audit_answers AS
SELECT
    seq, decision_id, vendor, item_id, input_hash, outcome, placed_id, department, model_id, policy_id, agrees,
    reviewer_name(who) AS who, source, run_id, decided_at
FROM audit_answers;
