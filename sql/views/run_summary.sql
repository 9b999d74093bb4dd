-- One row per run and vendor that delivered in it; rows_in = placed + placed_at_parent + review + decided + duplicate + quarantine + withdrawn.
-- run_id: the run
-- vendor: who delivered
-- rows_in: rows of accepted files
-- placed: stand at a leaf by the model
-- placed_at_parent: stand at a certified parent and wait for their leaf
-- review: wait for a person, in no category
-- decided: a person's or an imported label stands
-- duplicate: repeat another row of the same delivery
-- quarantine: broke a rule and were left out
-- withdrawn: delete an item, or name one that a later file of the same run withdrew before it was settled
-- refused: rows of refused files, as far as they could be counted; in no other column
-- held: rows of files held for a person; in no other column
-- repeated: rows of files identical to the vendor's latest; in no other column
-- undone: rows of accepted files that a person took back; in no other column
-- gone: items withdrawn: a full delivery came without them, or one deleted them
-- kept: items whose row of a full delivery is in quarantine; they stay as they were
-- files: accepted files
CREATE OR REPLACE VIEW run_summary AS
SELECT * FROM run_counts;
