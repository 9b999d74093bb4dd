-- One row each time an item waited for a person and a reviewer said what it is: how long that took.
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- reason: for which it waited then, as one code
-- who: who answered, as in decisions; unknown where nobody said who
-- verdict: what was answered, as in decisions; answers without an opinion, and those taken back, end no waiting
-- queued_at: when it began to wait
-- answered_at: when the first answer that settles it was taken in
-- hours: from the one to the other
CREATE OR REPLACE VIEW review_waits AS
WITH answers AS (
    SELECT vendor, item_id, seq, coalesce(who, 'unknown') AS who, verdict, decided_at
    FROM decisions ANTI JOIN withdrawn_answers USING (vendor, item_id, who, source, decided_at)
    WHERE source <> 'label' AND verdict IN ('category', 'none', 'bad_data', 'wrong_picture', 'not_sellable')
),
steps AS (
    SELECT vendor, item_id, seq, routed_at, reason, awaits_person(outcome) OR is_rechecked(outcome, reason) AS waits
    FROM routes SEMI JOIN answers USING (vendor, item_id)
),
entered AS (
    SELECT *, waits AND NOT coalesce(lag(waits) OVER item, false) AS enters FROM steps
    WINDOW item AS (PARTITION BY vendor, item_id ORDER BY seq)
),
queued AS (
    SELECT *, max(routed_at) FILTER (enters) OVER (PARTITION BY vendor, item_id ORDER BY seq) AS queued_at FROM entered
),
-- what was answered in the moment it was settled stood as before
met AS (
    SELECT a.*, q.reason, q.waits, q.queued_at
    FROM answers a ASOF JOIN queued q
        ON a.vendor = q.vendor AND a.item_id = q.item_id AND a.decided_at > q.routed_at
)
SELECT
    vendor, item_id, min_by(reason, seq) AS reason, min_by(who, seq) AS who, min_by(verdict, seq) AS verdict, queued_at,
    min_by(decided_at, seq) AS answered_at, (epoch(min_by(decided_at, seq)) - epoch(queued_at)) / 3600 AS hours
FROM met WHERE waits GROUP BY vendor, item_id, queued_at;
