"""What about deliveries waits for a person: late vendors, held and refused files, files that stay in the inbox."""

from collections.abc import Iterator
from typing import Any

from catalog.deliveries import held
from catalog.deliveries.inbox import Pending, inbox
from catalog.deliveries.lateness import late_vendors
from catalog.settings import Feeds, Workspace
from catalog.store import Store

MOST = 5  # lines of a kind; the rest is in the list
# One row per held or refused delivery that nobody has answered yet, by a word or by a newer file that was taken.
UNANSWERED = """
    SELECT r.vendor, r.delivery_id, r.file_name, r.status, r.sentence
    FROM delivery_runs r
    WHERE r.status IN ('held', 'refused') AND r.kind <> 'labels'
      AND r.delivery_id NOT IN (SELECT delivery_id FROM delivery_orders)
      AND NOT EXISTS (
          FROM delivery_runs n
          WHERE n.vendor = r.vendor AND n.kind <> 'labels' AND n.status IN ('accepted', 'repeated')
            AND n.received_at > r.received_at
      )
    ORDER BY r.received_at DESC, r.delivery_id"""


def lines(store: Store, workspace: Workspace, limits: Feeds) -> list[str]:
    """One line each, with what to do next; none when all is well."""
    late = [f"late          {said}" for said in late_vendors(store)]
    past = [_past(row) for row in store.query(UNANSWERED).iter_rows(named=True)]
    at_once = limits.model_copy(update={"settle_seconds": 0})  # who asks how things stand does not wait for files
    here = list(_here(store, inbox(workspace, at_once)))
    return [line for found in (late, past, here) for line in _first(found)]


def _first(found: list[str]) -> list[str]:
    more = [f"              and {len(found) - MOST:,} more: catalog feeds list"] if len(found) > MOST else []
    return [*found[:MOST], *more]


def _past(row: dict[str, Any]) -> str:
    return f"{row['status']:<14}{row['vendor']}, {row['file_name']}: {row['sentence']}"


def _here(store: Store, found: list[Pending]) -> Iterator[str]:
    """Files that the next night will not take."""
    holds = held.holds(store)
    for waiting in found:
        named = f"{waiting.vendor}, {waiting.path.name}"
        ends = {(waiting.vendor, name) for name in (None, waiting.path.name, *(part.name for part in waiting.parts))}
        on_hold = next((key for key in holds if key in ends), None)
        if on_hold:
            who, when = holds[on_hold]
            yield f"on hold       {named}: by {who} since {when:%Y-%m-%d}; to have it taken: {held.lifting(*on_hold)}"
        elif waiting.refusal:
            yield f"refused       {named}: the next night will refuse it. {waiting.refusal[1]}"
        elif waiting.waits:
            yield f"incomplete    {named}: {waiting.waits}"
