"""Is the night all right? Each alarm says what is wrong in plain words and what to do; docs/operations.md has them all."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from catalog.certification.metrics import upper_bound
from catalog.publishing.publication import SETTLED
from catalog.publishing.questions import Ask, put
from catalog.publishing.served import Serving, serving

MANY_LEFT_OUT = 0.05  # of a vendor's rows in one night; single bad rows are daily life
LONG_WAIT_DAYS = 14  # that half of what waits has waited; by then people are further behind than a holiday explains
FEW_AUDITS = 10  # below which one wrong answer would alarm; the audit's own monitor looks at each department besides
_SURE = 0.975  # of the exact bound: that of the view is right on average only, and calls 0 of 1 less than 80%
_MOST = 5  # alarms of a kind that are spelled out


@dataclass(frozen=True)
class Alarm:
    """code: its heading in docs/operations.md. about: a vendor, file or other name; '' for the whole. todo: what to do."""

    code: str
    about: str
    sentence: str
    todo: str


@dataclass(frozen=True)
class _Night:
    """What the checks look at: answers of the published file about one run."""

    ask: Ask
    run_id: str
    serves: Serving
    today: Ask

    def rows(self, name: str) -> list[dict[str, Any]]:
        return put(self.ask, name, self.run_id).records


def alarms(ask: Ask, run_id: str, *, today: Ask | None = None) -> list[Alarm]:
    """All that needs a person after a run, the most urgent kind first; none when the night is all right.

    ask: the published file. today: the work database where it is at hand: a night that publishes nothing may still have
    read a mapping that makes a vendor late.
    """
    night = _Night(ask, run_id, serving(ask), today or ask)
    return [alarm for check in CHECKS.values() for alarm in _first(list(check(night)))]


def _first(found: list[Alarm]) -> list[Alarm]:
    if len(found) <= _MOST:
        return found
    more = len(found) - _MOST
    return [*found[:_MOST], Alarm(found[0].code, "", f"And {more:,} more like these.", found[0].todo)]


def _unbalanced(night: _Night) -> Iterator[Alarm]:
    for row in night.rows("counts"):
        settled = sum(row[name] for name in SETTLED)
        if row["rows_in"] != settled:
            yield Alarm(
                "counts_unbalanced", row["vendor"],
                f"Of {row['vendor']}'s {row['rows_in']:,} rows {settled:,} are accounted for.",
                "This is a fault of the program: keep the files and report it with the output of catalog runs show RUN",
            )  # fmt: skip


def _kept_out(status: str) -> Callable[[_Night], Iterator[Alarm]]:
    def check(night: _Night) -> Iterator[Alarm]:
        # also those of earlier nights: what nobody answered has not become right by waiting
        for row in night.rows("open_files"):
            if row["status"] == status:
                named = (
                    f"{row['vendor']}'s file {row['file_name']} was {status}. {row['sentence'] or row['reason'] or ''}"
                )
                before = row["last_accepted_at"]
                stands = (
                    f"as its file of {_day(before)} left them, marked stale" if before else "out until one is taken"
                )
                todo = f"Its items stay {stands}. See catalog feeds list --vendor {row['vendor']}"
                yield Alarm(f"file_{status}", row["vendor"], named.strip(), todo)

    return check


def _late(night: _Night) -> Iterator[Alarm]:
    for row in put(night.today, "late").records:
        last = row["last_accepted_at"]
        before = f"its last good file came on {_day(last)}" if last else "no good file of it ever came"
        yield Alarm(
            "vendor_late", row["vendor"], f"{row['vendor']} is late: due by {_day(row['due_at'])}, {before}.",
            f"Call {row['vendor']}, or correct expected_every in vendors/{row['vendor']}.toml",
        )  # fmt: skip


def _drift(night: _Night) -> Iterator[Alarm]:
    for row in night.rows("drift_alarms"):
        where = f" under {row['path']}" if row["path"] else ""
        shown = f" (such as {row['examples'][0]})" if row["examples"] else ""
        yield Alarm(
            "drift",
            row["vendor"],
            f"{row['vendor']}'s new items{where} differ: {row['sentence']}{shown}.",
            row["remedy"],
        )


def _left_out(night: _Night) -> Iterator[Alarm]:
    for row in night.rows("counts"):
        if row["rows_in"] and row["quarantine"] / row["rows_in"] > MANY_LEFT_OUT:
            yield Alarm(
                "rows_left_out", row["vendor"],
                f"{row['quarantine']:,} of {row['vendor']}'s {row['rows_in']:,} rows were left out.",
                f"Send it what to correct: catalog vendor report {row['vendor']}",
            )  # fmt: skip


def _no_model(night: _Night) -> Iterator[Alarm]:
    if night.serves.model_id is None:
        yield Alarm(
            "no_model",
            "",
            "No model serves: every item goes to a person.",
            "Import labelled products, then catalog train",
        )


def _not_certified(night: _Night) -> Iterator[Alarm]:
    if night.serves.model_id is not None and night.serves.promise is None:
        yield Alarm(
            "not_certified", "", "Nothing is placed automatically: no certificate was earned.",
            "The report says how many labels are missing; import some drawn at random, then catalog train",
        )  # fmt: skip


def _suspended(night: _Night) -> Iterator[Alarm]:
    for row in night.rows("suspended"):
        yield Alarm(
            "automation_suspended", row["key"],
            f"Automation of {row['kind']} {row['name']} is suspended ({row['items']:,} items): {row['cause']}. {row['missing']}",
            f"It ends with: {row['ends']}",
        )  # fmt: skip


def _audit_below(night: _Night) -> Iterator[Alarm]:
    promise = night.serves.promise
    for row in night.rows("audit_so_far"):
        right, answered = row["right_so_far"], row["answered_so_far"]
        if promise is not None and answered >= FEW_AUDITS and upper_bound(right, answered, _SURE) < promise:
            yield Alarm(
                "audit_below_target", row["model_id"],
                f"Of {row['answered_so_far']:,} placements checked blindly {row['right_so_far']:,} were right: fewer than the "
                f"{promise:.0%} promised.",
                "Look at the confused categories, import fresh labels with --random, then catalog train; or catalog rollback",
            )  # fmt: skip


def _moves_held(night: _Night) -> Iterator[Alarm]:
    for row in night.rows("moves_held")[:1]:
        yield Alarm(
            "moves_held", "",
            f"{row['in_all']:,} items (such as {row['item_id']}) would move to another category, more than routing.max_moves lets a night move: "
            "they stay where they stand.",
            "Look at some: catalog sql \"SELECT vendor, item_id, title, sentence FROM item_lineage WHERE reason = 'move_held'\"; "
            "if they are right: catalog approve-moves --by NAME",
        )  # fmt: skip


def _behind(night: _Night) -> Iterator[Alarm]:
    for row in night.rows("backlog")[:1]:
        days = (row["median_hours"] or 0) // 24
        if row["waiting"] and days >= LONG_WAIT_DAYS:
            yield Alarm(
                "review_behind", "",
                f"Review falls behind: half of the {row['waiting']:,} items that wait have waited for {days:,} days or more.",
                "Share the sheets out: catalog review export --reviewer NAME; the report says which categories cost most",
            )  # fmt: skip


def _day(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M}"


CHECKS: dict[str, Callable[[_Night], Iterator[Alarm]]] = {
    "counts_unbalanced": _unbalanced,
    "file_refused": _kept_out("refused"),
    "file_held": _kept_out("held"),
    "vendor_late": _late,
    "audit_below_target": _audit_below,
    "automation_suspended": _suspended,
    "moves_held": _moves_held,
    "rows_left_out": _left_out,
    "drift": _drift,
    "no_model": _no_model,
    "not_certified": _not_certified,
    "review_behind": _behind,
}
# The question that each alarm was read off: the page shows its numbers and its SQL.
ASKED = {
    "counts_unbalanced": "counts",
    "file_refused": "open_files",
    "file_held": "open_files",
    "vendor_late": "late",
    "audit_below_target": "audit_so_far",
    "automation_suspended": "suspended",
    "moves_held": "moves_held",
    "rows_left_out": "counts",
    "drift": "drift_alarms",
    "no_model": "serving",
    "not_certified": "certificate",
    "review_behind": "backlog",
}
FAILED = "night_failed"  # raised by the night itself: then nothing else can be asked
BROKEN = "invariant_broken"  # found after publishing, by the last step of the night
CODES = (FAILED, BROKEN, *CHECKS)


def headline(found: list[Alarm]) -> str:
    """The verdict in two or three words."""
    return "All right" if not found else f"Look here: {len(found)} {'thing' if len(found) == 1 else 'things'}"
