-- One row per certificate: what was tested on which labels, and what it promises.
-- certificate_id: names the certificate
-- model_id: the model it is of
-- target: the share of right placements that was asked for
-- delta: the share of certificates that may promise wrongly
-- calibration_hash: names the labels it was tested on
-- attempt: how often these labels were tested on, this time included
-- body: all of it, as JSON
-- issued_at: when
-- taxonomy_version: the version it was earned under; NULL for old ones
CREATE TABLE certificates AS
SELECT
    certificate_id, model_id, target, delta, calibration_hash, attempt, body, issued_at, taxonomy_version
FROM certificates;
