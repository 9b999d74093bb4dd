-- One row per item of the review queue each time it was lent to a reviewer, lent on or given back; live_leases has what holds now.
-- seq: counts the rows in the order they were written
-- export_id: the sheet, or the page's, that the item is on
-- place: where on it
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- input_hash: the content that was shown
-- reviewer: a pseudonym of who holds it, always the same for one person, or the name (settings: review.names)
-- word: taken, renewed or returned
-- until: when it is free again by itself
-- taken_at: when it was first taken
-- run_id: the run that wrote the row
-- said_at: when it was written
CREATE TABLE leases AS
SELECT
    seq, export_id, place, vendor, item_id, input_hash, reviewer_name(reviewer) AS reviewer, word, until, taken_at, run_id,
    said_at
FROM leases;
