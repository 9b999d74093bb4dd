-- One row per vendor or department whose automation is suspended.
SELECT kind, key, items, cause, ends FROM suspended ORDER BY items DESC, key LIMIT 12;
