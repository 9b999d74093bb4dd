-- One row: what serves, since when, and the certificate it places under; all NULL where nothing serves.
SELECT model_id, promoted_at, policy_id, certificate_id, taxonomy_version FROM serving;
