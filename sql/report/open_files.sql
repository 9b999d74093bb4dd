-- One row per file that was refused or held, in this night or an earlier one, with no newer good file of its vendor since.
SELECT d.vendor, d.file_name, d.status, d.reason, d.sentence, v.last_accepted_at, d.received_at, d.delivery_id
FROM delivery_runs d JOIN vendor_deadlines v USING (vendor)
WHERE d.status IN ('refused', 'held') AND d.kind IS DISTINCT FROM 'labels' AND NOT EXISTS (
    SELECT 1 FROM delivery_runs n
    WHERE n.vendor = d.vendor AND n.status IN ('accepted', 'repeated') AND n.kind IS DISTINCT FROM 'labels'
        AND n.received_at > d.received_at
)
ORDER BY d.received_at DESC, d.vendor, d.delivery_id;
