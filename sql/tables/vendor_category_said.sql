-- One row each time a person said what a vendor's category means; the one with the highest seq stands.
-- seq: counts them
-- vendor: who delivers
-- vendor_category: the vendor's own category
-- category_id: ours; NULL where it means no category of ours
-- taxonomy_version: the version that id is from
-- who: as in decisions
-- run_id: the run that took it in
-- said_at: when
CREATE TABLE vendor_category_said AS
SELECT seq, vendor, vendor_category, category_id, taxonomy_version, reviewer_name(who) AS who, run_id, said_at
FROM vendor_category_said;
