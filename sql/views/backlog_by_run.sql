-- One row per run that published: what waited for a person then, and for how long it had waited.
-- run_id: the run
-- published_at: when
-- live: items that were live
-- waiting: of these, those that waited for a person, those at a parent included
-- answers: answers that would have settled them all; NULL for runs that did not keep it
-- median_hours: half of them had waited no longer than this; NULL likewise
-- oldest_hours: how long the first of them had waited; NULL likewise
CREATE OR REPLACE VIEW backlog_by_run AS
SELECT
    run_id, published_at, (counts ->> 'live_items')::BIGINT AS live, (counts ->> 'review_backlog')::BIGINT AS waiting,
    (counts ->> 'waiting_answers')::BIGINT AS answers, (counts ->> 'waiting_median_hours')::BIGINT AS median_hours,
    (counts ->> 'waiting_oldest_hours')::BIGINT AS oldest_hours
FROM publications
QUALIFY row_number() OVER (PARTITION BY run_id ORDER BY published_at DESC) = 1;
