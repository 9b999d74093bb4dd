"""How the review stands, in words: what waits and why, who disagrees, who holds what, sheets out and back, answers a day."""

from catalog.certification import monitor
from catalog.review import disagreements, leases
from catalog.settings import Audit
from catalog.store import Store

SHEETS_SHOWN = 10
# One row per sheet: rows that were answered, and those its reviewer still holds.
SHEETS = """
    WITH answered AS (
        SELECT export_id, count(DISTINCT (vendor, item_id)) AS answered
        FROM decisions WHERE export_id IS NOT NULL AND who <> 'adjudication' GROUP BY export_id
    ),
    held AS (SELECT export_id, count(*) AS held FROM live_leases GROUP BY export_id)
    SELECT x.export_id, x.file_name, x.reviewer, x.rows, x.exported_at, coalesce(a.answered, 0) AS answered,
           coalesce(h.held, 0) AS held
    FROM exports x LEFT JOIN answered a USING (export_id) LEFT JOIN held h USING (export_id)
    WHERE x.file_name IS NOT NULL
    ORDER BY x.exported_at DESC, x.export_id LIMIT ?
"""
# One row per reviewer of the last week: what they answered themselves, what that settled, on how many days.
RATE = """
    SELECT who, count(*) FILTER (group_token IS NULL) AS answers, count(*) AS items,
           count(DISTINCT decided_at::DATE) AS days
    FROM decisions
    WHERE source = 'review' AND who <> 'adjudication' AND decided_at > now() - INTERVAL 7 DAY
    GROUP BY who ORDER BY answers DESC, who
"""
# One row per department the serving certificate's audit has looked at, both outcomes together.
AUDITED = """
    SELECT coalesce(any_value(p.path), p.department) AS path, any_value(p.target) AS target, sum(p.answers) AS answers,
           sum(p.wrong) AS wrong, max(p.stopped_at) AS stopped_at,
           (SELECT count(*) FROM audits a WHERE a.certificate_id = p.certificate_id AND a.department = p.department
            AND a.settled_at > now() - INTERVAL 28 DAY) / 4 AS weekly,
           (SELECT arg_max(s.share, s.seq) FROM audit_shares s WHERE s.department = p.department) AS share
    FROM audited_precision p WHERE p.certificate_id = (SELECT certificate_id FROM serving)
    GROUP BY p.certificate_id, p.department HAVING sum(p.answers) > 0 ORDER BY path
"""


def text(store: Store, audit: Audit) -> str:
    """All of it as plain lines."""
    parts = (
        _backlog(store),
        disagreements.lines(store),
        _leases(store),
        _sheets(store),
        _rate(store),
        _audit(store, audit),
    )
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _audit(store: Store, audit: Audit) -> list[str]:
    audited = store.query(AUDITED).to_dicts()
    if not audited:
        return ["Nothing that stands under the serving certificate has been audited yet."]
    return ["The audit of the serving certificate", *(_audited(row, audit) for row in audited)]


def _audited(row: dict, audit: Audit) -> str:
    answers, wrong = int(row["answers"]), int(row["wrong"])
    line = f"  {row['path']:<28} {(answers - wrong) / answers:.1%} of {answers:,} placements right"
    if row["stopped_at"]:
        return f"{line}; stopped since {row['stopped_at']:%Y-%m-%d}"
    if audit.see_nights and row["share"] is not None:
        line = f"{line}; {row['share']:.1%} of new ones are audited"
    fall = audit.see_fall
    needed = (
        monitor.answers_to_alarm(row["target"], row["target"] - fall, audit.between_alarms) if row["target"] else None
    )
    if needed is None or not row["weekly"]:
        return line
    return f"{line}; a fall of {fall:.0%} would be seen in about {needed / row['weekly']:.1f} weeks"


def _backlog(store: Store) -> list[str]:
    reasons = store.query("SELECT * FROM review_reasons ORDER BY decisions DESC, reason")
    if not reasons.height:
        return ["Nothing waits for a person."]
    items, decisions = int(reasons["items"].sum()), int(reasons["decisions"].sum())
    total = (
        f"{_many(items, 'item')} {'waits' if items == 1 else 'wait'}, {_many(decisions, 'decision')} would settle them"
    )
    lines = [
        f"  {row['reason']:<28} {_many(row['items'], 'item', 9):<17} {_many(row['decisions'], 'decision', 9):<19}"
        + (f"   oldest {row['oldest']:%Y-%m-%d}" if row["oldest"] else "")
        for row in reasons.iter_rows(named=True)
    ]
    return [total, *lines]


def _many(number: int, name: str, width: int = 0) -> str:
    return f"{number:>{width},} {name}{'' if number == 1 else 's'}"


def _leases(store: Store) -> list[str]:
    held = leases.holders(store)
    if not held.height:
        return ["Nobody holds a row. To lend some: catalog review export --reviewer NAME --limit 300"]
    return [
        "Held",
        *(
            f"  {row['reviewer']:<20} {_many(row['rows'], 'row', 6)} in {_many(row['groups'], 'group')} until {row['until']:%Y-%m-%d %H:%M}"
            f"   {row['file_name'] or 'on the page'}"
            for row in held.iter_rows(named=True)
        ),
        "  To free them before that: catalog review give-back NAME",
    ]


def _sheets(store: Store) -> list[str]:
    found = store.query(SHEETS, [SHEETS_SHOWN])
    if not found.height:
        return ["No sheet has been written."]
    return [
        f"The last sheets (at most {SHEETS_SHOWN})",
        *(
            f"  {row['file_name']:<28} {row['exported_at']:%Y-%m-%d %H:%M}  {row['reviewer'] or 'anybody':<12} "
            f"{row['answered']:>6,} of {row['rows']:,} rows answered"
            + (f", {row['held']:,} held" if row["held"] else "")
            for row in found.iter_rows(named=True)
        ),
    ]


def _rate(store: Store) -> list[str]:
    rate = store.query(RATE)
    if not rate.height:
        return ["Nobody has answered in the last 7 days."]
    a_day = rate["answers"].sum() / max(1, rate["days"].max() or 1)  # type: ignore[operator]
    open_decisions = store.one("SELECT coalesce(sum(decisions), 0) FROM review_reasons")
    lines = [
        f"  {row['who']:<20} {row['answers']:>6,} answers, {row['items']:,} items settled, on {row['days']} days"
        for row in rate.iter_rows(named=True)
    ]
    outlook = f"At {a_day:,.0f} answers a working day what waits takes {open_decisions / max(a_day, 1):,.1f} days."
    return ["The last 7 days", *lines, f"  {outlook}"]
