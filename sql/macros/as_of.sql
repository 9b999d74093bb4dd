-- Where every item stood when a day ended, in UTC, as far as is known today: vendor, item_id, category_id, path under
-- its name of today, outcome, decided_by, model_id and run_id. FROM as_of('2026-03-01').
CREATE OR REPLACE MACRO as_of(day) AS TABLE
SELECT
    h.vendor, h.item_id, h.category_id, coalesce(n.path, h.category_id) AS path, h.outcome, h.decided_by, h.model_id,
    h.run_id
FROM category_history h LEFT JOIN category_nodes n USING (category_id)
WHERE epoch_us(h.valid_from) < epoch_us((day::DATE + 1)::TIMESTAMP)
    AND (h.valid_to IS NULL OR epoch_us(h.valid_to) >= epoch_us((day::DATE + 1)::TIMESTAMP));
