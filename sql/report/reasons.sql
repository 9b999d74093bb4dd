-- One row per reason for which items wait for a person now.
SELECT reason, items, decisions, oldest FROM review_reasons ORDER BY items DESC, reason LIMIT 12;
