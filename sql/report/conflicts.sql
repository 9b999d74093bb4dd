-- One row per GTIN whose items stand in several categories.
SELECT gtin, items, vendors, paths FROM gtin_conflicts ORDER BY items DESC, gtin LIMIT 12;
