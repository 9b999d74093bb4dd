"""What the page says of the audit, department by department: how much is looked at, and how soon a fall would be seen."""

from dataclasses import dataclass
from typing import Any

from catalog.certification import monitor
from catalog.publishing.questions import Question
from catalog.publishing.served import Serving
from catalog.settings import Audit


@dataclass(frozen=True)
class AuditRow:
    """A department. `share`: of what is placed anew there; `seen`: in words, how soon a fall would be."""

    department: str
    placed: int
    share: float | None
    answers: int
    wrong: int
    seen: str


def rows(question: Question, serves: Serving, audit: Audit) -> list[AuditRow]:
    """One row per department of the question `audit_shares`."""
    needed = (
        monitor.answers_to_alarm(serves.promise, serves.promise - audit.see_fall, audit.between_alarms)
        if serves.promise
        else None
    )
    return [_row(row, needed, audit) for row in question.records]


def _row(row: dict[str, Any], needed: int | None, audit: Audit) -> AuditRow:
    own = row["own_share"] if audit.see_nights else None
    share = row["share"] if own is None else own
    return AuditRow(row["department"], row["placed"], share, row["answers"], row["wrong"], _seen(row, needed))


def _seen(row: dict[str, Any], needed: int | None) -> str:
    if row["stopped_at"]:
        return f"stopped since {row['stopped_at']:%Y-%m-%d}"
    if needed is None:
        return "nothing is promised"
    if not row["weekly"]:
        return f"no answers in four weeks; {needed:,} are needed"
    weeks = needed / row["weekly"]
    return f"in about {weeks:,.1f} weeks" if weeks < 10 else f"in about {weeks:,.0f} weeks"
