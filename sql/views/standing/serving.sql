-- One row: what serves now; model_id and policy_id are NULL before the first promotion.
-- model_id: the model
-- promoted_at: since when it serves
-- policy_id: the policy items are placed under
-- certificate_id: the certificate that policy rests on
-- taxonomy_version: the newest version of the taxonomy
CREATE OR REPLACE VIEW serving AS
WITH promoted AS (SELECT model_id, action, promoted_at FROM promotions ORDER BY seq DESC LIMIT 1)
SELECT
    (SELECT model_id FROM promoted) AS model_id,
    (SELECT promoted_at FROM promoted) AS promoted_at,
    (SELECT policy_id FROM policies JOIN promoted USING (model_id) ORDER BY seq DESC LIMIT 1) AS policy_id,
    (SELECT certificate_id FROM policies JOIN promoted USING (model_id) ORDER BY seq DESC LIMIT 1) AS certificate_id,
    (SELECT taxonomy_version FROM taxonomies ORDER BY seq DESC LIMIT 1) AS taxonomy_version;
