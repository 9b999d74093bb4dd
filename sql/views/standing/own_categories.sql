-- One row per item for which a feed names the category that the retailer's own process gave it: its last word.
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- said: as it stood in the feed
-- category_id: the category of ours that this means; NULL where it means none
-- path: its full path
-- delivery_id: the delivery that said it first
-- noted_at: when it was read
CREATE OR REPLACE VIEW own_categories AS
SELECT w.vendor, w.item_id, w.said, c.category_id, c.path, w.delivery_id, w.noted_at
FROM (
    SELECT * FROM own_category_words
    ANTI JOIN (SELECT delivery_id FROM delivery_orders WHERE word = 'undo') USING (delivery_id)
    QUALIFY row_number() OVER (PARTITION BY vendor, item_id ORDER BY seq DESC) = 1
) w
LEFT JOIN (SELECT * FROM category_nodes WHERE NOT retired) c ON w.means IN (c.category_id, c.path);
