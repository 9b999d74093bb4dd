"""What must always hold of the facts, as questions that answer with what breaks it: no answer, no violation.

Each is one set-based statement with the parameter `$run`: NULL asks about all that was ever kept, a run's id only about
what that run wrote, where the rest was asked before. Statements about the published file read it as `shown`.
"""

from dataclasses import dataclass
from typing import Literal

from catalog.store import quoted

# facts: of the work database alone. settled: true once a night has settled everything said so far. shown: needs the
# published file. closed: needs it, and no night under way.
Needs = Literal["facts", "settled", "shown", "closed"]
_REPORT = "This is a fault of the program or of the disk: restore a backup, and report it with the example."


@dataclass(frozen=True)
class Invariant:
    """One thing that must hold. sql: one text for each violation, which names an example of it."""

    name: str
    holds: str
    sql: str
    remedy: str = _REPORT
    needs: Needs = "facts"


# What names one row of each table. No index holds this: an index over millions of appended rows costs more than asking.
KEYS = {
    "runs": ("run_id",),
    "run_ends": ("run_id",),
    "deliveries": ("delivery_id",),
    "items": ("vendor", "item_id", "row_hash"),
    "predictions": ("input_hash", "model_id"),
    "routes": ("seq",),
    "decisions": ("decision_id",),
    "imports": ("import_id",),
    "exports": ("export_id",),
    "export_rows": ("token",),
    "models": ("model_id",),
    "promotions": ("seq",),
    "taxonomies": ("seq",),
    "categories": ("taxonomy_version", "category_id"),
    "category_changes": ("cursor",),
    "look_alikes": ("vendor", "item_id", "input_hash"),
    "outlines": ("image_hash",),
}
_BY_RUN = (
    "items",
    "predictions",
    "look_alikes",
    "outlines",
)  # of these a night asks about its own rows only: the others are small or numbered
# (table, its columns, what they must name): a fact about nothing is a fact lost.
NAMED = (
    ("run_ends", ("run_id",), "runs"),
    ("stages", ("run_id",), "runs"),
    ("deliveries", ("run_id",), "runs"),
    ("delivery_orders", ("delivery_id",), "deliveries"),
    ("export_rows", ("export_id",), "exports"),
    ("promotions", ("model_id",), "models"),
    ("import_undos", ("import_id",), "imports"),
)


def _twice(table: str, key: tuple[str, ...]) -> str:
    columns = ", ".join(map(quoted, key))
    words = " || ' ' || ".join(f"{quoted(c)}::VARCHAR" for c in key)
    own = f"SEMI JOIN (SELECT {columns} FROM {table} WHERE $run::VARCHAR IS NULL OR run_id = $run) USING ({columns})"
    return (
        f"SELECT '{table} ' || {words} || ': ' || count(*) || ' rows' FROM {table} {own if table in _BY_RUN else ''} "
        f"GROUP BY {columns} HAVING count(*) > 1"
    )


def _nameless(table: str, key: tuple[str, ...], named: str) -> str:
    columns = ", ".join(map(quoted, key))
    words = " || ' ' || ".join(f"coalesce({quoted(c)}, '?')" for c in key)
    return f"SELECT DISTINCT '{table}: ' || {words} FROM {table} ANTI JOIN {named} USING ({columns})"


_TAKEN = "SELECT * FROM deliveries WHERE status = 'accepted' AND ($run::VARCHAR IS NULL OR run_id = $run)"
_BALANCE = f"""
    WITH taken AS ({_TAKEN}),
    sighted AS (
        SELECT delivery_id, count(*) FILTER (status <> 'duplicate') AS accepted, count(*) FILTER (status = 'duplicate') AS duplicate
        FROM sightings SEMI JOIN taken USING (delivery_id) WHERE status <> 'kept' GROUP BY delivery_id
    ),
    rejected AS (SELECT delivery_id, count(*) AS quarantined FROM rejects SEMI JOIN taken USING (delivery_id) GROUP BY delivery_id)
    SELECT t.vendor || ' ' || t.file_name || ': ' || t.rows_in || ' rows in, ' || coalesce(accepted, 0) || ' accepted, '
        || coalesce(duplicate, 0) || ' duplicate, ' || coalesce(quarantined, 0) || ' quarantined'
    FROM taken t LEFT JOIN sighted USING (delivery_id) LEFT JOIN rejected USING (delivery_id)
    WHERE t.rows_in IS DISTINCT FROM coalesce(accepted, 0) + coalesce(duplicate, 0) + coalesce(quarantined, 0)"""
_VERSIONS = f"""
    SELECT s.vendor || ' ' || s.item_id || ' in line ' || s.line || ' of delivery ' || s.delivery_id
    FROM (SELECT * FROM sightings SEMI JOIN ({_TAKEN}) USING (delivery_id) WHERE row_hash IS NOT NULL AND status <> 'duplicate') s
    ANTI JOIN items i ON i.vendor = s.vendor AND i.item_id = s.item_id AND i.row_hash = s.row_hash"""
_OUTCOMES = """
    SELECT vendor || ' ' || item_id || ': ' || coalesce(outcome, 'no outcome') || ' in ' || coalesce(category_id, 'no category')
    FROM routes
    WHERE ($run::VARCHAR IS NULL OR run_id = $run) AND (
        outcome IS NULL OR outcome NOT IN ('placed', 'placed_at_parent', 'review', 'decided')
        OR (outcome IN ('placed', 'placed_at_parent') AND category_id IS NULL)
        OR (outcome = 'decided' AND decided_by IS NULL)
    )"""
# The last word of a person, else of a label file, told from the log alone: without what was taken back, and without an
# answer against an audited placement that nobody has looked at a second time. Without a name each answer is another person's.
_REPLAYED = """
    WITH alone AS (
        SELECT vendor, item_id, input_hash FROM audit_answers a
        WHERE NOT EXISTS (
            FROM decisions o JOIN import_undos u ON u.import_id = o.import_id
            WHERE o.vendor = a.vendor AND o.item_id = a.item_id AND o.who = a.who AND o.source = a.source
              AND o.decided_at = a.decided_at
        )
        GROUP BY vendor, item_id, input_hash
        HAVING count(DISTINCT if(who = 'reviewer', 'answer ' || seq, 'person ' || who)) = 1 AND NOT arg_max(agrees, seq)
    ),
    waiting AS (
        SELECT vendor, item_id, who, source, decided_at FROM audit_answers SEMI JOIN alone USING (vendor, item_id, input_hash)
    ),
    heard AS (
        SELECT d.* FROM decisions d
        WHERE d.verdict <> 'skip' AND NOT EXISTS (
            FROM decisions o JOIN import_undos u ON u.import_id = o.import_id
            WHERE o.vendor = d.vendor AND o.item_id = d.item_id AND o.who IS NOT DISTINCT FROM d.who
              AND o.source = d.source AND o.decided_at = d.decided_at
        ) AND NOT EXISTS (
            FROM waiting w
            WHERE w.vendor = d.vendor AND w.item_id = d.item_id AND w.who = d.who AND w.source = d.source
              AND w.decided_at = d.decided_at
        )
    ),
    replayed AS (
        SELECT vendor, item_id, coalesce(max(seq) FILTER (source <> 'label'), max(seq)) AS seq
        FROM heard GROUP BY vendor, item_id
    )"""
_DECISIONS = f"""{_REPLAYED}
    SELECT coalesce(r.vendor || ' ' || r.item_id, s.vendor || ' ' || s.item_id) || ': the log ends at '
        || coalesce(r.seq::VARCHAR, 'nothing') || ', what stands is ' || coalesce(s.seq::VARCHAR, 'nothing')
    FROM replayed r FULL JOIN standing_decisions s ON s.vendor = r.vendor AND s.item_id = r.item_id
    WHERE r.seq IS DISTINCT FROM s.seq"""
# The last outcome of each item, told from the log alone.
_STANDS = """
    stands AS (
        SELECT vendor, item_id, outcome, category_id
        FROM routes SEMI JOIN (SELECT max(seq) AS seq FROM routes GROUP BY vendor, item_id) USING (seq)
    )"""
# Of items that nobody decided and that were never called decided there is nothing to ask.
_APPLIED = f"""{_REPLAYED},
    said AS (SELECT d.* FROM decisions d SEMI JOIN replayed USING (seq)),
    asked AS (
        SELECT vendor, item_id FROM said UNION SELECT vendor, item_id FROM routes WHERE outcome = 'decided'
    ),
    stands AS (
        SELECT vendor, item_id, outcome, category_id, reasons FROM routes
        SEMI JOIN (SELECT max(seq) AS seq FROM routes SEMI JOIN asked USING (vendor, item_id) GROUP BY vendor, item_id) USING (seq)
    ),
    known AS (SELECT category_id FROM categories WHERE taxonomy_version = (SELECT arg_max(taxonomy_version, seq) FROM taxonomies))
    SELECT l.vendor || ' ' || l.item_id || ': decided ' || coalesce(d.category_id, d.verdict, 'nothing') || ', stands as '
        || coalesce(s.outcome, 'nothing') || ' in ' || coalesce(s.category_id, 'no category')
    FROM (FROM live_items SEMI JOIN asked USING (vendor, item_id)) l
    LEFT JOIN said d USING (vendor, item_id) LEFT JOIN stands s USING (vendor, item_id)
    LEFT JOIN product_decisions p ON p.vendor = l.vendor AND p.item_id = l.item_id
    WHERE CASE
        WHEN d.category_id IN (FROM known) THEN NOT coalesce(
            (s.outcome = 'decided' AND s.category_id = d.category_id)
            OR list_contains(s.reasons, 'contradicts_decision'), false
        )
        WHEN d.verdict IN ('bad_data', 'not_sellable') THEN coalesce(s.outcome <> 'decided' OR s.category_id IS NOT NULL, true)
        ELSE coalesce(s.outcome = 'decided' AND s.category_id IS DISTINCT FROM p.category_id, false)
    END"""
_SETTLED = """
    SELECT l.vendor || ' ' || l.item_id FROM live_items l ANTI JOIN routes r ON r.vendor = l.vendor AND r.item_id = l.item_id"""
_PUBLISHED = f"""
    WITH {_STANDS},
    due AS (
        SELECT vendor, item_id, category_id FROM stands SEMI JOIN live_items USING (vendor, item_id)
        WHERE outcome <> 'review' AND category_id IS NOT NULL
    )
    SELECT coalesce(d.vendor || ' ' || d.item_id, p.vendor || ' ' || p.item_id) || ': settled in '
        || coalesce(d.category_id, 'no category') || ', published in ' || coalesce(p.category_id, 'none')
    FROM due d FULL JOIN shown.main.placements p ON p.vendor = d.vendor AND p.item_id = d.item_id
    WHERE d.category_id IS DISTINCT FROM p.category_id"""
_CHANGES = """
    WITH replayed AS (
        SELECT vendor, item_id, max_by(struct_pack(new_category_id), "cursor").new_category_id AS category_id
        FROM shown.main.category_changes GROUP BY vendor, item_id
    )
    SELECT coalesce(r.vendor || ' ' || r.item_id, p.vendor || ' ' || p.item_id) || ': replayed into '
        || coalesce(r.category_id, 'no category') || ', published in ' || coalesce(p.category_id, 'none')
    FROM (FROM replayed WHERE category_id IS NOT NULL) r
    FULL JOIN shown.main.placements p ON p.vendor = r.vendor AND p.item_id = r.item_id
    WHERE r.category_id IS DISTINCT FROM p.category_id"""
_LED = """
    WITH asked AS (SELECT DISTINCT "cluster" FROM look_alikes WHERE $run::VARCHAR IS NULL OR run_id = $run),
    led AS (SELECT "cluster", count(*) FILTER (keys IS NOT NULL) AS leaders FROM look_alikes SEMI JOIN asked USING ("cluster") GROUP BY ALL)
    SELECT 'cluster ' || coalesce("cluster", '?') || ' began ' || leaders || ' times' FROM led WHERE leaders <> 1"""
_CURSORS = """
    SELECT 'cursors run from ' || min("cursor") || ' to ' || max("cursor") || ' over ' || count(*) || ' changes'
    FROM category_changes HAVING count(*) > 0 AND (min("cursor") <> 1 OR max("cursor") <> count(*))"""
_KEPT = """
    WITH last AS (SELECT coalesce(max("cursor"), 0) AS "cursor" FROM shown.main.category_changes),
    theirs AS (FROM shown.main.category_changes WHERE $run::VARCHAR IS NULL OR run_id = $run),
    ours AS (FROM category_changes WHERE "cursor" <= (SELECT "cursor" FROM last) AND ($run::VARCHAR IS NULL OR run_id = $run)),
    differ AS (
        (FROM theirs EXCEPT ALL FROM ours) UNION ALL (FROM ours EXCEPT ALL FROM theirs)
    )
    SELECT DISTINCT 'change ' || "cursor" || ' of ' || vendor || ' ' || item_id FROM differ"""
_ONE_RUN = """
    SELECT 'published by ' || coalesce(f.run_id, 'no run') || ', last night was ' || coalesce(l.run_id, 'none')
    FROM (SELECT max(run_id) AS run_id FROM shown.main.freshness) f,
        (
            SELECT coalesce($run, max(run_id)) AS run_id
            FROM runs JOIN run_ends USING (run_id) WHERE job = 'nightly' AND status = 'done'
        ) l
    WHERE f.run_id IS DISTINCT FROM l.run_id"""
_REPUBLISH = (
    "Publish again: catalog publish. If it comes back, restore state/work.duckdb from a backup and report it; shops "
    "should start over from catalog export changes --since 0."
)

INVARIANTS = (
    Invariant("counts_balance", "rows of each file = accepted + duplicate + quarantined", _BALANCE),
    Invariant("keys_unique", "a key names one row", "\nUNION ALL ".join(_twice(t, k) for t, k in KEYS.items())),
    Invariant("facts_name_facts", "what a fact names is there", "\nUNION ALL ".join(_nameless(*n) for n in NAMED)),
    Invariant("versions_kept", "the version of every accepted row is kept", _VERSIONS),
    Invariant("outcomes_whole", "an outcome is one of four, with its category and who decided", _OUTCOMES),
    Invariant("decisions_replay", "the log of decisions, replayed, gives what stands", _DECISIONS),
    Invariant(
        "decisions_applied",
        "what a person or label decided is how the item stands, and nothing else is called decided",
        _APPLIED,
        needs="settled",
    ),
    Invariant("clusters_led", "look-alikes name the one they began with", _LED),
    Invariant("all_settled", "every live item has an outcome", _SETTLED, needs="settled"),
    Invariant("cursors_whole", "cursors of changes count from 1 without a gap", _CURSORS, _REPUBLISH),
    Invariant("changes_replay", "the changes, replayed, give what is published", _CHANGES, _REPUBLISH, needs="shown"),
    Invariant("changes_kept", "published changes are those the work database recorded", _KEPT, _REPUBLISH, needs="shown"),
    Invariant("published_settled", "what is published is what was settled", _PUBLISHED, _REPUBLISH, needs="closed"),
    Invariant("published_last", "what is published is the last night's", _ONE_RUN, _REPUBLISH, needs="closed"),
)  # fmt: skip
