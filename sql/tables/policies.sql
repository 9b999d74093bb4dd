-- One row per policy: which thresholds placed items from when on.
-- policy_id: names the policy
-- seq: counts policies
-- model_id: the model it is for
-- settings_hash: names the routing settings
-- certificate_id: the certificate it rests on
-- body: all of it, as JSON
-- created_at: when it came into force
CREATE TABLE policies AS
SELECT policy_id, seq, model_id, settings_hash, certificate_id, body, created_at
FROM policies;
