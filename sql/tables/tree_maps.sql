-- One row per version of a map to another tree; the one with the highest seq of a tree is today's.
-- tree: the other tree's name, e.g. google
-- map_version: names the rows
-- seq: counts imports
-- taxonomy_version: our hierarchy when it was imported
-- source: the file it came from; taxonomy where an import of our hierarchy carried it over
-- rows: categories of ours that it names
-- imported_at: when
CREATE TABLE tree_maps AS
SELECT tree, map_version, seq, taxonomy_version, file_name(source) AS source, "rows", imported_at
FROM tree_maps;
