-- One row per import of a taxonomy version; the one with the highest seq is today's.
-- taxonomy_version: names the version
-- seq: counts imports
-- source: the file it came from
-- nodes: categories in it
-- leaves: categories with none below them
-- imported_at: when
CREATE TABLE taxonomies AS
SELECT taxonomy_version, seq, file_name(source) AS source, nodes, leaves, imported_at
FROM taxonomies;
