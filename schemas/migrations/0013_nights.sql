-- What a night had to leave for the next one when its deadline came. kind: delivery (a file still in the inbox), inputs (how
-- many were not classified), pictures. name: the file; rows: how many.
CREATE TABLE leftovers (run_id VARCHAR, kind VARCHAR, vendor VARCHAR, name VARCHAR, rows BIGINT, noted_at TIMESTAMPTZ);

-- One row per run of which something was taken back. what: JSON of what exactly, by name and number.
CREATE TABLE run_undos (
    seq BIGINT, undone_run_id VARCHAR, what JSON, who VARCHAR, note VARCHAR, run_id VARCHAR, undone_at TIMESTAMPTZ
);

-- One row per placement of the model that was taken back with its run, or because automation was switched off while the
-- run was at work. The same model does not place the same content anew.
CREATE TABLE placements_undone (
    vendor VARCHAR, item_id VARCHAR, input_hash VARCHAR, model_id VARCHAR, category_id VARCHAR, undone_run_id VARCHAR,
    run_id VARCHAR, undone_at TIMESTAMPTZ
);

-- One row each time policy.toml came to hold a rule, another form of it, or none any more (word: stands, changed, gone). body:
-- the rule as written, JSON, without who answers for it (owner) and their words. checked: what history said of it then, JSON. acts: false where history speaks against it.
CREATE TABLE rules_noted (
    seq BIGINT, rule_id VARCHAR, rule_hash VARCHAR, word VARCHAR, owner VARCHAR, body JSON, checked JSON, acts BOOLEAN, run_id VARCHAR,
    noted_at TIMESTAMPTZ
);

-- One row per attempt to earn the certificate that a rule with a target of its own asks for.
CREATE TABLE rule_certificates (
    rule_hash VARCHAR, model_id VARCHAR, target DOUBLE, delta DOUBLE, calibration_hash VARCHAR, attempt INTEGER,
    leaf_threshold DOUBLE, parent_threshold DOUBLE, body JSON, run_id VARCHAR, issued_at TIMESTAMPTZ
);

-- What a live night would have done, settled while mode is shadow; nothing of it is published as a category. The latest row
-- of an item stands.
CREATE TABLE shadow_routes (
    run_id VARCHAR, seq BIGINT, vendor VARCHAR, item_id VARCHAR, input_hash VARCHAR, model_id VARCHAR, policy_id VARCHAR,
    taxonomy_version VARCHAR, outcome VARCHAR, category_id VARCHAR, confidence DOUBLE, certified_precision DOUBLE,
    reason VARCHAR, group_id VARCHAR, route_key VARCHAR, settled_at TIMESTAMPTZ
);

-- rule_id: the rule of policy.toml that placed the item, or kept the model from placing it.
ALTER TABLE routes ADD COLUMN rule_id VARCHAR;
