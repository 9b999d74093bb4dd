"""What people say about deliveries.  `catalog feeds list | hold | release | retry | undo`"""

from typing import Any

from catalog.deliveries import held
from catalog.deliveries.held import By
from catalog.deliveries.inbox import inbox
from catalog.deliveries.lateness import late_vendors
from pipelines.session import Session

__all__ = ["By", "hold", "listed", "release", "retry", "undo"]

_NEXT = "The next night carries it out: catalog nightly"
# One row per delivered file, the youngest first, with what a person said about it and what became of it then.
_PAST = """
    WITH said AS (
        SELECT delivery_id, arg_max(word, seq) AS word, arg_max(who, seq) AS who, arg_max(said_at, seq) AS said_at
        FROM delivery_orders GROUP BY delivery_id
    ),
    newest AS (
        SELECT vendor, arg_max(delivery_id, delivery_no) AS delivery_id
        FROM delivery_runs WHERE status = 'accepted' AND kind <> 'labels' GROUP BY vendor
    )
    SELECT
        r.delivery_id, r.vendor, r.file_name, r.kind, r.rows_in, r.status, r.reason, r.sentence, r.received_at,
        s.word, s.who, s.said_at, n.delivery_id IS NOT NULL AS newest,
        (SELECT min(d.delivery_id) FROM deliveries d WHERE d.origin = r.delivery_id) AS became
    FROM delivery_runs r
    LEFT JOIN said s USING (delivery_id)
    LEFT JOIN newest n USING (delivery_id)
    WHERE r.kind <> 'labels' AND r.vendor = coalesce($vendor, r.vendor)
    ORDER BY r.received_at DESC LIMIT $limit
"""


def listed(session: Session, *, vendor: str | None = None, limit: int = 30) -> str:
    """What waits, who is late, and the last deliveries with what can be done about each."""
    past = session.store.query(_PAST, {"vendor": vendor, "limit": limit})
    lines = [
        *_waiting(session, vendor),
        *late_vendors(session.store, vendor),
        *(line for row in past.iter_rows(named=True) for line in _past(row)),
    ]
    return "\n".join(lines) or "Nothing waits and nothing was delivered yet. Feeds go to feeds/VENDOR/."


def _waiting(session: Session, vendor: str | None) -> list[str]:
    standing, lines = held.holds(session.store), []
    for waiting in inbox(session.workspace, session.settings.feeds):
        if vendor not in (None, waiting.vendor):
            continue
        said = held.on_hold(waiting, standing)
        why = (
            f"on hold by {said[0]} since {said[1]:%Y-%m-%d %H:%M}"
            if said
            else waiting.waits or "taken by the next night"
        )
        lines.append(f"waits  {waiting.vendor}  {waiting.path.name}  {why}")
    ends = [
        f"hold   {of}  {name or 'all files'}  by {who} since {when:%Y-%m-%d %H:%M}; to end it: {held.lifting(of, name)}"
        for (of, name), (who, when) in standing.items()
        if vendor in (None, of)
    ]
    return lines + ends


def _past(row: dict[str, Any]) -> list[str]:
    rows = f"{row['rows_in']:,} rows" if row["rows_in"] is not None else "rows not counted"
    head = (
        f"{row['delivery_id']}  {row['received_at']:%Y-%m-%d %H:%M}  {row['vendor']}  {row['file_name']}  {row['kind']}  "
        f"{rows}  {row['status']}"
    )
    todo = _what_to_do(row)
    return [head + (f" ({row['reason']})" if row["reason"] else ""), *([f"    {todo}"] if todo else [])]


def _what_to_do(row: dict[str, Any]) -> str:
    retry = f"to have it read again: catalog feeds retry {row['delivery_id']} --by NAME"
    if row["became"]:
        return f"{row['word']} by {row['who']}: it became {row['became']}"
    if row["word"] in ("release", "retry"):
        return f"{row['word']} by {row['who']}: the next night takes it"
    if row["status"] == "undone":
        return f"undone by {row['who']} on {row['said_at']:%Y-%m-%d %H:%M}; {retry}"
    if row["status"] in ("held", "refused"):
        return row["sentence"] or ""
    if row["newest"]:
        return f"if it should not have been taken: catalog feeds undo {row['delivery_id']} --by NAME"
    return ""


def hold(session: Session, vendor: str, file_name: str | None, by: By) -> str:
    """Tells files to wait; says what it did."""
    with session.single("feeds hold", vendor, file_name) as job:
        held.hold(job, vendor, file_name, by)
    return f"{file_name or 'Every file'} of {vendor} waits in the inbox until: {held.lifting(vendor, file_name)}"


def release(session: Session, named: str, file_name: str | None, by: By) -> str:
    """Releases a held delivery, or ends a hold on a vendor; says what it did."""
    with session.single("feeds release", named, file_name) as job:
        if held.lift(job, named, file_name, by):
            return f"{file_name or 'Every file'} of {named} is taken again. {_NEXT}"
        return f"{held.release(job, named, by)} is released. {_NEXT}"


def retry(session: Session, named: str, by: By) -> str:
    """Has a delivery read again; says what it did."""
    with session.single("feeds retry", named) as job:
        return f"{held.retry(job, named, by)} will be read again. {_NEXT}"


def undo(session: Session, named: str, by: By, *, with_later: bool = False) -> str:
    """Takes back a delivery; says what it did."""
    with session.single("feeds undo", named, with_later) as job:
        taken_back = held.undo(job, named, by, with_later=with_later)
    return f"Undone: {', '.join(taken_back)}. What stood before stands again; the shop sees it after: catalog nightly"
