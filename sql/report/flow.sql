-- One row per kind of row of this run and what became of it; rows of files that were not taken stand under their own name.
SELECT status, outcome, sum(rows)::BIGINT AS rows
FROM row_flows WHERE run_id = $run_id AND status <> 'kept'
GROUP BY status, outcome
UNION ALL
SELECT kind, kind, sum(rows)::BIGINT
FROM (UNPIVOT (SELECT refused, held, repeated, undone FROM run_summary WHERE run_id = $run_id)
    ON refused, held, repeated, undone INTO NAME kind VALUE rows)
GROUP BY kind HAVING sum(rows) > 0
ORDER BY status, outcome;
