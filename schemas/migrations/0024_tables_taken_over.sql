-- made: what each table of the published file follows from, by its name, as JSON; a later publication takes over those that
-- follow from the same.
ALTER TABLE publications ADD COLUMN made VARCHAR;
