-- One row per vendor with live items: how they stand today.
SELECT vendor, items, placed, placed_by_rule, placed_at_parent, review, decided, automation
FROM automation_by_vendor ORDER BY items DESC, vendor LIMIT 60;
