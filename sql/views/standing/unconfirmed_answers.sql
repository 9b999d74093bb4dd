-- One row per answer against a placement that waits for a second reviewer: until then it neither stands nor counts.
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- input_hash: the content that was judged
-- who: who answered
-- source: review
-- decided_at: when the answer was taken in
CREATE OR REPLACE VIEW unconfirmed_answers AS
SELECT DISTINCT a.vendor, a.item_id, a.input_hash, a.who, a.source, a.decided_at
FROM audit_answers a JOIN audits o USING (vendor, item_id, input_hash)
WHERE o.result = 'open';
