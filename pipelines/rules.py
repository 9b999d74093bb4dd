"""Rules of policy.toml: checked against history, noted, and given the certificates they ask for.  `catalog rules check`"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import polars as pl

from catalog.certification.certificate import Terms, certify
from catalog.certification.policy import department_of, reaches
from catalog.jobs import Job, now
from catalog.learning import examples
from catalog.placement import ledger
from catalog.placement.rules import Bound, Standing, below, load, standing
from catalog.settings import Settings, Workspace
from catalog.store import Store
from catalog.taxonomies.versions import current_version, latest_taxonomy

ENOUGH = 10  # decided items from which history may speak against a pin
# Items that a pin concerns, where they stand, and what was decided about them. One row: figures.
_PIN = """
    WITH known AS (
        SELECT vendor, item_id, arg_max(gtin, created_at) AS gtin, arg_max(vendor_category, created_at) AS vendor_category
        FROM items GROUP BY ALL
    ),
    meant AS (
        SELECT vendor, item_id FROM known
        WHERE ($gtin IS NOT NULL AND lpad(gtin, 14, '0') = $gtin)
           OR (vendor = $vendor AND (vendor_category = $category OR starts_with(vendor_category, $category || ' > ')))
    )
    SELECT count(l.item_id) AS items,
           count(l.item_id) FILTER (d.category_id IS NULL AND r.category_id IS DISTINCT FROM $node) AS changed,
           count(d.category_id) AS decided, count(d.category_id) FILTER (list_contains($inside, d.category_id)) AS "right"
    FROM meant m
    LEFT JOIN live_items l USING (vendor, item_id)
    LEFT JOIN standing_routes r USING (vendor, item_id)
    LEFT JOIN (SELECT * FROM standing_decisions WHERE verdict = 'category') d USING (vendor, item_id)
"""
# Live items the model placed at or below a node, or of a vendor.
_PLACED = """
    SELECT count(*) FROM standing_routes r SEMI JOIN live_items l USING (vendor, item_id)
    WHERE r.decided_by = 'model' AND (($vendor IS NOT NULL AND r.vendor = $vendor) OR list_contains($inside, r.category_id))
"""
# What the model says of the items there that somebody decided: products it was trained on say nothing about that.
_DECIDED = """
    SELECT p.leaf_id, p.log_odds, d.category_id = p.leaf_id AS good
    FROM standing_decisions d JOIN predictions p ON p.input_hash = d.input_hash AND p.model_id = $model
    LEFT JOIN example_splits s ON s.model_id = $model AND s.vendor = d.vendor AND s.item_id = d.item_id
    WHERE d.verdict = 'category' AND coalesce(s.split, '') NOT IN ('train', 'early_stopping')
      AND (($vendor IS NOT NULL AND d.vendor = $vendor) OR list_contains($inside, p.leaf_id))
"""


@dataclass(frozen=True)
class Checked:
    """What history says of a rule. items: live ones it concerns; changed: of them those that it would place elsewhere, or
    that the model placed and it would have kept from that; decided: where somebody said a category; right: as the rule says
    (a pin), or as the model said (the others)."""

    items: int
    changed: int
    decided: int
    right: int

    @property
    def against(self) -> bool:
        """Whether a pin is contradicted by most of what was decided."""
        return self.decided >= ENOUGH and 2 * self.right < self.decided


def today_standing(store: Store, workspace: Workspace, settings: Settings) -> Standing:
    """The rules as the file has them today, probation that is over left out. Raises CatalogError as `rules.load`."""
    written = load(workspace.policy_file)
    if not written or current_version(store) is None:
        return Standing()
    found = standing(written, latest_taxonomy(store), now().date(), target=settings.routing.target)
    over = [b for b in found.of("probation") if answered(store, b.rule.vendor) >= (b.rule.answers or 0)]
    return replace(found, acting=tuple(bound for bound in found.acting if bound not in over))


def answered(store: Store, vendor: str | None) -> int:
    """Items of a vendor, drawn at random, that somebody answered."""
    return store.one(
        "SELECT count(*) FROM standing_decisions WHERE vendor = ? AND random AND verdict = 'category' AND source <> 'label'",
        [vendor],
    )


def sizes(store: Store, found: Standing) -> dict[str, int]:
    """Live items of each vendor on probation."""
    vendors = [bound.rule.vendor for bound in found.of("probation")]
    if not vendors:
        return {}
    sql = "SELECT vendor, count(*) FROM live_items WHERE list_contains($vendors, vendor) GROUP BY vendor"
    return dict(store.query(sql, {"vendors": vendors}).rows())


def acting(job: Job) -> Standing:
    """Today's rules without those that history speaks against, as it was found when they were noted."""
    found = today_standing(job.store, job.workspace, job.settings)
    idle = set(
        job.store.query(
            """SELECT rule_id || ' ' || rule_hash AS name FROM rules_noted
               QUALIFY row_number() OVER (PARTITION BY rule_id ORDER BY seq DESC) = 1 AND NOT acts"""
        )["name"]
    )
    kept = [b for b in found.acting if b.rule.anyway or f"{b.rule.id} {b.rule.hash}" not in idle]
    return replace(found, acting=tuple(kept))


def state(store: Store, workspace: Workspace, settings: Settings) -> str:
    """Names what the rules say today; empty without rules."""
    found = today_standing(store, workspace, settings)
    anyway = [bound.rule.id for bound in found.acting if bound.rule.anyway]
    return " ".join([found.key, *anyway]).strip()


def check(job: Job, bound: Bound) -> Checked:
    """What a rule would have changed, and how often it was right against what was decided."""
    store, rule = job.store, bound.rule
    inside = below(latest_taxonomy(store), bound.node) if bound.node else []
    if rule.kind == "pin":
        given: dict[str, Any] = {
            "gtin": rule.gtin.zfill(14) if rule.gtin else None, "vendor": rule.vendor, "category": rule.vendor_category,
            "node": bound.node, "inside": inside,
        }  # fmt: skip
        return Checked(**store.query(_PIN, given).row(0, named=True))
    given = {"vendor": rule.vendor, "inside": inside}
    placed = store.one(_PLACED, given)
    good = _would_place(job, store.query(_DECIDED, given | {"model": ledger.current_model(store)}))["good"]
    return Checked(items=placed, changed=placed, decided=good.len(), right=int(good.sum()))


def _would_place(job: Job, decided: pl.DataFrame) -> pl.DataFrame:
    """The rows that today's policy would place at a leaf; all of them where it places nothing, for then only the model speaks."""
    bar = ledger.current_policy(job.store, job.settings).leaf_bar
    if bar is None:
        return decided
    return decided.filter(reaches("log_odds", bar, department_of(latest_taxonomy(job.store), "leaf_id")))


def note(job: Job) -> None:
    """Before rules act: checks those that are new or changed, keeps what was found, and tries for certificates they ask for."""
    found = today_standing(job.store, job.workspace, job.settings)
    known = dict(
        job.store.query(
            """SELECT rule_id, rule_hash FROM rules_noted
               QUALIFY row_number() OVER (PARTITION BY rule_id ORDER BY seq DESC) = 1 AND word <> 'gone'"""
        ).rows()
    )
    for bound in found.acting:
        if known.get(bound.rule.id) != bound.rule.hash:
            checked = check(job, bound)
            acts = bound.rule.anyway or bound.rule.kind != "pin" or not checked.against
            _append(job, bound, "changed" if bound.rule.id in known else "stands", checked, acts=acts)
            job.event("rule", rule=bound.rule.id, acts=acts, counts=asdict(checked))
    written = {rule.id for rule in load(job.workspace.policy_file)}
    for rule_id in sorted(known.keys() - written):
        job.store.append_row("rules_noted", seq=_seq(job), rule_id=rule_id, word="gone", acts=False,
                             run_id=job.run_id, noted_at=now())  # fmt: skip
    for bound in found.of("target"):
        _earn(job, bound)


def _append(job: Job, bound: Bound, word: str, checked: Checked, *, acts: bool) -> None:
    rule = bound.rule
    job.store.append_row(
        "rules_noted",
        seq=_seq(job),
        rule_id=rule.id,
        rule_hash=rule.hash,
        word=word,
        owner=rule.owner,
        body=rule.model_dump_json(
            exclude_none=True, exclude={"owner", "why"}
        ),  # it is published, people's words are not
        checked=json.dumps(asdict(checked)),
        acts=acts,
        run_id=job.run_id,
        noted_at=now(),
    )


def _seq(job: Job) -> int:
    return 1 + (job.store.one("SELECT max(seq) FROM rules_noted") or 0)


def _earn(job: Job, bound: Bound) -> None:
    """One attempt at the certificate of a target rule for the serving model: on the products the model puts below the node.

    It is a statement of its own, with a delta of its own: attempts on the same labels are counted apart from the others'.
    """
    store, model = job.store, ledger.current_model(job.store)
    known = "SELECT count(*) FROM rule_certificates WHERE rule_hash = ? AND model_id = ?"
    if model is None or store.one(known, [bound.rule.hash, model]):
        return
    taxonomy, routing = latest_taxonomy(store), job.settings.routing
    inside = below(taxonomy, bound.node or "")
    before, after = (
        examples.sample(store, model, split).filter(pl.col("leaf_id").is_in(inside))
        for split in ("temperature", "calibration")
    )
    labels = examples.fingerprint(after)
    attempt = 1 + store.one("SELECT count(*) FROM rule_certificates WHERE calibration_hash = ?", [labels])
    body, leaf = None, None
    if after.height:
        terms = Terms(model_id=model, min_level=routing.min_level, attempt=attempt, issued_at=now().isoformat())
        target = bound.rule.target or routing.target
        found = certify(before, after, taxonomy, target=target, delta=routing.delta, terms=terms)
        body, leaf = json.dumps(found.to_dict()), found.leaf.threshold
    store.append_row(
        "rule_certificates", rule_hash=bound.rule.hash, model_id=model, target=bound.rule.target, delta=routing.delta,
        calibration_hash=labels, attempt=attempt, leaf_threshold=leaf, body=body, run_id=job.run_id, issued_at=now(),
    )  # fmt: skip


def bars(store: Store, found: Standing, model: str | None) -> dict[str, float | None]:
    """The log-odds each target rule asks for, by rule id; None where its certificate was not earned."""
    earned = dict(
        store.query(
            "SELECT rule_hash, arg_max(leaf_threshold, issued_at) FROM rule_certificates WHERE model_id = ? GROUP BY rule_hash",
            [model],
        ).rows()
    )
    return {bound.rule.id: earned.get(bound.rule.hash) for bound in found.of("target")}


def report(job: Job) -> str:
    """Every rule: what it says, since when, what it would have changed, how often it was right; then what is wrong with any."""
    found = today_standing(job.store, job.workspace, job.settings)
    every = load(job.workspace.policy_file)
    if not every:
        return f"There are no rules in {job.workspace.policy_file}. docs/nights.md shows how one is written."
    told = [line for bound in found.acting for line in _told(job, bound)]
    over = {rule.id for rule in every if rule.kind == "probation"} - {bound.rule.id for bound in found.of("probation")}
    told += [f"{rule.id}: {rule.vendor} has its {rule.answers} answers" for rule in every if rule.id in over]
    return "\n".join([*told, *(f"ATTENTION: {problem}." for problem in found.problems)])


def _told(job: Job, bound: Bound) -> Iterator[str]:
    rule, checked = bound.rule, check(job, bound)
    until = f" to {rule.until}" if rule.until else ""
    yield f"{rule.id} ({rule.kind}, {rule.owner}, {rule.since}{until}): {_means(rule.model_dump(exclude_none=True))}"
    share = f" ({checked.right / checked.decided:.0%})" if checked.decided else ""
    if rule.kind == "pin":
        yield f"  concerns {checked.items:,} live items, would move or place {checked.changed:,} of them"
        yield f"  right for {checked.right:,} of {checked.decided:,} that people or labels decided{share}"
        if checked.against and not rule.anyway:
            yield "  DOES NOT ACT: what was decided speaks against it. Correct it, or write anyway = true."
        return
    yield f"  the model has placed {checked.changed:,} live items there; those stay, new ones go to review"
    yield f"  it would have been right for {checked.right:,} of {checked.decided:,} decided ones{share}"
    if rule.kind == "target":
        earned = bars(job.store, Standing((bound,)), ledger.current_model(job.store))[rule.id]
        yield f"  certificate at {rule.target:.1%}: " + (
            "earned" if earned is not None else "not earned (tried every night a model is new)"
        )
    if rule.kind == "probation":
        yield f"  {answered(job.store, rule.vendor):,} of {rule.answers:,} answers are in"


def _means(said: dict[str, Any]) -> str:
    names = ("node", "vendor", "vendor_category", "gtin", "target", "answers")
    return ", ".join(f"{name} {said[name]}" for name in names if name in said)
