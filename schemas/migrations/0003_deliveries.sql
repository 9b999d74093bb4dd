-- origin: the held, refused or undone delivery a person had read once more, which became this one. dated: by manifest,
-- name or file time. parts: JSON list of name, sha256 and bytes of its files. manifest: the vendor's manifest as JSON.
ALTER TABLE deliveries ADD COLUMN origin VARCHAR;
ALTER TABLE deliveries ADD COLUMN dated TIMESTAMPTZ;
ALTER TABLE deliveries ADD COLUMN parts JSON;
ALTER TABLE deliveries ADD COLUMN manifest JSON;

-- One row per word of a person on a delivery. word: release (take it as it is), retry (read it again), undo (as if it
-- had not come). release and retry are carried out by the next run, whose delivery names this one as its origin.
CREATE TABLE delivery_orders (
    seq BIGINT, delivery_id VARCHAR, word VARCHAR, who VARCHAR, note VARCHAR, run_id VARCHAR, said_at TIMESTAMPTZ
);

-- One row each time files of a vendor (all of them where file_name is NULL) were told to wait, or to wait no longer.
-- word: hold or lift; the last one on a vendor and file stands.
CREATE TABLE feed_holds (
    seq BIGINT, vendor VARCHAR, file_name VARCHAR, word VARCHAR, who VARCHAR, note VARCHAR, run_id VARCHAR,
    said_at TIMESTAMPTZ
);

-- One row each time a vendor's mapping came to say another `expected_every`; seconds is NULL where it says none.
CREATE TABLE schedules (seq BIGINT, vendor VARCHAR, seconds BIGINT, noted_at TIMESTAMPTZ);
