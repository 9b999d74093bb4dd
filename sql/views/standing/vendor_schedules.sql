-- One row per vendor whose mapping says how often it delivers.
-- vendor: who delivers
-- seconds: expected_every of the mapping, in seconds
-- since: when that was first read
CREATE OR REPLACE VIEW vendor_schedules AS
SELECT vendor, seconds, noted_at AS since
FROM schedules
QUALIFY row_number() OVER (PARTITION BY vendor ORDER BY seq DESC) = 1 AND seconds IS NOT NULL;
