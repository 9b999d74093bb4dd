-- Ids of a model's classes as today's ids, each once and in order, without those that are gone; now may be NULL.
CREATE OR REPLACE MACRO categories_now(ids, now) AS
    CASE WHEN now IS NULL THEN ids ELSE list_filter(
        list_transform(ids, lambda id: CASE WHEN map_contains(now, id) THEN now[id] ELSE id END),
        lambda id, place: id IS NOT NULL AND list_position(
            list_transform(ids, lambda other: CASE WHEN map_contains(now, other) THEN now[other] ELSE other END), id
        ) = place
    ) END;
