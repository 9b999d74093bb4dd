-- One row per vendor and day on which items of it were first seen: how long they took to a category.
-- vendor: who delivers
-- day: when they were first seen, in UTC
-- items: items first seen that day, without those that went before they had a category
-- waiting: of these, those that have none yet
-- p50_hours: half of them had a category within this many hours; NULL while half of them or more wait
-- p95_hours: all but a twentieth had a category within this many hours; NULL while more than those wait
CREATE OR REPLACE VIEW time_to_category AS
WITH timed AS (
    SELECT
        f.vendor, (f.first_seen_at AT TIME ZONE 'UTC')::DATE AS day, f.first_category_at IS NULL AS waits,
        coalesce((epoch(f.first_category_at) - epoch(f.first_seen_at)) / 3600, 'infinity'::DOUBLE) AS hours
    FROM first_categories f LEFT JOIN live_items l USING (vendor, item_id)
    WHERE f.first_category_at IS NOT NULL OR l.row_hash IS NOT NULL
)
SELECT
    vendor, day, count(*) AS items, count(*) FILTER (waits) AS waiting,
    nullif(quantile_disc(hours, 0.5), 'infinity'::DOUBLE) AS p50_hours,
    nullif(quantile_disc(hours, 0.95), 'infinity'::DOUBLE) AS p95_hours
FROM timed GROUP BY vendor, day;
