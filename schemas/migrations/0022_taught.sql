-- What each product was labelled when a model was made of it, in the ids of that model's taxonomy; NULL for answers that were
-- imported, and for models older than this column. Whether a category was renamed since is asked before the next one serves.
ALTER TABLE example_splits ADD COLUMN category_id VARCHAR;
