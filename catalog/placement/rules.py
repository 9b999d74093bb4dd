"""Rules in policy.toml: what people say about placing, each with an owner and a date, before the model is asked.

[[rule]]
id = "no-medicine"               # names it in lineage and in SQL
kind = "never_automate"          # the model places nothing at or below the node
node = "Health > Medicine"       # id, full path, or the name of one leaf
owner = "anna"
since = 2026-11-01
until = 2027-06-30               # optional: the last day on which it acts
why = "a wrong shelf is an offence there"

kind = "pin"         node, and either gtin or vendor and vendor_category: such items stand there, whatever the model says
kind = "target"      node, target: at and below the node at least this share must be right, by a certificate of its own
kind = "probation"   vendor, answers: the model places nothing of the vendor until so many items drawn at random are answered
"""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from catalog.errors import CatalogError
from catalog.jobs import digest
from catalog.taxonomies.taxonomy import SEPARATOR, Taxonomy

_NEEDS = {
    "never_automate": ("node",),
    "pin": ("node",),
    "target": ("node", "target"),
    "probation": ("vendor", "answers"),
}
_SPARE = 1.2  # some that are drawn are never answered, or go
_MAY = {"pin": ("gtin", "vendor", "vendor_category")}
_OWN = ("node", "vendor", "vendor_category", "gtin", "target", "answers")


class Rule(BaseModel):
    """One [[rule]] of policy.toml. anyway: it acts although history speaks against it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$")
    kind: Literal["never_automate", "pin", "target", "probation"]
    owner: str = Field(min_length=1)
    since: date
    until: date | None = None
    why: str = ""
    node: str | None = None
    vendor: str | None = None
    vendor_category: str | None = None
    gtin: str | None = Field(None, pattern=r"^\d{8,14}$")
    target: float | None = Field(None, gt=0.5, lt=1)
    answers: int | None = Field(None, ge=1)
    anyway: bool = False

    @model_validator(mode="after")
    def _whole(self) -> "Rule":
        said = {name for name in _OWN if getattr(self, name) is not None}
        missing = [name for name in _NEEDS[self.kind] if name not in said]
        if missing:
            raise ValueError(f"a rule of kind {self.kind} needs {' and '.join(missing)}")
        other = sorted(said - {*_NEEDS[self.kind], *_MAY.get(self.kind, ())})
        if other:
            raise ValueError(f"a rule of kind {self.kind} has no {' or '.join(other)}")
        if self.kind == "pin" and said - {"node"} not in ({"gtin"}, {"vendor", "vendor_category"}):
            raise ValueError("a pin needs gtin, or vendor and vendor_category, and not both")
        if self.until and self.until < self.since:
            raise ValueError(f"it ends on {self.until}, before it begins on {self.since}")
        return self

    @property
    def hash(self) -> str:
        """Names what it says; who owns it and why are no part of that."""
        return digest(self.model_dump(mode="json", exclude={"owner", "why", "anyway"}))

    @property
    def subject(self) -> tuple[str, ...]:
        """What it is about: two rules of one kind and subject contradict each other when they say different things."""
        if self.kind == "pin":
            return ("gtin", self.gtin.zfill(14)) if self.gtin else (str(self.vendor), str(self.vendor_category))
        return (self.kind, self.vendor or self.node or "")


@dataclass(frozen=True)
class Bound:
    """A rule that acts today, with the id of its node."""

    rule: Rule
    node: str | None


@dataclass(frozen=True)
class Standing:
    """The rules of a day. `problems`: those that do not act, a sentence each. `unclear`: one that protects something names
    a node that the hierarchy does not have: nothing new is placed until somebody says what it means."""

    acting: tuple[Bound, ...] = ()
    problems: tuple[str, ...] = ()
    unclear: bool = False

    def of(self, kind: str) -> list[Bound]:
        """Those of one kind, in the order of the file."""
        return [bound for bound in self.acting if bound.rule.kind == kind]

    @property
    def key(self) -> str:
        """Names what they say together; empty when no rule acts."""
        said = [(bound.rule.id, bound.rule.hash, bound.node) for bound in self.acting]
        return digest(said, self.unclear) if said or self.unclear else ""


def load(file: Path) -> list[Rule]:
    """The rules of a policy.toml; none where there is no such file.

    Raises CatalogError that names the rule when one cannot be understood, or two contradict each other.
    """
    if not file.exists():
        return []
    remedy = f"Correct it in {file.name}; catalog rules check shows what each rule means."
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CatalogError(f"{file}: {error}.", remedy="Correct the TOML at that line; it is read as UTF-8.") from error
    if unknown := sorted(content.keys() - {"rule"}):
        raise CatalogError(f"{file} has {unknown[0]!r}, which means nothing.", remedy="A rule begins with [[rule]].")
    found = []
    for number, values in enumerate(content.get("rule", []), start=1):
        try:
            found.append(Rule.model_validate(values))
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, e['loc']))} {e['msg']}".strip() for e in error.errors())
            name = values.get("id", f"number {number}")
            raise CatalogError(f"{file.name}, rule {name}: {problems}.", remedy=remedy) from error
    for said in _contradictions(found):
        raise CatalogError(f"{file.name}: {said}", remedy=remedy)
    return found


def _contradictions(rules: Sequence[Rule]) -> Iterator[str]:
    for number, rule in enumerate(rules):
        for other in rules[:number]:
            if other.id == rule.id:
                yield f"two rules are called {rule.id}."
            same = other.kind == rule.kind and other.subject == rule.subject and _overlap(rule, other)
            if same and (other.node, other.target, other.answers) != (rule.node, rule.target, rule.answers):
                yield f"the rules {other.id} and {rule.id} contradict each other about {' '.join(rule.subject)}."


def _overlap(one: Rule, other: Rule) -> bool:
    last = date.max
    return one.since <= (other.until or last) and other.since <= (one.until or last)


def standing(rules: Sequence[Rule], taxonomy: Taxonomy, today: date, *, target: float = 0.0) -> Standing:
    """Which rules act on a day, and why the others do not. `target`: of the settings."""
    acting, problems, unclear = [], [], False
    for rule in rules:
        node = taxonomy.resolve(rule.node) if rule.node else None
        wrong = _idle(rule, node, taxonomy, today, target)
        if wrong:
            problems.append(f"rule {rule.id} of {rule.owner} {wrong}")
            unclear = unclear or (rule.node is not None and node is None and rule.kind in ("never_automate", "target"))
        else:
            acting.append(Bound(rule, node))
    return Standing(tuple(acting), tuple(problems), unclear)


def _idle(rule: Rule, node: str | None, taxonomy: Taxonomy, today: date, target: float) -> str | None:
    """Why a rule does not act, in words."""
    if rule.until and rule.until < today:
        return f"expired on {rule.until}: remove it or give it a later date"
    if rule.since > today:
        return f"begins on {rule.since}"
    if rule.node and node is None:
        stops = (
            "; until that is corrected the model places nothing new"
            if rule.kind in ("never_automate", "target")
            else ""
        )
        return f"names {rule.node!r}, which is no category here{stops}"
    if rule.kind == "pin" and node is not None and not taxonomy.assignable(node):
        return f"pins to {rule.node!r}, where no product may stand"
    if rule.kind == "target" and (rule.target or 0) <= target:
        return f"asks for {rule.target:.1%}, which the target of all ({target:.1%}) is not below"
    return None


def below(taxonomy: Taxonomy, node: str) -> list[str]:
    """The ids of a node and everything below it."""
    path = taxonomy.path(node)
    nodes = taxonomy.nodes
    inside = (nodes["path"] == path) | nodes["path"].str.starts_with(path + SEPARATOR)
    return nodes.filter(inside)["category_id"].to_list()


def with_rules(todo: pl.DataFrame, found: Standing, items: dict[str, int] | None = None) -> pl.DataFrame:
    """Adds pinned (the category a pin gives), held_back where nothing is there yet, and rule_of (the rule that said so).
    `items`: live items of each vendor on probation; so many of them are drawn at random as its rule asks answers for.

    `todo` has vendor, gtin, vendor_category and perhaps held_back. A pin of a GTIN goes before one of a vendor's category.
    """
    pins = sorted(found.of("pin"), key=lambda bound: bound.rule.gtin is None)
    where = [(_matches(bound.rule), bound) for bound in pins]
    trial = {bound.rule.vendor: bound.rule.id for bound in found.of("probation")}
    waits = pl.col("vendor").replace_strict(trial, default=None, return_dtype=pl.String)
    no = pl.lit(None, pl.String)
    pinned = pl.coalesce([*(pl.when(match).then(pl.lit(bound.node)) for match, bound in where), no])
    by = pl.coalesce([*(pl.when(match).then(pl.lit(bound.rule.id)) for match, bound in where), no])
    before = pl.col("held_back") if "held_back" in todo.columns else no
    held = pl.when(waits.is_not_null()).then(pl.lit("rule_probation"))
    shares = {
        bound.rule.vendor: _SPARE * (bound.rule.answers or 0) / max(1, (items or {}).get(bound.rule.vendor or "", 1))
        for bound in found.of("probation")
    }
    unclear = pl.lit("rule_unclear" if found.unclear else None, pl.String)
    return todo.with_columns(
        pinned=pinned,
        control_share=pl.col("vendor").replace_strict(shares, default=None, return_dtype=pl.Float64),
        held_back=pl.coalesce(before, held, unclear),
        rule_of=pl.coalesce(by, pl.when(before.is_null()).then(waits)),
    )


def _matches(rule: Rule) -> pl.Expr:
    if rule.gtin:
        return (pl.col("gtin").cast(pl.String).str.zfill(14) == rule.gtin.zfill(14)).fill_null(False)
    said = pl.col("vendor_category").cast(pl.String)
    inside = (said == rule.vendor_category) | said.str.starts_with(f"{rule.vendor_category}{SEPARATOR}")
    return ((pl.col("vendor") == rule.vendor) & inside).fill_null(False)


@dataclass(frozen=True)
class Guard:
    """What keeps the model from placing at certain nodes: the reason's code, the rule, and the log-odds from which it may
    place at a leaf all the same (None: never)."""

    code: str
    rule_id: str
    bar: float | None = None


def guards(found: Standing, taxonomy: Taxonomy, bars: dict[str, float | None]) -> dict[str, Guard]:
    """The guard of each guarded category. `bars`: what the certificate of each target rule earned, by rule id.

    Of several rules above a category the strictest holds.
    """
    guarded: dict[str, Guard] = {}
    for bound in found.of("target"):
        bar = bars.get(bound.rule.id)
        for node in below(taxonomy, bound.node or ""):
            known = guarded.get(node)
            if known is None or (known.bar is not None and (bar is None or bar > known.bar)):
                guarded[node] = Guard("rule_target", bound.rule.id, bar)
    for bound in found.of("never_automate"):
        guarded |= dict.fromkeys(below(taxonomy, bound.node or ""), Guard("rule_never_automate", bound.rule.id))
    return guarded


def guarded(work: pl.DataFrame, found: dict[str, Guard]) -> pl.DataFrame:
    """Adds guard (the code of the reason why the model may not place a row where it would) and guard_rule; else nulls."""
    if not found:
        no = pl.lit(None, pl.String)
        return work.with_columns(guard=no, guard_rule=no)

    def part(values: dict[str, Any], dtype: Any) -> pl.Expr:
        return pl.col("proposed").replace_strict(values, default=None, return_dtype=dtype)

    codes = part({node: guard.code for node, guard in found.items()}, pl.String)
    ids = part({node: guard.rule_id for node, guard in found.items()}, pl.String)
    bars = part({node: guard.bar for node, guard in found.items() if guard.bar is not None}, pl.Float64)
    passed = (pl.col("at_leaf") & (pl.col("log_odds") >= bars)).fill_null(False)
    return work.with_columns(
        guard=pl.when(~passed).then(codes),
        guard_rule=pl.when(~passed).then(ids),
    )
