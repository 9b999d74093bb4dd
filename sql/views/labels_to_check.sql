-- One row per label that looks wrong: what the newest model would say of the item without its label contradicts it.
-- rank: 1 is the most doubtful
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- title: of the version the label was given on; the item may be gone by now
-- category_id: the label
-- path: its names from the root
-- suggested_id: what training would expect instead
-- suggested_path: its names from the root
-- share_label: probability of the label, from what was learned without this item and its look-alikes
-- share_suggested: probability of the suggestion, likewise
-- model_id: the model in whose training the label was doubted
CREATE OR REPLACE VIEW labels_to_check AS
SELECT
    l.rank, l.vendor, l.item_id, l.title, l.category_id, c.path, l.suggested_id, s.path AS suggested_path,
    l.share_label, l.share_suggested, l.model_id
FROM doubted_labels l
LEFT JOIN category_nodes c ON c.category_id = l.category_id
LEFT JOIN category_nodes s ON s.category_id = l.suggested_id
ORDER BY l.rank;
