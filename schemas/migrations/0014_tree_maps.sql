-- One row per import of a map from our hierarchy to another tree (Google's, a marketplace's); the highest seq of a name is
-- today's. A taxonomy import that gives categories other ids appends one too, with source 'taxonomy'.
CREATE TABLE tree_maps (
    tree VARCHAR, map_version VARCHAR, seq BIGINT, taxonomy_version VARCHAR, source VARCHAR, rows BIGINT, run_id VARCHAR,
    imported_at TIMESTAMPTZ
);

-- One row per category of ours that a version of a map names. target_id or target_path may be NULL, never both.
CREATE TABLE tree_map_rows (
    tree VARCHAR, map_version VARCHAR, category_id VARCHAR, target_id VARCHAR, target_path VARCHAR
);
