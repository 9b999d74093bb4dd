-- One row per live item that nobody decided, and whose look-alikes somebody did: all of those decisions say the same leaf. Where it is
-- certified, such an item is placed there.
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- cluster: its look-alikes
-- category_id: the category given to them
-- decision_id: the latest of the decisions
-- decisions: how many of its look-alikes were decided
CREATE OR REPLACE VIEW look_alike_decisions AS
WITH said AS (
    SELECT a.cluster, d.category_id, d.decision_id
    FROM standing_decisions d JOIN look_alikes a USING (vendor, item_id, input_hash) WHERE d.verdict = 'category'
),
agreed AS (
    SELECT cluster, any_value(category_id) AS category_id, max(decision_id) AS decision_id, count(*) AS decisions
    FROM said GROUP BY cluster HAVING count(DISTINCT category_id) = 1
)
SELECT l.vendor, l.item_id, a.cluster, g.category_id, g.decision_id, g.decisions
FROM live_items l
JOIN look_alikes a ON a.vendor = l.vendor AND a.item_id = l.item_id AND a.input_hash = l.input_hash
JOIN agreed g ON g.cluster = a.cluster
ANTI JOIN standing_decisions d ON d.vendor = l.vendor AND d.item_id = l.item_id;
