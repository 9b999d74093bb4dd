"""How a night ended: a summary a person reads in ten seconds, and the same for machines. docs/operations.md has the fields."""

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from catalog.publishing import questions
from catalog.publishing.questions import Ask
from catalog.publishing.verdict import Alarm

VERSION = 1
_ROWS = ("placed", "placed_at_parent", "review", "decided", "duplicate", "quarantine", "withdrawn", "refused", "held")
Status = Literal["done", "nothing_to_do", "failed"]


@dataclass(frozen=True)
class State:
    """What the published file says of its run and of the catalogue. Times in UTC; ages in hours; shares from 0 to 1.

    answered_*: what reviewers settled in the seven days before the run ended, and how long it had waited.
    """

    run_id: str
    rows: dict[str, int]
    live_items: int
    automation: float | None
    waiting_items: int
    waiting_answers: int
    waiting_oldest_hours: int
    answered_items: int
    answered_median_hours: float | None
    answered_p95_hours: float | None
    audited_precision: float | None
    runs: int
    received_rows: int
    vendors: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Ending:
    """One night. run_id: None when nothing was to do or it failed before it began. state: None before the first publication.

    table: the counts by vendor, for the terminal. complaint: why the exit status is not 0 although the night went through.
    """

    status: Status
    run_id: str | None
    started_at: datetime
    ended_at: datetime
    exit_status: int
    alarms: tuple[Alarm, ...] = ()
    state: State | None = None
    table: str = ""
    complaint: str = ""

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.ended_at - self.started_at).total_seconds()

    @property
    def text(self) -> str:
        """The summary: the verdict, what came and went in three lines, then what needs a person and what to do."""
        return "\n".join([self._first_line(), *self._figures(), *self._alarms()])

    def _first_line(self) -> str:
        what = {"done": f"Run {self.run_id}", "nothing_to_do": "Nothing was new", "failed": "The night FAILED"}[
            self.status
        ]
        things = "1 thing" if len(self.alarms) == 1 else f"{len(self.alarms)} things"
        return f"{what}: LOOK HERE, {things}." if self.alarms else f"{what}: all right."

    def _figures(self) -> list[str]:
        if self.state is None:
            return []
        state, rows, lines = self.state, self.state.rows, []
        if self.status == "done":
            lines.append(
                f"  in        {rows['in']:,} rows: {rows['new']:,} new, {rows['changed']:,} changed, "
                f"{rows['unchanged']:,} unchanged, {rows['quarantine']:,} left out"
            )
            lines.append(
                f"  went      {rows['placed']:,} placed, {rows['placed_at_parent']:,} at a parent, {rows['review']:,} to a "
                f"person, {rows['decided']:,} decided"
            )
        waiting = (
            f"{state.waiting_items:,} of {state.live_items:,} items, {state.waiting_answers:,} "
            f"{'answer settles' if state.waiting_answers == 1 else 'answers settle'} them, the oldest for "
            f"{_age(state.waiting_oldest_hours)}"
        )
        lines.append(f"  waiting   {waiting if state.waiting_items else f'none of {state.live_items:,} items'}")
        took = answered(state.answered_items, state.answered_median_hours, state.answered_p95_hours)
        return [*lines, f"  answered  {took}"]

    def _alarms(self) -> Iterable[str]:
        for number, alarm in enumerate(self.alarms, start=1):
            yield f"  {number}. {alarm.sentence}"
            yield f"     to do: {alarm.todo}"

    def content(self) -> str:
        """As JSON, for published/night.json, a webhook or a command."""
        told = {
            "version": VERSION,
            "text": self.text,
            "verdict": "look_here" if self.alarms else "all_right",
            "status": self.status,
            "run_id": self.run_id,
            "started_at": self.started_at.isoformat(timespec="seconds"),
            "ended_at": self.ended_at.isoformat(timespec="seconds"),
            "exit_status": self.exit_status,
            "alarms": [asdict(alarm) for alarm in self.alarms],
            "state": None if self.state is None else asdict(self.state),
        }
        return json.dumps(told, ensure_ascii=False, indent=1, default=_plain) + "\n"


def state(ask: Ask) -> State:
    """What the published file says: of the run that published it, and of everything live."""
    run_id = ask("SELECT run_id FROM freshness").item()
    totals = questions.put(ask, "totals").records[0]
    backlog = questions.put(ask, "backlog", run_id).records[0]
    answers = questions.put(ask, "answered", run_id).records[0]
    audited = ask(
        "SELECT precision_so_far FROM audited_by_run JOIN serving USING (model_id) ORDER BY run_id DESC LIMIT 1"
    )
    ever = ask(
        "SELECT count(DISTINCT run_id) AS runs, coalesce(sum(rows_in + refused + held + repeated + undone), 0)::BIGINT AS n "
        "FROM run_summary"
    ).row(0)
    vendors = ask(
        "SELECT vendor, late, last_accepted_at, stale, stale_since FROM vendor_freshness ORDER BY vendor"
    ).to_dicts()
    return State(
        run_id=run_id,
        rows=_rows(ask, run_id),
        live_items=totals["items"],
        automation=totals["automation"],
        waiting_items=backlog["waiting"],
        waiting_answers=backlog["answers"],
        waiting_oldest_hours=backlog["oldest_hours"],
        answered_items=answers["items"],
        answered_median_hours=answers["p50_hours"],
        answered_p95_hours=answers["p95_hours"],
        audited_precision=audited.item() if audited.height else None,
        runs=ever[0],
        received_rows=ever[1],
        vendors=tuple(vendors),
    )


def _rows(ask: Ask, run_id: str) -> dict[str, int]:
    """Rows of a run by what became of them (as in run_summary), by how they stood to what was known, and `in`."""
    names = ("new", "changed", "unchanged", *_ROWS)
    flows = questions.put(ask, "flow", run_id).records
    counted = {name: sum(f["rows"] for f in flows if name in (f["status"], f["outcome"])) for name in names}
    kept_out = sum(f["rows"] for f in flows if f["status"] in ("refused", "held", "repeated", "undone"))
    return {"in": sum(f["rows"] for f in flows) - kept_out, **counted}


def answered(items: int, median: float | None, most: float | None) -> str:
    """How much reviewers settled in seven days and how long it had waited, in hours, as a person reads it."""
    if not items or median is None or most is None:
        return "nothing in the last 7 days"
    return f"{items:,} in the last 7 days, half of them within {_within(median)}, all but a twentieth within {_within(most)}"


def _within(hours: float) -> str:
    """The least whole time that is long enough."""
    return _age(max(1, math.ceil(hours)) if hours < 48 else 24 * math.ceil(hours / 24))


def _age(hours: int) -> str:
    if hours >= 48:
        return f"{hours // 24:,} days"
    return "1 hour" if hours == 1 else f"{hours} hours"


def _plain(value: object) -> str:
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else str(value)
