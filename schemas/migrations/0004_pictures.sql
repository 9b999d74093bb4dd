-- One row each time a picture behind a URL was asked for. url_key: sha256 of the URL as delivered, which may hold secrets
-- and is kept in items alone. status: ok (bytes came), unchanged (the server said so), failed.
-- sha256: of the content, NULL when failed; the bytes stand in state/pictures. reason: one code when failed.
CREATE TABLE pictures (
    url_key VARCHAR, seq BIGINT, sha256 VARCHAR, etag VARCHAR, last_modified VARCHAR, status VARCHAR, reason VARCHAR,
    bytes BIGINT, run_id VARCHAR, fetched_at TIMESTAMPTZ
);

-- One row per URL ever asked for: the content last seen (NULL when never), and how often it failed in a row since.
CREATE VIEW pictures_current AS
WITH good AS (
    SELECT url_key, max(seq) AS seq FROM pictures WHERE status <> 'failed' GROUP BY url_key
)
SELECT
    p.url_key,
    any_value(p.sha256) FILTER (p.seq = g.seq) AS sha256,
    any_value(p.etag) FILTER (p.seq = g.seq) AS etag,
    any_value(p.last_modified) FILTER (p.seq = g.seq) AS last_modified,
    count(*) FILTER (p.status = 'failed' AND (g.seq IS NULL OR p.seq > g.seq)) AS failures,
    arg_max_null(p.reason, p.seq) AS reason,
    arg_max(p.fetched_at, p.seq) AS fetched_at
FROM pictures p LEFT JOIN good g USING (url_key)
GROUP BY p.url_key;

-- One row per picture that stands for no picture: so many different products of a vendor show it. It stays one.
CREATE TABLE placeholders (vendor VARCHAR, sha256 VARCHAR, products BIGINT, run_id VARCHAR, found_at TIMESTAMPTZ);

-- One row each time the picture of a delivered version came, changed or failed after its row was read.
-- sighted_hash: the row_hash of the sighting; row_hash, input_hash: the version that stands in its place.
CREATE TABLE revisions (
    vendor VARCHAR, item_id VARCHAR, seq BIGINT, sighted_hash VARCHAR, row_hash VARCHAR, input_hash VARCHAR,
    run_id VARCHAR, revised_at TIMESTAMPTZ
);

-- One row per sighted version that another one stands for.
CREATE VIEW revised AS
SELECT vendor, item_id, sighted_hash, arg_max(row_hash, seq) AS row_hash, arg_max(input_hash, seq) AS input_hash
FROM revisions GROUP BY vendor, item_id, sighted_hash;

-- delivered_hash: of the row alone, without what its picture turned out to be. image_url: where the picture is fetched.
-- image_status also says fetch_failed; why a picture is none stands in flags as image_<reason>.
ALTER TABLE items ADD COLUMN delivered_hash VARCHAR;
ALTER TABLE items ADD COLUMN image_url VARCHAR;
