"""The page about a run: what came, what became of it, what serves and how sure that is. One file, no scripts."""

import json
import math
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import polars as pl
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from catalog.certification import shortage
from catalog.certification.certificate import Certificate, accepted_errors
from catalog.errors import CatalogError
from catalog.learning import examples
from catalog.publishing import charts, summary
from catalog.publishing.publication import OUTCOMES
from catalog.store import Store
from catalog.taxonomies.versions import latest_taxonomy

_NOTHING = "\N{EN DASH}"
_LISTED = 12  # rows of the longest lists; the rest is a query away
_WORDS = {
    "placed": "placed by the model at a leaf",
    "placed_at_parent": "placed at a certified parent, waiting for their leaf",
    "review": "waiting for a person, in no category",
    "decided": "decided by a person or an imported label",
    "duplicate": "repeating another row of their delivery",
    "quarantine": "left out because they break a rule; an item known before stays as it was",
}


@dataclass(frozen=True)
class Serving:
    """What serves: the model, what it measured in training, and the certificate its policy rests on."""

    model_id: str | None
    promoted_at: datetime | None
    policy_id: str | None
    taxonomy_version: str | None
    metrics: dict[str, Any]
    certificate: Certificate | None


@dataclass(frozen=True)
class TargetRow:
    """One precision that automation might promise, and what stands between it and a certificate."""

    target: float
    status: str
    sentence: str


def serving(store: Store) -> Serving:
    """What the work database says serves today."""
    row = store.query("SELECT * FROM serving").row(0, named=True)
    metrics = store.one("SELECT metrics FROM models WHERE model_id = ?", [row["model_id"]])
    body = store.one("SELECT body FROM certificates WHERE certificate_id = ?", [row["certificate_id"]])
    certificate = Certificate.from_dict(json.loads(body)) if body else None
    facts = {name: row[name] for name in ("model_id", "promoted_at", "policy_id", "taxonomy_version")}
    return Serving(**facts, metrics=json.loads(metrics or "{}"), certificate=certificate)


def targets(serves: Serving) -> list[TargetRow]:
    """One row per precision looked at in training, and the one that is certified, lowest first."""
    missing = {float(target): labels for target, labels in serves.metrics.get("labels_missing", {}).items()}
    certificate = serves.certificate
    if certificate is not None:
        missing.setdefault(certificate.target, certificate.leaf.labels_missing)
    return [_target_row(target, missing[target], certificate) for target in sorted(missing)]


def _target_row(target: float, labels: int | None, certificate: Certificate | None) -> TargetRow:
    if certificate is not None and certificate.target == target and certificate.leaf.passed:
        return TargetRow(target, "certified", "serves for placements at a leaf")
    if labels is None:
        return TargetRow(target, "not certifiable", "at the error rate seen, no number of labels would do")
    if labels > 0:
        return TargetRow(target, "not yet certifiable", f"{labels:,} labels missing")
    if certificate is not None and certificate.target == target:
        return TargetRow(target, "not certified", "the labels at hand should suffice, but the test did not pass")
    return TargetRow(target, "certifiable", "the labels at hand should suffice; set routing.target to ask for it")


def _advice(store: Store, serves: Serving) -> list[str]:
    """How many more labels which department needs, where nothing is placed at a leaf."""
    certificate = serves.certificate
    if certificate is None or certificate.leaf.threshold is not None:
        return []
    calibration = examples.sample(store, certificate.model_id, "calibration")
    return shortage.advice(calibration, latest_taxonomy(store), certificate.target, certificate.delta)


def page(store: Store, run_id: str) -> str:
    """The run's page as HTML. Raises CatalogError when there is no such run."""
    run = store.query("SELECT * FROM run_log WHERE run_id = ?", [run_id])
    if not run.height:
        raise CatalogError(f"There is no run {run_id}.", remedy="List them: catalog runs list")
    serves = serving(store)
    counts = summary.counts(store, run_id)
    reasons = store.query("SELECT * FROM review_reasons ORDER BY items DESC, reason")
    return (
        _environment()
        .get_template("report.html")
        .render(
            run=run.row(0, named=True),
            serves=serves,
            certificate=serves.certificate,
            targets=targets(serves),
            advice=_advice(store, serves),
            counts=counts.to_dicts(),
            outcomes=OUTCOMES,
            words=_WORDS,
            today=_today(store),
            reasons=reasons.to_dicts(),
            curve=_curve(serves),
            reasons_chart=_reasons_chart(reasons),
            doubtful=_doubtful(store, serves),
            doubts=store.one("SELECT count(*) FROM labels_to_check"),
            **_lists(store, run_id),
        )
    )


def _today(store: Store) -> dict[str, Any]:
    """One row of totals over all live items, with the vendors they come from."""
    vendors = store.query("SELECT * FROM automation_by_vendor ORDER BY items DESC, vendor")
    names = ("items", "placed", "placed_by_rule", "placed_at_parent", "review", "decided")
    total = {name: int(vendors[name].sum()) for name in names}
    undecided = total["placed"] + total["placed_by_rule"] + total["placed_at_parent"] + total["review"]
    return {
        **total,
        "automation": total["placed"] / undecided if undecided else None,
        "settled": (total["placed"] + total["placed_by_rule"] + total["decided"]) / max(total["items"], 1),
        "decisions": int(store.one("SELECT coalesce(sum(decisions), 0) FROM review_reasons")),
        "vendors": vendors.to_dicts(),
    }


def _doubtful(store: Store, serves: Serving) -> list[dict[str, Any]]:
    """Calibration labels that speak against a sure prediction, the surest first: a wrong label costs automation."""
    if serves.certificate is None or not serves.certificate.leaf.passed or serves.model_id is None:
        return []
    taxonomy = latest_taxonomy(store)
    calibration = examples.sample(store, serves.model_id, "calibration")
    found = accepted_errors(calibration, serves.certificate, taxonomy).head(_LISTED)
    paths = dict(taxonomy.nodes.select("category_id", "path").rows())
    return [
        {**row, "said": paths.get(row["category_id"], row["category_id"]), "predicted": paths.get(row["leaf_id"], "")}
        for row in found.select("vendor", "item_id", "category_id", "leaf_id").iter_rows(named=True)
    ]


def _lists(store: Store, run_id: str) -> dict[str, list[dict[str, Any]]]:
    def listed(sql: str, *params: object) -> list[dict[str, Any]]:
        return store.query(f"{sql} LIMIT {_LISTED}", params).to_dicts()

    return {
        "rejects": listed("SELECT * FROM rejects_by_rule WHERE run_id = ? ORDER BY rows DESC, vendor, rule", run_id),
        "categories": listed("SELECT * FROM category_counts WHERE items > 0 ORDER BY items DESC, path"),
        "moved": listed(
            "SELECT * FROM moved_items WHERE run_id = ? AND change = 'moved' ORDER BY vendor, item_id", run_id
        ),
        "suspended": listed("SELECT * FROM suspended ORDER BY items DESC, key"),
        "to_check": listed("SELECT * FROM labels_to_check ORDER BY rank"),
        "conflicts": listed("SELECT * FROM gtin_conflicts ORDER BY items DESC, gtin"),
        "files": listed(
            "SELECT * FROM delivery_runs WHERE run_id = ? AND status IN ('refused', 'held') ORDER BY vendor, delivery_no",
            run_id,
        ),
        "fresh": listed("SELECT * FROM vendor_freshness ORDER BY late DESC, last_accepted_at NULLS FIRST, vendor"),
    }


def _curve(serves: Serving) -> Markup | None:
    curve = serves.metrics.get("risk_coverage") or {}
    frame = pl.DataFrame({name: curve.get(name, []) for name in ("coverage", "risk")}, schema_overrides=_CURVE)
    if not frame.height:
        return None
    certificate = serves.certificate
    mark = None
    if certificate is not None and certificate.leaf.passed and certificate.leaf.precision is not None:
        mark = (certificate.leaf.coverage, 1 - certificate.leaf.precision)
    target = certificate.target if certificate is not None else 0.98
    # made by ourselves from numbers, and every text in it escaped by the renderer
    return Markup(charts.risk_coverage(frame, target=target, mark=mark))


_CURVE = {"coverage": pl.Float64, "risk": pl.Float64}


def _reasons_chart(reasons: pl.DataFrame) -> Markup | None:
    if not reasons.height:
        return None
    shown = reasons.head(_LISTED)
    names = [name.replace("_", " ") for name in shown["reason"]]
    return Markup(charts.bars(names, shown["items"].to_list(), title="Items waiting, by reason"))


def index(store: Store, written: set[str]) -> str:
    """The page that lists the runs whose ids are in `written`, youngest first."""
    runs = store.query(
        "SELECT l.run_id, l.started_at, l.status, count(s.vendor) AS vendors, "
        + ", ".join(f"coalesce(sum(s.{name}), 0)::BIGINT AS {name}" for name in ("rows_in", *OUTCOMES))
        + ", coalesce(sum(s.files_refused + s.files_held), 0)::BIGINT AS kept_out "
        "FROM run_log l LEFT JOIN run_summary s USING (run_id) GROUP BY ALL ORDER BY l.run_id DESC"
    ).filter(pl.col("run_id").is_in(list(written)))
    return _environment().get_template("index.html").render(runs=runs.to_dicts(), outcomes=OUTCOMES)


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
    return _NOTHING if value is None else f"{value:,}"


def _percent(share: float | None, digits: int = 1) -> str:
    return _NOTHING if share is None else f"{share:.{digits}%}"


def _moment(when: datetime | None) -> str:
    return _NOTHING if when is None else f"{when:%Y-%m-%d %H:%M}"


def _probability(log_odds: float) -> float:
    """The probability that log-odds stand for: 1 / (1 + exp(-x))."""
    return 1 / (1 + math.exp(-log_odds)) if log_odds > -700 else 0.0
