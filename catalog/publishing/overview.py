"""How things stand in ten lines: of the last night, of what waits, of what is automated, and what to do next.

It asks nothing that is not published, so that the published file answers while a night holds the work database.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

Query = Callable[[str], pl.DataFrame]
_LAST = "SELECT * FROM run_log WHERE job = 'nightly' ORDER BY run_id DESC LIMIT 1"
_ROWS = """
    SELECT run_id, sum(rows_in)::BIGINT AS rows_in, sum(placed)::BIGINT AS placed,
           sum(placed_at_parent)::BIGINT AS placed_at_parent, sum(review)::BIGINT AS review, sum(decided)::BIGINT AS decided,
           count(*) AS vendors
    FROM run_summary GROUP BY run_id ORDER BY run_id DESC LIMIT 1
"""
_BACKLOG = (
    "SELECT sum(items)::BIGINT AS items, sum(decisions)::BIGINT AS decisions, min(oldest) AS oldest FROM review_reasons"
)
_AUTOMATION = """
    SELECT sum(items)::BIGINT AS items, sum(placed)::BIGINT AS placed, sum(placed_by_rule)::BIGINT AS placed_by_rule,
           sum(placed_at_parent)::BIGINT AS placed_at_parent, sum(decided)::BIGINT AS decided
    FROM automation_by_vendor
"""
_SERVING = """
    SELECT s.model_id, s.promoted_at, s.policy_id, c.body AS certificate
    FROM serving s LEFT JOIN certificates c USING (certificate_id)
"""


@dataclass(frozen=True)
class Feeds:
    """What stands in the inboxes: files the next night takes, and those it will not."""

    waiting: tuple[str, ...] = ()
    kept: int = 0


@dataclass(frozen=True)
class Around:
    """What the tables do not know. `working`: who holds the workspace now. `disk`: the line about it.

    `automation`: what settings and rules say of placing, in words. `needs`: lines below that need a person.
    """

    feeds: Feeds
    disk: str
    automation: str
    working: str | None = None
    needs: int = 0


def lines(query: Query, around: Around) -> list[str]:
    """The ten lines, each a name in 14 characters and what is to be said."""
    last = _row(query, _LAST)
    serving = _row(query, _SERVING) or {}
    backlog = _row(query, _BACKLOG) or {}
    said = {
        "last night": _night(last, _row(query, _ROWS)),
        "at work": around.working or _unfinished(last),
        "feeds": _feeds(around.feeds),
        "vendors": _vendors(query),
        "backlog": _backlog(backlog),
        "automation": _automation(_row(query, _AUTOMATION) or {}, around.automation),
        "certified": _certified(serving),
        "suspended": _suspended(query),
        "disk": around.disk,
        "next": next(_next(last, serving, backlog, around)),
    }
    return [f"{name:<14}{text}" for name, text in said.items()]


def _row(query: Query, sql: str) -> dict[str, Any] | None:
    found = query(sql)
    return found.row(0, named=True) if found.height else None


def _night(last: dict | None, rows: dict | None) -> str:
    if last is None:
        return "none has run here yet"
    ended = f"{last['ended_at']:%Y-%m-%d %H:%M}" if last["ended_at"] else f"began {last['started_at']:%Y-%m-%d %H:%M}"
    text = f"{last['run_id']} {last['status']} {ended}"
    if last["message"]:
        text += f": {last['message']}"
    if rows is None or rows["run_id"] != last["run_id"]:
        return f"{text}, no deliveries"
    counts = ", ".join(
        f"{rows[n]:,} {n.replace('_', ' ')}" for n in ("placed", "placed_at_parent", "review", "decided")
    )
    return f"{text}, {rows['vendors']} vendors, {rows['rows_in']:,} rows: {counts}"


def _unfinished(last: dict | None) -> str:
    return (
        f"{last['run_id']} did not end (catalog nightly finishes it)"
        if last and last["status"] == "open"
        else "nothing"
    )


def _feeds(feeds: Feeds) -> str:
    named = f" ({', '.join(feeds.waiting[:3])}{' ...' if len(feeds.waiting) > 3 else ''})" if feeds.waiting else ""
    kept = f", {feeds.kept} more on hold or incomplete" if feeds.kept else ""
    return f"{len(feeds.waiting)} wait for the next night{named}{kept}"


def _vendors(query: Query) -> str:
    late = query("SELECT vendor FROM late_vendors ORDER BY due_at, vendor")["vendor"].to_list()
    stale = query("SELECT vendor FROM vendor_deadlines WHERE stale ORDER BY stale_since, vendor")["vendor"].to_list()
    known = query("SELECT count(DISTINCT vendor) FROM live_items").item()
    return f"{known} with live items; late: {_some(late)}; stale: {_some(stale)}"


def _some(vendors: list[str]) -> str:
    return ", ".join(vendors[:5]) + (" ..." if len(vendors) > 5 else "") if vendors else "none"


def _backlog(found: dict[str, Any]) -> str:
    if not found.get("items"):
        return "nothing waits for a person"
    since = _day(found["oldest"])
    return f"{found['items']:,} items wait, {found['decisions']:,} decisions would settle them{since}"


def _day(when: datetime | None) -> str:
    return f", the oldest since {when:%Y-%m-%d}" if when else ""


def _automation(found: dict[str, Any], switch: str) -> str:
    items, placed = found.get("items") or 0, (found.get("placed") or 0) + (found.get("placed_at_parent") or 0)
    if not items:
        return f"no live items ({switch})"
    by_rule = f", {found['placed_by_rule']:,} by rules" if found["placed_by_rule"] else ""
    decided = f", {found['decided']:,} decided by people or labels"
    return f"{placed / items:.1%} of {items:,} live items placed by the model{by_rule}{decided} ({switch})"


def _certified(serving: dict[str, Any]) -> str:
    model = serving.get("model_id")
    if model is None:
        return "no model serves: everything goes to review"
    body = json.loads(serving["certificate"] or "{}")
    passed = [name for name in ("leaf", "parent") if _passed(body.get(name) or {})]
    if not passed:
        return f"nothing yet: model {model} places nothing by itself"
    coverage = sum(body[name]["coverage"] for name in passed)
    return f"{body['target']:.1%} precision for {coverage:.0%} of products like the labels, model {model}"


def _passed(stratum: dict[str, Any]) -> bool:
    return stratum.get("threshold") is not None or any(
        test.get("threshold") is not None for test in stratum.get("tests", ())
    )


def _suspended(query: Query) -> str:
    rows = query("SELECT kind, name, items, missing FROM suspended ORDER BY items DESC, kind, key").rows()
    named = [f"{kind} {name} ({items or 0:,} items): {lacks.rstrip('.')}" for kind, name, items, lacks in rows]
    more = [f'and {len(rows) - 3} more (catalog sql "SELECT name, missing FROM suspended")'] if len(rows) > 3 else []
    return "; ".join([*named[:3], *more]) or "none"


def _next(last: dict | None, serving: dict[str, Any], backlog: dict[str, Any], around: Around) -> Iterator[str]:
    """What to do, the most urgent first; the caller takes one."""
    if around.working:
        yield "wait for the run to end; catalog status says how it went"
    if last and last["status"] == "open":
        yield "catalog nightly: it finishes the run that did not end"
    if serving.get("model_id") is None:
        yield "catalog train: no model serves yet (it needs labels: catalog labels import FILE)"
    if around.needs:
        yield "what needs a person stands in the lines below"
    if around.feeds.waiting:
        yield "catalog nightly: feeds wait"
    if around.feeds.kept:
        yield "catalog feeds list: files stay in the inbox until somebody says what to do"
    if backlog.get("items"):
        yield "catalog review export --reviewer NAME, or catalog review serve"
    yield "nothing: all is settled"
