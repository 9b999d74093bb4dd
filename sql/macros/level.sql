-- The name at level n of a path whose levels are joined by ' > '; NULL below its last level.
CREATE OR REPLACE MACRO level(path, n) AS string_split(path, ' > ')[n];
