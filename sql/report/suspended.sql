-- One row per vendor or department whose automation is suspended.
SELECT kind, key, name, items, cause, missing, ends FROM suspended ORDER BY items DESC, key LIMIT 12;
