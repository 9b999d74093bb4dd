-- One row per live item that was settled in the shadow: where it would stand, beside where your own process, people or labels
-- put it.
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- title: the title delivered last
-- outcome: placed, placed_at_parent or review: what a live night would have done
-- category_id: where it would stand; NULL in review
-- path: that category's full path
-- confidence: calibrated probability of that
-- own_id: where the feed says that your own process put it, else where people or labels did; NULL where nobody did
-- own_path: that category's full path
-- compared: same, above (it would wait at a parent of theirs) or elsewhere; NULL where there is nothing to compare
-- learned: true when the model, or its certificate, rests on this very item: agreeing says nothing then
-- settled_at: when
-- own_said: what the feed says of your own process, as it stood there; NULL where it says nothing
CREATE OR REPLACE VIEW shadow_comparison AS
SELECT
    p.vendor, p.item_id, i.title, p.outcome, p.category_id, a.path, p.confidence, b.category_id AS own_id,
    b.path AS own_path,
    CASE
        WHEN p.category_id IS NULL OR b.category_id IS NULL THEN NULL
        WHEN p.category_id = b.category_id THEN 'same'
        WHEN starts_with(b.path, a.path || ' > ') THEN 'above'
        ELSE 'elsewhere'
    END AS compared,
    p.learned, p.settled_at, o.said AS own_said
FROM shadow_placements p
JOIN live_items l USING (vendor, item_id)
JOIN items i ON i.vendor = l.vendor AND i.item_id = l.item_id AND i.row_hash = l.row_hash
LEFT JOIN own_categories o USING (vendor, item_id)
LEFT JOIN (SELECT vendor, item_id, category_id FROM standing_decisions WHERE verdict = 'category') d USING (vendor, item_id)
LEFT JOIN category_nodes a ON a.category_id = p.category_id
LEFT JOIN category_nodes b ON b.category_id = CASE WHEN o.said IS NULL THEN d.category_id ELSE o.category_id END;
