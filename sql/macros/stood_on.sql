-- True for the rows of category_history that stood when a day ended, in UTC: stood_on(valid_from, valid_to, '2026-03-01').
CREATE OR REPLACE MACRO stood_on(valid_from, valid_to, day) AS
    epoch_us(valid_from) < epoch_us((day::DATE + 1)::TIMESTAMP)
    AND (valid_to IS NULL OR epoch_us(valid_to) >= epoch_us((day::DATE + 1)::TIMESTAMP));
