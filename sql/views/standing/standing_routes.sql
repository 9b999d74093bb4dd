-- One row per item ever routed: its standing outcome, settled by the run in run_id.
-- run_id: the run that settled it
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- row_hash: the version that was settled
-- input_hash: its content that decides a category
-- model_id: the model that served
-- policy_id: the policy it was settled under
-- taxonomy_version: the version its ids are from
-- outcome: placed, placed_at_parent, review or decided
-- category_id: where it stands; NULL in review
-- confidence: calibrated probability of the placement; NULL where no model decided
-- certified_precision: what the certificate of its stratum promised; NULL where no certificate covers it
-- reason: why, as one code
-- reasons: all that spoke against placing it, or for it, as codes
-- sentence: why, in words
-- decided_by: model, person, label or rule
-- parent_id: the deepest node held to be safe
-- audit: true when it is shown to a reviewer to check the automation
-- control: true when it was drawn at random before anything was decided
-- group_id: look-alikes that one decision may settle
-- route_key: hash of all that decided this outcome
-- seq: counts outcomes in the order they were settled
-- routed_at: when it was settled
-- rule_id: the rule of policy.toml that placed it, or kept the model from placing it; NULL where none did
-- since: when it came to stand in this category
-- queued_at: when it began to wait for a person; NULL when it does not
CREATE OR REPLACE VIEW standing_routes AS
WITH steps AS (
    SELECT
        *,
        category_id IS DISTINCT FROM lag(category_id) OVER item AS arrives,
        awaits_person(outcome) AND NOT awaits_person(coalesce(lag(outcome) OVER item, '')) AS enters_queue
    FROM routes
    WINDOW item AS (PARTITION BY vendor, item_id ORDER BY seq)
)
SELECT
    * EXCLUDE (arrives, enters_queue),
    CASE WHEN category_id IS NOT NULL THEN max(routed_at) FILTER (arrives) OVER item END AS since,
    CASE WHEN awaits_person(outcome) THEN max(routed_at) FILTER (enters_queue) OVER item END AS queued_at
FROM steps
WINDOW item AS (PARTITION BY vendor, item_id)
QUALIFY row_number() OVER (PARTITION BY vendor, item_id ORDER BY seq DESC) = 1;
