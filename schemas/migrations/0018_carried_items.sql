-- texts: hash of the program, the SQL and the settings that the rows of `items` in the published file follow from; a later
-- publication takes rows over from a file made by the same.
ALTER TABLE publications ADD COLUMN texts VARCHAR;
