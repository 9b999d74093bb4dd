-- What became of each category when a version was imported. One row per category of the version before and one of the
-- new; a split has several. import_seq: that import's seq in taxonomies. kind: same, renamed, moved, merged, split,
-- removed (new_id then NULL). map_id: hash of the map a person handed in; NULL where ids alone said it.
CREATE TABLE category_map (
    import_seq BIGINT, old_id VARCHAR, new_id VARCHAR, kind VARCHAR, reason VARCHAR, map_id VARCHAR, run_id VARCHAR,
    mapped_at TIMESTAMPTZ
);

-- Names of one and the same set of calibration labels, before and after its categories got other ids: renaming them must
-- not make an attempt on them the first.
CREATE TABLE calibration_names (before VARCHAR, after VARCHAR, run_id VARCHAR);

-- Under which version of the hierarchy a certificate was earned: thresholds by department name its departments.
ALTER TABLE certificates ADD COLUMN taxonomy_version VARCHAR;

-- What each vendor's category meant when last learned. One row per vendor and category or one above it; a learning that
-- finds what the last one found writes nothing. right_items of items stand at or below category_id; lower_bound: of
-- their share, one-sided 95%. sources: where the decisions came from.
CREATE TABLE vendor_category_learned (
    learned_id VARCHAR, seq BIGINT, vendor VARCHAR, vendor_category VARCHAR, level INTEGER, category_id VARCHAR,
    items BIGINT, right_items BIGINT, lower_bound DOUBLE, sources VARCHAR[], run_id VARCHAR, learned_at TIMESTAMPTZ
);

-- What a person said about a vendor's category; the latest row stands. category_id NULL: it means no category of ours.
CREATE TABLE vendor_category_said (
    seq BIGINT, vendor VARCHAR, vendor_category VARCHAR, category_id VARCHAR, taxonomy_version VARCHAR, who VARCHAR,
    run_id VARCHAR, said_at TIMESTAMPTZ
);

-- The mappings a certificate was earned with: an item whose prediction contradicts one of them is not placed under it.
CREATE TABLE vendor_category_rules (
    certificate_id VARCHAR, vendor VARCHAR, vendor_category VARCHAR, category_id VARCHAR, items BIGINT, right_items BIGINT,
    lower_bound DOUBLE, said_by VARCHAR
);
