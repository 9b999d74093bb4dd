-- One row: the whole catalogue as it stands.
WITH standing AS (
    SELECT
        coalesce(sum(items), 0)::BIGINT AS items, coalesce(sum(placed), 0)::BIGINT AS placed,
        coalesce(sum(placed_by_rule), 0)::BIGINT AS placed_by_rule,
        coalesce(sum(placed_at_parent), 0)::BIGINT AS placed_at_parent, coalesce(sum(review), 0)::BIGINT AS review,
        coalesce(sum(decided), 0)::BIGINT AS decided, count(*) AS vendors
    FROM automation_by_vendor
)
SELECT
    *, share(placed, placed + placed_by_rule + placed_at_parent + review) AS automation,
    share(placed + placed_by_rule + decided, items) AS settled,
    (SELECT coalesce(sum(decisions), 0)::BIGINT FROM review_reasons) AS answers,
    (SELECT min(oldest) FROM review_reasons) AS oldest,
    (SELECT count(*) FROM labels_to_check) AS doubts
FROM standing;
