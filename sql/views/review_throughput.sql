-- One row per day and reviewer: what came back from review.
-- day: when it was taken in, in UTC
-- who: as in decisions; unknown where nobody said who
-- items: items an answer was given for
-- answers: of these, answers of their own; the others were settled by the answer to a look-alike
-- categories: items that were given a category
-- unsure: items without an opinion
-- at_fault: items said to be bad_data, wrong_picture or not_sellable
-- no_category: items that no category fits
-- vendors: vendors whose items they were
CREATE OR REPLACE VIEW review_throughput AS
SELECT
    (decided_at AT TIME ZONE 'UTC')::DATE AS day, coalesce(who, 'unknown') AS who, count(*) AS items,
    count(*) FILTER (group_token IS NULL) AS answers, count(*) FILTER (verdict = 'category') AS categories,
    count(*) FILTER (verdict = 'unsure') AS unsure,
    count(*) FILTER (verdict IN ('bad_data', 'wrong_picture', 'not_sellable')) AS at_fault,
    count(*) FILTER (verdict = 'none') AS no_category, count(DISTINCT vendor) AS vendors
FROM decisions
WHERE source <> 'label' AND verdict <> 'skip'
    AND who IS DISTINCT FROM 'adjudication' -- marks that two answers differ: nobody's work
GROUP BY ALL;
