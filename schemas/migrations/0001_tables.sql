-- Facts at rest. Rows are appended with the run that wrote them and never updated; "current" is a view.
-- No primary keys: an index over millions of appended rows costs more than the invariants checked when a run closes.

CREATE TABLE workspace (workspace_id VARCHAR, created_at TIMESTAMPTZ);

-- One row per job run, written when it starts. plan: JSON list of [vendor, file name, sha256] it will take.
CREATE TABLE runs (
    run_id VARCHAR, job VARCHAR, key VARCHAR, plan JSON, model_id VARCHAR, policy_id VARCHAR, taxonomy_version VARCHAR,
    settings_hash VARCHAR, state_key VARCHAR, version VARCHAR, host VARCHAR, pid BIGINT, started_at TIMESTAMPTZ
);

-- One row per finished step of a run. key: hash of what the step read. counts: JSON of name -> number.
CREATE TABLE stages (
    run_id VARCHAR, stage VARCHAR, key VARCHAR, status VARCHAR, provider VARCHAR, counts JSON,
    started_at TIMESTAMPTZ, finished_at TIMESTAMPTZ
);

-- One row per ended run: done, failed or superseded (superseded_by then names the run that took its deliveries over).
CREATE TABLE run_ends (run_id VARCHAR, status VARCHAR, superseded_by VARCHAR, message VARCHAR, ended_at TIMESTAMPTZ);

-- One row per delivered file. status: accepted, refused, held, repeated (byte-identical to the latest accepted one).
-- kind: full, delta, labels. rows_in counts accepted and quarantined rows; folder: where relative pictures are looked up.
CREATE TABLE deliveries (
    delivery_id VARCHAR, vendor VARCHAR, delivery_no INTEGER, run_id VARCHAR, file_name VARCHAR, sha256 VARCHAR,
    kind VARCHAR, bytes BIGINT, rows_in BIGINT, status VARCHAR, reason VARCHAR, sentence VARCHAR, mapping_hash VARCHAR,
    folder VARCHAR, received_at TIMESTAMPTZ
);

-- One row per accepted feed row. status: new, changed, unchanged, duplicate. line: 1-based line in the staged file.
CREATE TABLE sightings (
    delivery_id VARCHAR, vendor VARCHAR, delivery_no INTEGER, line BIGINT, item_id VARCHAR, row_hash VARCHAR,
    input_hash VARCHAR, status VARCHAR
);

-- One row per version of an item (vendor, item_id, row_hash), written when first seen. Text is canonical.
-- price in the currency's main unit; image: absolute path or URL; image_status: ok, missing, unreadable, refused, remote.
CREATE TABLE items (
    vendor VARCHAR, item_id VARCHAR, row_hash VARCHAR, input_hash VARCHAR, title VARCHAR, description VARCHAR,
    brand VARCHAR, price DECIMAL(18, 4), currency VARCHAR, gtin VARCHAR, product_id VARCHAR, language VARCHAR,
    vendor_category VARCHAR, attributes VARCHAR, image VARCHAR, image_hash VARCHAR, image_status VARCHAR,
    flags VARCHAR[], delivery_id VARCHAR, run_id VARCHAR, created_at TIMESTAMPTZ
);

-- One row per refused row. raw is cut to 500 characters.
CREATE TABLE rejects (
    delivery_id VARCHAR, vendor VARCHAR, line BIGINT, item_id VARCHAR, rule VARCHAR, detail VARCHAR, raw VARCHAR,
    run_id VARCHAR
);

-- One row per input and model. Lists are ordered: top_* by log-odds, chain_* from the department down.
CREATE TABLE predictions (
    input_hash VARCHAR, model_id VARCHAR, leaf_id VARCHAR, probability DOUBLE, log_odds DOUBLE, top_ids VARCHAR[],
    top_log_odds DOUBLE[], chain_ids VARCHAR[], chain_mass DOUBLE[], chain_log_odds DOUBLE[], novelty DOUBLE,
    has_text BOOLEAN, has_image BOOLEAN, image_status VARCHAR, stage VARCHAR, provider VARCHAR, run_id VARCHAR,
    predicted_at TIMESTAMPTZ
);

-- One row each time an item's outcome is settled anew. The latest row of an item is its standing outcome.
-- outcome: placed, placed_at_parent, review, decided. decided_by: model, person, label, rule.
CREATE TABLE routes (
    run_id VARCHAR, vendor VARCHAR, item_id VARCHAR, row_hash VARCHAR, input_hash VARCHAR, model_id VARCHAR,
    policy_id VARCHAR, taxonomy_version VARCHAR, outcome VARCHAR, category_id VARCHAR, confidence DOUBLE,
    certified_precision DOUBLE, reason VARCHAR, reasons VARCHAR[], sentence VARCHAR, decided_by VARCHAR, parent_id VARCHAR,
    audit BOOLEAN, control BOOLEAN, group_id VARCHAR, route_key VARCHAR, seq BIGINT, routed_at TIMESTAMPTZ
);

-- What people and label files said. verdict: category, none, unsure, bad_data, wrong_picture, not_sellable, skip.
-- source: label, review, correction. random: the label belongs to a sample nobody selected.
CREATE TABLE decisions (
    decision_id VARCHAR, seq BIGINT, vendor VARCHAR, item_id VARCHAR, input_hash VARCHAR, verdict VARCHAR,
    category_id VARCHAR, taxonomy_version VARCHAR, who VARCHAR, source VARCHAR, random BOOLEAN, note VARCHAR,
    export_id VARCHAR, import_id VARCHAR, group_token VARCHAR, run_id VARCHAR, decided_at TIMESTAMPTZ
);

-- One row per node of each imported taxonomy version.
CREATE TABLE categories (
    taxonomy_version VARCHAR, category_id VARCHAR, parent_id VARCHAR, path VARCHAR, name VARCHAR, level INTEGER,
    is_leaf BOOLEAN, assignable BOOLEAN, scope_note VARCHAR
);
CREATE TABLE taxonomies (taxonomy_version VARCHAR, seq BIGINT, source VARCHAR, nodes BIGINT, leaves BIGINT, imported_at TIMESTAMPTZ);

-- One row per trained bundle; one row per promotion (latest seq serves). certificate and policy as JSON of their dataclass.
CREATE TABLE models (model_id VARCHAR, taxonomy_version VARCHAR, metrics JSON, facts JSON, run_id VARCHAR, trained_at TIMESTAMPTZ);
CREATE TABLE promotions (model_id VARCHAR, seq BIGINT, action VARCHAR, reason VARCHAR, run_id VARCHAR, promoted_at TIMESTAMPTZ);
CREATE TABLE certificates (
    certificate_id VARCHAR, model_id VARCHAR, target DOUBLE, delta DOUBLE, calibration_hash VARCHAR, attempt INTEGER,
    body JSON, issued_at TIMESTAMPTZ
);
CREATE TABLE policies (policy_id VARCHAR, seq BIGINT, model_id VARCHAR, settings_hash VARCHAR, certificate_id VARCHAR, body JSON, created_at TIMESTAMPTZ);

-- One row per training example of a bundle: which split its cluster fell into.
CREATE TABLE example_splits (model_id VARCHAR, vendor VARCHAR, item_id VARCHAR, input_hash VARCHAR, cluster VARCHAR, split VARCHAR);

-- Review sheets: one row per written sheet, one per row in it, one per imported sheet.
CREATE TABLE exports (export_id VARCHAR, run_id VARCHAR, file_name VARCHAR, rows BIGINT, exported_at TIMESTAMPTZ);
CREATE TABLE export_rows (
    export_id VARCHAR, token VARCHAR, group_token VARCHAR, vendor VARCHAR, item_id VARCHAR, input_hash VARCHAR,
    candidates VARCHAR[], parent_id VARCHAR, blind BOOLEAN
);
CREATE TABLE imports (import_id VARCHAR, sha256 VARCHAR, file_name VARCHAR, counts JSON, run_id VARCHAR, imported_at TIMESTAMPTZ);

-- Published files: one row per publish that reached the rename.
CREATE TABLE publications (run_id VARCHAR, sha256 VARCHAR, counts JSON, published_at TIMESTAMPTZ);
