"""What automation would have done with products whose category is known: placed, right, left to people, and their hours."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from catalog.certification import shortage
from catalog.certification.certificate import Terms, certify
from catalog.certification.policy import Policy, department_of
from catalog.certification.shortage import Need
from catalog.placement.routing import route
from catalog.taxonomies.taxonomy import Taxonomy

TARGETS = (0.95, 0.98, 0.99)
# Seconds of a reviewer: for an item alone, for a group of look-alikes, and for each of its members.
ALONE, GROUP, MEMBER = 12.0, 15.0, 1.0
_NOTHING = ("decided_category", "decided_verdict", "standing_category", "standing_outcome")


@dataclass(frozen=True)
class Department:
    """Of one department, by the products' own categories. precision: None where nothing was placed. missing: calibration
    products of the department that a certificate of its own lacks (`shortage.by_department`), None where no number would do."""

    name: str
    items: int
    placed: int
    precision: float | None
    missing: int | None


@dataclass(frozen=True)
class Outcome:
    """At one target. certified: the certificate was earned. placed: at a leaf; at_parent: at a certified parent. precision: of
    what was placed at a leaf, against its own category; None where nothing was. decisions, hours: of people, a day.
    missing: calibration products that the certificate lacks, None where no number would do."""

    target: float
    certified: bool
    items: int
    placed: int
    at_parent: int
    precision: float | None
    decisions: float
    hours: float
    missing: int | None
    departments: tuple[Department, ...]

    @property
    def automation(self) -> float:
        """Share placed at a leaf."""
        return self.placed / self.items if self.items else 0.0


@dataclass(frozen=True)
class Trial:
    """A whole trial. period: first and last day tried; learned, evidence: products before it that taught and certified."""

    period: tuple[str, str]
    days: int
    learned: int
    evidence: int
    training: str
    outcomes: tuple[Outcome, ...]

    def to_json(self) -> str:
        """All figures."""
        return json.dumps(asdict(self), indent=1)


def outcome(
    evidence: tuple[pl.DataFrame, pl.DataFrame], tried: pl.DataFrame, taxonomy: Taxonomy, *, target: float, delta: float
) -> Outcome:
    """`evidence`: temperature and calibration sample as `certify` takes them; `tried`: rows with predictions, category_id and
    decided_at. People are asked as reviewed items of one day come in groups."""
    before, after = evidence
    terms = Terms(model_id="trial", attempt=1)
    certificate = certify(before if before.height else None, after, taxonomy, target=target, delta=delta, terms=terms)
    policy = Policy.from_certificate(certificate, audit_share=0.0, control_share=0.0)
    blank = tried.with_columns(pl.lit(None, pl.String).alias(name) for name in _NOTHING)
    routed = route(blank.rename({"category_id": "own"}), policy, taxonomy)
    placed = routed.filter(outcome="placed")
    decisions, seconds = _work(routed)
    days = _days(tried)
    return Outcome(
        target=target,
        certified=certificate.leaf.passed,
        items=routed.height,
        placed=placed.height,
        at_parent=routed.filter(outcome="placed_at_parent").height,
        precision=_precision(placed),
        decisions=decisions / days,
        hours=seconds / 3600 / days,
        missing=shortage.need(after, target, delta / 4).missing,
        departments=_departments(routed, taxonomy, shortage.by_department(after, taxonomy, target, delta / 4)),
    )


def _days(tried: pl.DataFrame) -> int:
    return max(1, tried["decided_at"].dt.date().n_unique())


def _precision(placed: pl.DataFrame) -> float | None:
    return float((placed["category_id"] == placed["own"]).mean()) if placed.height else None  # type: ignore[arg-type]


def _work(routed: pl.DataFrame) -> tuple[int, float]:
    """Decisions and seconds for what waits for a person: one of a day's look-alikes settles all of them."""
    waits = routed.filter(pl.col("outcome").is_in(["review", "placed_at_parent"]))
    sizes = waits.group_by(pl.col("decided_at").dt.date(), "group_id").len()["len"]
    alone = int((sizes == 1).sum())
    grouped = sizes.filter(sizes > 1)
    return sizes.len(), ALONE * alone + GROUP * grouped.len() + MEMBER * int(grouped.sum())


def _departments(routed: pl.DataFrame, taxonomy: Taxonomy, needs: list[Need]) -> tuple[Department, ...]:
    missing = {need.name: need.missing for need in needs}
    parts = routed.with_columns(department=department_of(taxonomy, "own")).drop_nulls("department")
    found = []
    for (key,), part in parts.group_by("department", maintain_order=True):
        placed = part.filter(outcome="placed")
        name = taxonomy.path(str(key))
        found.append(Department(name, part.height, placed.height, _precision(placed), missing[name]))
    return tuple(sorted(found, key=lambda one: (-one.items, one.name)))


def text(trial: Trial) -> str:
    """The figures as a table for people, and what they rest on."""
    first = trial.outcomes[0]
    lines = [
        f"{first.items:,} products from {trial.period[0]} to {trial.period[1]} ({trial.days} days with any), as if nobody had filed "
        f"them; {trial.learned:,} older ones taught, {trial.evidence:,} of the first of this time certified.",
        f"Training: {trial.training}.",
        "",
        f"{'target':>7} {'certified':>9} {'placed':>8} {'at parent':>9} {'right':>7} {'decisions/day':>13} {'hours/day':>9}  labels missing",
        *(_line(one) for one in trial.outcomes),
        "",
        f"Hours: {ALONE:.0f} s an item, {GROUP:.0f} s a group and {MEMBER:.0f} s for each of its members. Without automation: see "
        "a target that is not certified.",
        "",
        f"{'department':<32} {'items':>7}  "
        + "  ".join(f"{f'{one.target:.0%} placed, right, missing':>26}" for one in trial.outcomes),
    ]
    by_name: dict[str, list[Department]] = {}
    for one in trial.outcomes:
        for part in one.departments:
            by_name.setdefault(part.name, []).append(part)
    lines += [
        f"{name[:32]:<32} {parts[0].items:>7,}  " + "  ".join(f"{_share(part):>26}" for part in parts)
        for name, parts in by_name.items()
    ]
    lines += [
        "",
        "Missing: labelled products of the department, drawn at random, for a certificate of its own; one for all needs fewer.",
    ]
    return "\n".join(lines)


def _line(one: Outcome) -> str:
    right = f"{one.precision:.1%}" if one.precision is not None else "-"
    if one.missing is None:
        missing = "no number would do at these errors"
    else:
        missing = f"{one.missing:,}" if one.missing else "none"
    return (
        f"{one.target:>7.0%} {'yes' if one.certified else 'no':>9} {one.automation:>8.1%} {one.at_parent / max(1, one.items):>9.1%} "
        f"{right:>7} {one.decisions:>13,.1f} {one.hours:>9.2f}  {missing}"
    )


def _share(part: Department) -> str:
    right = f"{part.precision:.1%}" if part.precision is not None else "-"
    missing = "no number" if part.missing is None else f"{part.missing:,}"
    return f"{part.placed / part.items:.0%}, {right}, {missing}"


def compared(rows: list[dict[str, Any]], unread: Sequence[str] = ()) -> str:
    """What shadow nights found, from rows of the view shadow_summary. unread: own categories that mean nothing here."""
    if not rows:
        return 'No night has run in the shadow yet. Set mode = "shadow" in catalog.toml and run: catalog nightly'
    total = {
        name: sum(row[name] for row in rows)
        for name in ("items", "placed", "compared", "same", "elsewhere", "learned", "unread")
    }
    lines = [
        f"{total['items']:,} live items, {total['placed']:,} of them would have been placed at a leaf "
        f"({total['placed'] / max(1, total['items']):.1%}).",
        f"Of {total['compared']:,} of those that you filed yourselves and the model did not learn from, {_of(total)}",
        f"Left out of that: {total['learned']:,} it learned from.",
        *_unread(total["unread"], unread),
        "",
        f"{'department':<32} {'items':>7} {'placed':>8} {'compared':>9} {'same':>8}",
    ]
    lines += [
        f"{(row['department'] or 'unknown')[:32]:<32} {row['items']:>7,} {row['placed'] / max(1, row['items']):>8.1%} "
        f"{row['compared']:>9,} {_percent(row['same'], row['compared']):>8}"
        for row in rows
    ]
    return "\n".join(lines)


def _unread(items: int, such: Sequence[str]) -> list[str]:
    if not items:
        return []
    named = ", ".join(f"'{name}'" for name in such)
    return [
        f"Not compared: {items:,} items whose own category is none of ours ({named}): say in the vendor's form what it means, "
        "under [own_categories]."
    ]


def _of(total: dict[str, int]) -> str:
    if not total["compared"]:
        return "none can be compared: name the feed's column of them (own_category), or import your own categories (catalog labels import FILE)."
    return (
        f"{total['same']:,} would stand where you put them ({_percent(total['same'], total['compared'])}), "
        f"{total['elsewhere']:,} elsewhere: view shadow_comparison shows which."
    )


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"
