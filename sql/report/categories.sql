-- One row per category with the most items.
SELECT path, items FROM category_counts WHERE items > 0 ORDER BY items DESC, path LIMIT 12;
