"""Items about which reviewers disagree: they stand undecided and teach nothing until somebody answers again."""

from catalog.store import Store

SHOWN = 10
# One row per item whose standing decision is the note of a disagreement, with the last word of each who spoke of it.
DISPUTED = """
    WITH disputed AS (SELECT * FROM standing_decisions WHERE who = 'adjudication'),
    words AS (
        SELECT d.vendor, d.item_id, d.who, max_by(coalesce(n.path, d.category_id, d.verdict), d.seq) AS said, max(d.seq) AS seq
        FROM decisions d
        JOIN disputed s USING (vendor, item_id, input_hash)
        ANTI JOIN withdrawn_answers w
            ON w.vendor = d.vendor AND w.item_id = d.item_id AND w.who = d.who AND w.source = d.source
            AND w.decided_at = d.decided_at
        LEFT JOIN category_nodes n ON n.category_id = d.category_id
        WHERE d.who <> 'adjudication' AND d.verdict <> 'skip'
        GROUP BY ALL
    ),
    gathered AS (SELECT vendor, item_id, list(who || ' says ' || said ORDER BY seq) AS words FROM words GROUP BY ALL)
    SELECT s.vendor, s.item_id, i.title, array_to_string(g.words, ', ') AS words
    FROM disputed s
    JOIN gathered g USING (vendor, item_id)
    LEFT JOIN live_items l USING (vendor, item_id)
    LEFT JOIN items i ON i.vendor = l.vendor AND i.item_id = l.item_id AND i.row_hash = l.row_hash
    ORDER BY s.decided_at DESC, s.vendor, s.item_id
"""
_COUNT = "SELECT count(*) FROM standing_decisions WHERE who = 'adjudication'"


def lines(store: Store) -> list[str]:
    """Which items, and who says what, the latest first; nothing where nobody disagrees."""
    found = store.query(f"{DISPUTED} LIMIT {SHOWN}")
    if not found.height:
        return []
    number = store.one(_COUNT)
    head = f"Reviewers disagree about {number:,} {_items(number)}; until another answer each is asked again and teaches nothing"
    said = [
        f"  {row['vendor']} {row['item_id']}  {(row['title'] or '')[:40]}: {row['words']}"
        for row in found.iter_rows(named=True)
    ]
    return [head, *said, *([f"  and {number - SHOWN:,} more"] if number > SHOWN else [])]


def left_out(store: Store) -> list[str]:
    """What a training leaves out for it, as a line; none where nobody disagrees."""
    number = store.one(_COUNT)
    return [f"Left out: {number:,} {_items(number)} about which reviewers disagree (catalog review status)."] * bool(
        number
    )


def _items(number: int) -> str:
    return "item" if number == 1 else "items"
