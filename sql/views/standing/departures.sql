-- One row per item and delivery that withdrew it: a full one that came without it, or one that deleted it, though it was
-- live just before.
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- delivery_id: the delivery that withdrew it
-- run_id: the run that answers for that delivery
-- gone_at: when that delivery was read
CREATE OR REPLACE VIEW departures AS
WITH accepted AS (SELECT * FROM taken_deliveries WHERE status = 'accepted'),
fulls AS (
    SELECT
        a.delivery_id, a.kind, arg_min(f.delivery_id, f.delivery_no) FILTER (f.delivery_no > a.delivery_no) AS full_id,
        min(f.delivery_no) FILTER (f.delivery_no > a.delivery_no) AS full_no, count(f.delivery_id) AS fulls_since
    FROM accepted a LEFT JOIN accepted f ON f.vendor = a.vendor AND f.kind = 'full' AND f.delivery_no >= a.delivery_no
    GROUP BY a.delivery_id, a.kind
),
-- Most items were named by every full delivery since their first one, and deleted by none: these never went, and need not be put
-- in order.
missed AS (
    SELECT s.vendor, s.item_id FROM sightings s JOIN fulls f USING (delivery_id)
    WHERE s.status <> 'duplicate'
    GROUP BY s.vendor, s.item_id
    HAVING count(*) FILTER (f.kind = 'full') < max(f.fulls_since) OR bool_or(s.status = 'deleted')
),
-- one row per item and delivery that named it, with the next one that did, and the next full one
named AS (
    SELECT s.vendor, s.item_id, s.delivery_no, s.status, f.full_id, f.full_no, s.delivery_id
    FROM sightings s JOIN fulls f USING (delivery_id) SEMI JOIN missed USING (vendor, item_id)
    WHERE s.status <> 'duplicate'
),
steps AS (
    SELECT
        *, lead(delivery_no) OVER item AS next_no, lead(delivery_id) OVER item AS next_id, lead(status) OVER item AS next_status
    FROM named
    WINDOW item AS (PARTITION BY vendor, item_id ORDER BY delivery_no)
),
withdrawn AS (
    SELECT vendor, item_id, CASE WHEN full_no < coalesce(next_no, full_no + 1) THEN full_id ELSE next_id END AS delivery_id
    FROM steps
    WHERE status <> 'deleted' AND (full_no < coalesce(next_no, full_no + 1) OR next_status = 'deleted')
)
SELECT w.vendor, w.item_id, w.delivery_id, d.run_id, d.received_at AS gone_at
FROM withdrawn w JOIN accepted d USING (delivery_id);
