-- One row per run that published, this one included: how much there was, and how long it had waited for a person.
-- run_id: the run
-- counts: live_items, current_category, review_backlog, predictions_current and training_examples are rows of these;
--   waiting_answers, waiting_median_hours and waiting_oldest_hours speak of review_backlog; as JSON of name to number
-- published_at: when
CREATE TABLE publications AS
WITH waiting AS (
    SELECT
        count() AS items, count() FILTER (group_size = 1) + count(DISTINCT CASE WHEN group_size > 1 THEN group_id END) AS answers,
        median(hours) AS median_hours, max(hours) AS oldest_hours
    FROM (
        SELECT
            group_id, group_size,
            greatest(0, epoch($published_at::TIMESTAMPTZ) - epoch(queued_at)) / 3600 AS hours
        FROM backlog
    )
),
known AS (
    SELECT run_id, counts, published_at FROM publications WHERE run_id <> $run_id::VARCHAR
    QUALIFY row_number() OVER (PARTITION BY run_id ORDER BY published_at DESC) = 1
)
SELECT run_id, counts, published_at FROM known
UNION ALL
SELECT
    $run_id::VARCHAR,
    json_object(
        'live_items', (SELECT count() FROM live_items), 'current_category', (SELECT count() FROM placements),
        'review_backlog', items, 'predictions_current', (SELECT count() FROM item_predictions),
        'training_examples', (SELECT count() FROM standing_decisions WHERE verdict = 'category'),
        'waiting_answers', answers, 'waiting_median_hours', coalesce(floor(median_hours), 0)::BIGINT,
        'waiting_oldest_hours', coalesce(floor(oldest_hours), 0)::BIGINT
    ),
    $published_at::TIMESTAMPTZ
FROM waiting;
