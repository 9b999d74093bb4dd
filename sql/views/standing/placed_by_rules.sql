-- One row each time a pin of policy.toml settled an item.
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- seq: counts outcomes in the order they were settled
-- rule_id: the rule
-- category_id: where it put the item
-- routed_at: when
CREATE OR REPLACE VIEW placed_by_rules AS
SELECT vendor, item_id, seq, rule_id, category_id, routed_at FROM routes WHERE decided_by = 'rule' AND rule_id IS NOT NULL;
