-- One row per item that would move to another category, and stays because more would than a night may move; in_all counts them.
SELECT vendor, item_id, title, sentence, count(*) OVER () AS in_all
FROM item_lineage WHERE reason = 'move_held' ORDER BY vendor, item_id LIMIT 12;
