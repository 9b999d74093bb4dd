-- One row per vendor that should have delivered by now and has not.
SELECT vendor, due_at, last_accepted_at FROM vendor_deadlines WHERE late ORDER BY due_at, vendor;
