-- One row per item and full delivery that came without it though it was live just before.
CREATE OR REPLACE VIEW departures AS
WITH accepted AS (SELECT * FROM delivery_runs WHERE status = 'accepted'),
next_full AS (
    SELECT a.delivery_id, arg_min(f.delivery_id, f.delivery_no) AS next_id
    FROM accepted a JOIN accepted f ON f.vendor = a.vendor AND f.kind = 'full' AND f.delivery_no > a.delivery_no
    GROUP BY a.delivery_id
),
expected AS (SELECT DISTINCT s.vendor, s.item_id, n.next_id FROM sightings s JOIN next_full n USING (delivery_id))
SELECT e.vendor, e.item_id, e.next_id AS delivery_id, d.run_id, d.received_at AS gone_at
FROM expected e JOIN accepted d ON d.delivery_id = e.next_id
WHERE NOT EXISTS (
    SELECT 1 FROM sightings s WHERE s.delivery_id = e.next_id AND s.vendor = e.vendor AND s.item_id = e.item_id
);
