-- One row per category that a version of a map to another tree names; tree_categories applies today's.
-- tree: the other tree's name
-- map_version: the version
-- category_id: the category of ours
-- target_id: the id there; NULL where the map gives a path alone
-- target_path: the path there; NULL where the map gives an id alone
CREATE TABLE tree_map_rows AS
SELECT tree, map_version, category_id, target_id, target_path
FROM tree_map_rows;
