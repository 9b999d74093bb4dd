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
-- decided_by: model, look_alike (as look-alikes of it were decided), person, label or rule
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
        vendor, item_id, seq, routed_at,
        category_id IS DISTINCT FROM lag(category_id) OVER item AS arrives,
        waits AND NOT coalesce(lag(waits) OVER item, false) AS enters_queue
    FROM (
        SELECT vendor, item_id, seq, routed_at, category_id, awaits_person(outcome) OR is_rechecked(outcome, reason) AS waits
        FROM routes
    )
    WINDOW item AS (PARTITION BY vendor, item_id ORDER BY seq)
),
-- Only what the windows need goes through them: with the sentences of a long history they took three times as long.
latest AS (
    SELECT
        max(seq) AS seq, max(routed_at) FILTER (arrives) AS arrived_at,
        max(routed_at) FILTER (enters_queue) AS entered_at
    FROM steps GROUP BY vendor, item_id
)
SELECT
    r.*, CASE WHEN r.category_id IS NOT NULL THEN l.arrived_at END AS since,
    CASE WHEN awaits_person(r.outcome) OR is_rechecked(r.outcome, r.reason) THEN l.entered_at END AS queued_at
FROM latest l JOIN routes r USING (seq);
