-- One row per live item that waits for a person, those at a parent included.
-- token: names the row on the latest review sheet; NULL when it is on none
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- group_id: look-alikes that one decision may settle
-- group_size: items of that group in the backlog
-- title: the title delivered last
-- reason: why it waits, as one code
-- sentence: why it waits, in words
-- candidate_*: category id of a likely leaf, 1 the likeliest; NULL where there are fewer
-- path_*: that leaf's full path
-- parent_path: the deepest node held to be safe, where the item may already stand
-- queued_at: when it began to wait
-- run_id: the run that settled its outcome
CREATE OR REPLACE VIEW review_backlog AS
SELECT
    b.token, b.vendor, b.item_id, b.group_id, b.group_size, b.title, b.reason, b.sentence,
    b.candidates[1] AS candidate_1, b.candidates[2] AS candidate_2, b.candidates[3] AS candidate_3,
    b.candidates[4] AS candidate_4, b.candidates[5] AS candidate_5,
    n1.path AS path_1, n2.path AS path_2, n3.path AS path_3, n4.path AS path_4, n5.path AS path_5,
    up.path AS parent_path, b.queued_at, b.run_id
FROM backlog b
LEFT JOIN category_nodes n1 ON n1.category_id = b.candidates[1]
LEFT JOIN category_nodes n2 ON n2.category_id = b.candidates[2]
LEFT JOIN category_nodes n3 ON n3.category_id = b.candidates[3]
LEFT JOIN category_nodes n4 ON n4.category_id = b.candidates[4]
LEFT JOIN category_nodes n5 ON n5.category_id = b.candidates[5]
LEFT JOIN category_nodes up ON up.category_id = b.parent_id;
