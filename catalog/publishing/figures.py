"""The figures of the page about a run: each is one question, drawn, with a sentence of what to read off it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
from markupsafe import Markup

from catalog.publishing import charts, flow
from catalog.publishing.charts import Point, percent
from catalog.publishing.questions import Question
from catalog.publishing.served import Serving
from catalog.publishing.svg import Words
from catalog.publishing.verdict import FEW_AUDITS
from catalog.store import literal
from catalog.watch import drift_words

Asked = dict[str, Question]
_WIDE, _NARROW = 960, 400


@dataclass(frozen=True)
class Figure:
    """A heading, a drawing, what it says, and the question it was drawn from."""

    title: str
    drawn: Markup
    caption: str
    question: Question


def drawn(asked: Asked, serves: Serving) -> dict[str, Figure | None]:
    """Every figure by name; None for those that have nothing to show yet."""
    return {
        "flow": _flow(asked["flow"]),
        "automation": _automation(asked["automation"]),
        "audited": _audited(asked["audited"], serves),
        "backlog": _backlog(asked["backlog"]),
        "waiting": _waiting(asked["backlog"]),
        "turnaround": _turnaround(asked["turnaround"]),
        "reasons": _reasons(asked["reasons"]),
        "review_by_category": _by_category(asked["review_by_category"]),
        "rejects": _rejects(asked["rejects"]),
        "risk_coverage": _risk_coverage(asked["risk_coverage"], serves),
        "reliability": _reliability(asked["reliability"]),
    }


def drifts(question: Question) -> list[Figure]:
    """One figure a vendor, the furthest off first: what differs from what it sent before, and how near that is to an alarm."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in question.records:
        found.setdefault(row["vendor"], []).append(row)
    return [_drift(question, number, vendor, rows) for number, (vendor, rows) in enumerate(found.items())]


def _drift(question: Question, number: int, vendor: str, rows: list[dict[str, Any]]) -> Figure:
    names = [_compared(row) for row in rows]
    shares = [row["of_bar"] for row in rows]
    told = "; ".join(f"{name} {share:.0%}" for name, share in zip(names, shares, strict=True))
    words = Words(f"drift-{number}", vendor, f"Shares of what alarms: {told}.")
    alarms = [row["sentence"] for row in rows if row["alarm"] and row["sentence"]]
    compared = max(rows, key=lambda row: row["items"])
    told = f"Beyond chance: {'; '.join(alarms)}." if alarms else "Nothing differs beyond chance."
    caption = (
        f"{compared['items']:,} new items, compared with {compared['reference_items']:,} of {compared['reference_runs']} earlier "
        f"runs. {told}"
    )
    # the same question of this vendor alone: a reader copies one statement
    own = question.sql.replace("FROM drift WHERE", f"FROM drift WHERE vendor = {literal(vendor)} AND")
    asked = Question(question.name, own, question.rows.filter(pl.col("vendor") == vendor))
    return _figure(asked, charts.against_bar(names, shares, words), words, caption)


def _compared(row: dict[str, Any]) -> str:
    """A statistic in words, with the department where it is not of all items."""
    part = "" if row["part"] == "all items" else f"{row['part'].rpartition(' > ')[2]}: "
    return part + drift_words.called(row["statistic"])


def _figure(question: Question, svg: str, words: Words, caption: str) -> Figure:
    # drawn by ourselves from numbers, and every text in it escaped where it is written
    return Figure(words.title, Markup(svg), caption, question)


def _flow(question: Question) -> Figure | None:
    rows = question.records
    total = sum(row["rows"] for row in rows)
    if not total:
        return None
    told = ", ".join(f"{row['rows']:,} {row['status']} to {row['outcome'] or 'nothing'}" for row in rows)
    title = "Rows received, and where they went"
    both = [
        flow.diagram(rows, Words(f"flow-{width}", title, f"{total:,} rows received: {told}."), width=width)
        for width in (_WIDE, _NARROW)
    ]
    drawing = f'<div class="wide">{both[0]}</div><div class="narrow">{both[1]}</div>'
    caption = (
        f"{total:,} rows received. Widths are to scale, and each column adds up to what flows into it. "
        "Unchanged rows keep the place they had."
    )
    return _figure(question, drawing, Words("flow", title), caption)


def _oldest_first(question: Question) -> list[dict[str, Any]]:
    return question.records[::-1]


def _automation(question: Question) -> Figure | None:
    rows = _oldest_first(question)
    if not rows:
        return None
    points = [
        Point(
            row["started_at"], row["automation"],
            f"{_day(row['started_at'])}: {percent(round(row['automation'], 3))}, {row['placed']:,} placed by the model",
        )
        for row in rows
    ]  # fmt: skip
    last = rows[-1]
    caption = (
        f"Of the rows of a run that nobody had decided, the share the model placed at a leaf. Last: "
        f"{percent(round(last['automation'], 3))}, {last['placed']:,} placed, {last['placed_at_parent']:,} at a parent, "
        f"{last['review']:,} to a person."
    )
    words = Words("automation", "Automation by run", caption)
    return _figure(question, charts.trend(points, words, percent, edges=(0, 1)), words, caption)


def _audited(question: Question, serves: Serving) -> Figure | None:
    rows = _oldest_first(question)
    if not rows:
        return None
    points = [
        Point(
            row["started_at"], row["precision_so_far"],
            f"{_day(row['started_at'])}: {row['right_so_far']:,} of {row['answered_so_far']:,} right "
            f"({row['low']:.1%} to {row['high']:.1%})",
            row["low"], row["high"], few=row["answered_so_far"] < FEW_AUDITS,
        )
        for row in rows
    ]  # fmt: skip
    promise = serves.promise
    lowest = min([row["low"] for row in rows] + ([promise] if promise else []))
    last = rows[-1]
    caption = (
        f"Placements that people checked without knowing it, all of a model up to each run, with 95% intervals. Last: "
        f"{last['right_so_far']:,} of {last['answered_so_far']:,} right, {last['low']:.1%} to {last['high']:.1%}."
    )
    if any(point.few for point in points):
        caption += f" Hollow: fewer than {FEW_AUDITS} checks of that model so far, too few to judge it by."
    words = Words("audited", "Audited precision by run", caption)
    aim = (promise, f"{percent(promise)} promised") if promise else None
    edges = (max(0.0, int(lowest * 20 - 0.5) / 20), 1.0)
    return _figure(question, charts.trend(points, words, percent, edges=edges, target=aim), words, caption)


def _backlog(question: Question) -> Figure | None:
    rows = _oldest_first(question)
    if not rows:
        return None
    points = [_counted(row["published_at"], row["waiting"], "items wait") for row in rows]
    answers = [_counted(row["published_at"], row["answers"], "answers would do") for row in rows]
    last = rows[-1]
    caption = f"Items that wait for a person after each run: {last['waiting'] or 0:,} now."
    if last["answers"] is not None:
        caption += f" The second line: answers that would settle them, {last['answers']:,} now; look-alikes share one."
    words = Words("backlog", "How much waits", caption)
    return _figure(question, charts.trend(points, words, charts.whole, second=answers), words, caption)


def _waiting(question: Question) -> Figure | None:
    rows = [row for row in _oldest_first(question) if row["median_hours"] is not None]
    if not rows:
        return None
    median = [_aged(row["published_at"], row["median_hours"], "half have waited no longer") for row in rows]
    oldest = [_aged(row["published_at"], row["oldest_hours"], "the oldest") for row in rows]
    last = rows[-1]
    caption = (
        f"Days that half of the waiting items had waited at most: {last['median_hours'] / 24:.1f} now. "
        f"The second line: the oldest, {last['oldest_hours'] / 24:.1f} now."
    )
    words = Words("waiting", "How long it has waited, in days", caption)
    return _figure(question, charts.trend(median, words, _days, second=oldest), words, caption)


def _turnaround(question: Question) -> Figure | None:
    rows = _oldest_first(question)
    if not rows:
        return None
    half = [
        _aged(_noon(row["day"]), row["p50_hours"], f"half of {_many(row['items'], 'item')} answered") for row in rows
    ]
    most = [_aged(_noon(row["day"]), row["p95_hours"], "all but a twentieth") for row in rows]
    last = rows[-1]
    caption = (
        f"Days that half of the items answered on a day had waited at most: {last['p50_hours'] / 24:.1f} for the "
        f"{last['items']:,} of {last['day']:%d %b %Y}, the last. The second line: all but a twentieth, "
        f"{last['p95_hours'] / 24:.1f}."
    )
    words = Words("turnaround", "Waited until answered, in days", caption)
    return _figure(question, charts.trend(half, words, _days, second=most), words, caption)


def _noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def _counted(at: datetime, value: int | None, said: str) -> Point:
    return Point(at, value, f"{_day(at)}: {value or 0:,} {said}")


def _aged(at: datetime, hours: float | None, said: str) -> Point:
    days = None if hours is None else hours / 24
    return Point(at, days, f"{_day(at)}: {said}: {days or 0:.1f} days")


def _reasons(question: Question) -> Figure | None:
    rows = question.records
    if not rows:
        return None
    words = Words("reasons", "Why items wait", _listed(rows, "reason", "items"))
    notes = [f"{_many(row['items'], 'item')}, {_many(row['decisions'], 'answer')}" for row in rows]
    names = [row["reason"].replace("_", " ") for row in rows]
    drawing = charts.bars(names, [row["items"] for row in rows], words, notes=notes)
    total, answers = (sum(row[name] for row in rows) for name in ("items", "decisions"))
    since = min(row["oldest"] for row in rows)
    caption = (
        f"{_many(total, 'item')} {'waits' if total == 1 else 'wait'}, the oldest since {since:%d %b %Y}; "
        f"{_many(answers, 'answer')} {'settles' if answers == 1 else 'settle'} {'it' if total == 1 else 'them'}."
    )
    return _figure(question, drawing, words, caption)


def _by_category(question: Question) -> Figure | None:
    rows = question.records
    if not rows:
        return None
    words = Words("review-by-category", "Categories that cost most answers", _listed(rows, "category", "answers"))
    notes = [f"{_many(row['answers'], 'answer')}, {_many(row['items'], 'item')}" for row in rows]
    drawing = charts.bars([row["category"] for row in rows], [row["answers"] for row in rows], words, notes=notes)
    caption = (
        "By the category the model holds likeliest for what waits. More labels there, or a clearer scope note, help."
    )
    return _figure(question, drawing, words, caption)


def _rejects(question: Question) -> Figure | None:
    rows = question.records
    if not rows:
        return None
    names = [f"{row['vendor']}: {row['rule'].replace('_', ' ')}" for row in rows]
    words = Words("rejects", "Rows left out, by vendor and rule", _listed(rows, "vendor", "rows"))
    drawing = charts.bars(names, [row["rows"] for row in rows], words)
    caption = "Rows of accepted files that broke a rule, in the last thirty nights with deliveries."
    return _figure(question, drawing, words, caption)


def _many(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def _listed(rows: list[dict[str, Any]], name: str, value: str) -> str:
    return ", ".join(f"{row[name]} {row[value]:,}" for row in rows)


def _risk_coverage(question: Question, serves: Serving) -> Figure | None:
    curve = [(row["coverage"], row["risk"]) for row in question.records]
    if not curve:
        return None
    certificate = serves.certificate
    leaf = certificate.leaf if certificate is not None and certificate.leaf.passed else None
    mark = (leaf.coverage, 1 - leaf.precision) if leaf is not None and leaf.precision is not None else None
    target = certificate.target if certificate is not None else 0.98
    caption = "Calibration products, the surest first: how many are wrong when that share of them is placed at its likeliest leaf."
    if mark is not None:
        caption += (
            f" The circle is the certified threshold: {mark[0]:.1%} placed, {1 - mark[1]:.1%} right. The promise is about "
            "everything left of it together, not about any part."
        )
    words = Words("risk-coverage", "How much can be placed at which risk", caption)
    return _figure(question, charts.risk_coverage(curve, words, target=target, mark=mark), words, caption)


def _reliability(question: Question) -> Figure | None:
    bands = question.records
    if not bands:
        return None
    caption = (
        "Calibration products in bands of equal size: how often the model was right where it gave a probability. On the "
        "dashed line it means what it says; above it is too modest, below it too sure. Bars are 95% intervals."
    )
    words = Words("reliability", "Do its probabilities mean what they say", caption)
    return _figure(question, charts.reliability(bands, words), words, caption)


def _day(when: datetime) -> str:
    return f"{when:%Y-%m-%d}"


def _days(value: float) -> str:
    return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"
