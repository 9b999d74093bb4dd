-- One row per live item: why it stands where it stands, from the line of the feed to the last word said about it.
-- vendor: who delivers the item
-- item_id: the vendor's own id
-- title: the title delivered last
-- vendor_category: the vendor's own category
-- delivery_id: the delivery that named it last
-- file_name: that delivery's file, as the vendor called it
-- line: where it stands in that file, from 1
-- seen_at: when that delivery was read
-- predicted_id: the likeliest leaf; NULL without a prediction
-- predicted_path: its full path
-- probability: calibrated probability of that leaf
-- predicted_by: the model that predicted
-- verdict: what was said of it last; NULL where nobody said anything
-- decided_id: the category given then
-- who: who said so, as in decisions
-- source: label, review or correction
-- decided_at: when
-- decisions: how often something was said of it, all in the table decisions
-- outcome: placed, placed_at_parent, review or decided; NULL while it is not settled
-- category_id: where it stands; NULL in review
-- path: its full path
-- decided_by: model, look_alike (as look-alikes of it were decided), person, label or rule
-- reason: why, as one code
-- sentence: why, in words
-- confidence: calibrated probability of the placement; NULL where no model decided
-- certified_precision: what the certificate of its stratum promised; NULL where no certificate covers it
-- model_id: the model that served when it was settled
-- policy_id: the policy it was settled under
-- certificate_id: the certificate that policy rests on
-- run_id: the run that settled it
-- settled_at: when
-- since: when it came to stand in this category
-- rule_id: the rule of policy.toml that placed it, or kept the model from placing it; NULL where none did
CREATE OR REPLACE VIEW item_lineage AS
WITH said AS (SELECT vendor, item_id, count(*) AS decisions FROM decisions GROUP BY vendor, item_id)
SELECT
    l.vendor, l.item_id, i.title, i.vendor_category, l.delivery_id, f.file_name, l.line, l.seen_at,
    p.leaf_id AS predicted_id, a.path AS predicted_path, p.probability, p.model_id AS predicted_by,
    d.verdict, d.category_id AS decided_id, d.who, d.source, d.decided_at, coalesce(s.decisions, 0) AS decisions,
    r.outcome, r.category_id, coalesce(b.path, r.category_id) AS path, r.decided_by, r.reason, r.sentence, r.confidence,
    r.certified_precision, r.model_id, r.policy_id, y.certificate_id, r.run_id, r.routed_at AS settled_at, r.since,
    r.rule_id
FROM live_items l
JOIN items i USING (vendor, item_id, row_hash)
LEFT JOIN delivery_runs f ON f.delivery_id = l.delivery_id
LEFT JOIN item_predictions p ON p.vendor = l.vendor AND p.item_id = l.item_id
LEFT JOIN standing_decisions d ON d.vendor = l.vendor AND d.item_id = l.item_id
LEFT JOIN said s ON s.vendor = l.vendor AND s.item_id = l.item_id
LEFT JOIN standing_routes r ON r.vendor = l.vendor AND r.item_id = l.item_id
LEFT JOIN (SELECT policy_id, arg_max(certificate_id, seq) AS certificate_id FROM policies GROUP BY policy_id) y
    ON y.policy_id = r.policy_id
LEFT JOIN category_nodes a ON a.category_id = p.leaf_id
LEFT JOIN category_nodes b ON b.category_id = r.category_id;
