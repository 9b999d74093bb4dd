"""The page about a run: is it all right, what came, where review time goes, whom to call, what is promised. No scripts."""

import math
from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from catalog.certification import shortage
from catalog.errors import CatalogError
from catalog.learning import examples
from catalog.placement import trial
from catalog.placement.trial import Trial
from catalog.publishing import audited_shares, charts, ending, example_pictures, figures, questions, verdict
from catalog.publishing.publication import OUTCOMES, SETTLED
from catalog.publishing.questions import NOTHING, Ask, Question
from catalog.publishing.served import Serving, serving, targets
from catalog.publishing.svg import Words
from catalog.settings import Audit
from catalog.store import Store
from catalog.taxonomies.versions import latest_taxonomy

_SPARKS = 60  # runs a sparkline looks back
_WORDS = {
    "placed": "placed by the model at a leaf",
    "placed_at_parent": "placed at a certified parent, waiting for their leaf",
    "review": "waiting for a person, in no category",
    "decided": "decided by a person or an imported label",
    "duplicate": "repeating another row of their delivery",
    "quarantine": "left out because they break a rule; an item known before stays as it was",
}


def page(ask: Ask, store: Store, run_id: str, audit: Audit | None = None) -> str:
    """The run's page as HTML. Raises CatalogError when there is no such run.

    ask: answers from the published file, whose views are tables there: on a million items seconds instead of minutes.
    store: what is not published: the evidence of the certificate, and where pictures are kept. audit: the settings that say
    which fall the audit is to see.
    """
    ask = cache(ask)  # the verdict and the page ask some questions both
    run = store.query("SELECT * FROM run_log WHERE run_id = ?", [run_id])
    if not run.height:
        raise CatalogError(f"There is no run {run_id}.", remedy="List them: catalog runs list")
    serves = serving(ask)
    asked = {name: questions.put(ask, name, run_id) for name in questions.names() if name != "runs"}
    counts = asked["counts"].records
    alarms = verdict.alarms(ask, run_id)
    audit = audit or Audit()
    return (
        _environment()
        .get_template("report.html")
        .render(
            run=run.row(0, named=True),
            serves=serves,
            certificate=serves.certificate,
            targets=targets(serves),
            advice=_advice(store, serves),
            alarms=alarms,
            behind_alarms=_behind(alarms, asked),
            took=ending.answered(*(asked["answered"].records[0][name] for name in ("items", "p50_hours", "p95_hours"))),
            headline=verdict.headline(alarms),
            asked=asked,
            counts=counts,
            total=_total(counts),
            balanced=all(row["rows_in"] == sum(row[name] for name in SETTLED) for row in counts),
            outcomes=OUTCOMES,
            words=_WORDS,
            today=asked["totals"].records[0],
            figures=figures.drawn(asked, serves),
            drifts=figures.drifts(asked["drift"]),
            fall=audit.see_fall,
            audited=audited_shares.rows(asked["audit_shares"], serves, audit),
            pairs=_pairs(store, asked["confused"]),
        )
    )


def _behind(alarms: list[verdict.Alarm], asked: dict[str, Question]) -> dict[int, Question]:
    """The question that alarms were read off, by the place of the last of them: several are often one question's."""
    return {
        n: asked[name] for name, n in {verdict.ASKED[alarm.code]: n for n, alarm in enumerate(alarms, start=1)}.items()
    }


def _total(counts: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The vendors' counts added up; None when nothing was delivered."""
    numbers = [name for name in (counts[0] if counts else {}) if name != "vendor"]
    return {name: sum(row[name] for row in counts) for name in numbers} if counts else None


def _advice(store: Store, serves: Serving) -> list[str]:
    """How many more labels which department needs, where nothing is placed at a leaf, or nothing of that department."""
    certificate = serves.certificate
    if certificate is None:
        return []
    everywhere, refused = certificate.leaf.threshold is None, certificate.leaf.review_departments
    if not everywhere and not refused:
        return []
    sample, taxonomy = examples.sample(store, certificate.model_id, "calibration"), latest_taxonomy(store)
    if everywhere:
        return shortage.advice(sample, taxonomy, certificate.target, certificate.delta)
    return shortage.of_departments(sample, taxonomy, certificate.target, certificate.delta, refused)


def _pairs(store: Store, confused: Question) -> list[dict[str, Any]]:
    """The pairs mixed up most, each with a few products."""
    known = example_pictures.of(store, confused)
    return [{**row, "shown": example_pictures.chosen(known, row["examples"])} for row in confused.records]


def index(ask: Ask, written: set[str]) -> str:
    """The page that lists the runs whose ids are in `written`, youngest first, and how the main figures went."""
    runs = questions.put(ask, "runs")
    listed = [row for row in runs.records if row["run_id"] in written]
    return (
        _environment()
        .get_template("index.html")
        .render(runs=listed, outcomes=OUTCOMES, sparks=_sparks(listed[:_SPARKS]), question=runs)
    )


def trial_page(found: Trial) -> str:
    """The page about a trial: what would have been placed, how right, and what people would still have had to do."""
    return (
        _environment().get_template("trial.html").render(trial=found, seconds=(trial.ALONE, trial.GROUP, trial.MEMBER))
    )


def _sparks(listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """How the main figures went over the runs listed: title, the last value in words, the line."""
    kinds = (
        ("rows_in", "Rows in", _number),
        ("automation", "Automation", _percent),
        ("waiting", "Waiting for a person", _number),
        ("quarantine", "Rows left out", _number),
    )
    found = []
    for name, title, form in kinds:
        values = [row[name] for row in reversed(listed)]
        known = [value for value in values if value is not None]
        if known:
            said = form(known[-1])
            told = f"{title} over {len(values)} runs, from {form(min(known))} to {form(max(known))}, last {said}"
            drawn = Markup(charts.sparkline(values, Words(f"spark-{name}", told), said))
            found.append(
                {"title": title, "said": said, "drawn": drawn, "low": form(min(known)), "high": form(max(known))}
            )
    return found


@cache
def _environment() -> Environment:
    found = Environment(
        loader=PackageLoader("catalog"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"number": _number, "percent": _percent, "moment": _moment, "probability": _probability}
    return found


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:,}"


def _percent(share: float | None, digits: int = 1) -> str:
    return NOTHING if share is None else f"{share:.{digits}%}"


def _moment(when: datetime | None) -> str:
    return NOTHING if when is None else f"{when:%Y-%m-%d %H:%M}"


def _probability(log_odds: float) -> float:
    """The probability that log-odds stand for: 1 / (1 + exp(-x))."""
    return 1 / (1 + math.exp(-log_odds)) if log_odds > -700 else 0.0
