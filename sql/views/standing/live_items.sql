-- One row per live item: the version seen last. An item is live until a full delivery of its vendor comes without it, or
-- a delivery deletes it. A full one whose row of it is quarantined keeps it as it was.
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- row_hash: names the version, with vendor and item_id, in items; another than was sighted when its picture came later
-- input_hash: names the content that decides its category
-- sighted_hash: the row_hash its row was read with
-- product_id: shared by items that are one product (same GTIN or variant parent)
-- delivery_id: the delivery that named it last
-- delivery_no: that delivery's number
-- line: where it stands in that file, from 1
-- status: how the row stood to what was known: new, changed, unchanged, duplicate, or kept (its row was quarantined)
-- delivered: false when only label files have named it since the last full delivery
-- seen_at: when that delivery was read
CREATE OR REPLACE VIEW live_items AS
WITH accepted AS (
    -- of files before the last full one of their vendor not a row is read
    SELECT delivery_id, kind, received_at FROM taken_deliveries WHERE status = 'accepted'
    QUALIFY delivery_no >= coalesce(max(delivery_no) FILTER (kind = 'full') OVER (PARTITION BY vendor), delivery_no)
),
last_seen AS (
    SELECT
        s.*, a.received_at, bool_or(a.kind <> 'labels') OVER (PARTITION BY s.vendor, s.item_id) AS delivered
    FROM sightings s JOIN accepted a USING (delivery_id)
    QUALIFY row_number() OVER (PARTITION BY s.vendor, s.item_id ORDER BY s.delivery_no DESC, s.line DESC) = 1
)
SELECT
    s.vendor, s.item_id, coalesce(r.row_hash, s.row_hash) AS row_hash,
    coalesce(r.input_hash, s.input_hash) AS input_hash, s.row_hash AS sighted_hash,
    i.product_id, s.delivery_id, s.delivery_no, s.line, s.status, s.delivered, s.received_at AS seen_at
FROM last_seen s
LEFT JOIN items i USING (vendor, item_id, row_hash)
LEFT JOIN revised r ON r.vendor = s.vendor AND r.item_id = s.item_id AND r.sighted_hash = s.row_hash
WHERE s.status <> 'deleted';
