"""Routing: stored predictions, standing decisions and a policy become one outcome for every item."""

from typing import Any

import numpy as np
import polars as pl

from catalog.certification.policy import (
    Policy,
    admitted,
    by_group,
    deep_enough,
    department_of,
    may_stand,
    reaches,
    sure_nodes,
)
from catalog.labels.clusters import item_key, stable_names, title_key
from catalog.placement.draws import audited, with_draws
from catalog.placement.reason_codes import OPEN_VERDICTS, RULED, with_reasons
from catalog.placement.reasons import sentences
from catalog.placement.rules import Guard, guarded
from catalog.taxonomies.taxonomy import Taxonomy

__all__ = ["Policy", "route"]

IMPROBABLE = 0.05  # a standing category below this mass may be left for a certified one
SETTLED = ("bad_data", "not_sellable")
STANDS_ASKED = (
    "department_stopped",
    "contradicts_decision",
)  # of what stands while a person is asked, see is_rechecked.sql
OPTIONAL: dict[str, Any] = {
    "decided_input_hash": pl.String,
    "decided_source": pl.String,
    "carried_category": pl.String,
    "standing_probability": pl.Float64,
    "standing_certified_precision": pl.Float64,
    "title": pl.String,
    "cluster": pl.String,
    "leads": pl.Boolean,
    "cluster_placed": pl.Int64,
    "cluster_audited": pl.Boolean,
    "returned": pl.String,
    "lost_leaf": pl.String,
    "vendor_conflict": pl.String,
    "held_back": pl.String,
    "pinned": pl.String,
    "rule_of": pl.String,
    "standing_by": pl.String,
    "control_share": pl.Float64,
    "through_product": pl.Boolean,
    "move_held": pl.Boolean,
    "reclassified": pl.Boolean,
    "standing_audit": pl.Boolean,
}
PREDICTION: dict[str, Any] = {
    "leaf_id": pl.String,
    "probability": pl.Float64,
    "log_odds": pl.Float64,
    "top_ids": pl.List(pl.String),
    "top_log_odds": pl.List(pl.Float64),
    "chain_ids": pl.List(pl.String),
    "chain_mass": pl.List(pl.Float64),
    "chain_log_odds": pl.List(pl.Float64),
    "novelty": pl.Float64,
    "has_text": pl.Boolean,
    "has_image": pl.Boolean,
    "image_status": pl.String,
}
GIVEN = ("product_id", "decided_category", "decided_verdict", "standing_category", "standing_outcome", "leaf_id")
ROUTED: dict[str, Any] = {
    "outcome": pl.String,
    "category_id": pl.String,
    "confidence": pl.Float64,
    "certified_precision": pl.Float64,
    "reason": pl.String,
    "reasons": pl.List(pl.String),
    "sentence": pl.String,
    "decided_by": pl.String,
    "audit": pl.Boolean,
    "control": pl.Boolean,
    "group_id": pl.String,
    "parent_id": pl.String,
    "rule_id": pl.String,
}


def route(
    frame: pl.DataFrame,
    policy: Policy,
    taxonomy: Taxonomy,
    guards: dict[str, Guard] | None = None,
    *,
    audit_shares: dict[str, float] | None = None,
) -> pl.DataFrame:
    """Adds the columns of `ROUTED` to each row; rows and their order stay.

    `audit_shares`: by department, of what is placed anew there, where it is another than the policy's.

    One row per item: vendor, item_id, row_hash, input_hash, product_id, decided_category, decided_verdict,
    standing_category, standing_outcome and the prediction columns (null without a prediction). Optional: title, cluster (its look-alikes), leads
    (it is the one of them that the control stream may draw; without it every item is), cluster_placed and cluster_audited (of large
    clusters: how many not in the frame stand where the model placed them, and whether one was audited under this policy),
    returned (why the category it stood in is none any more, in words), lost_leaf (the same of the model's best guess),
    vendor_conflict (what the vendor's own category says against the best guess, in words), held_back (why the model may not
    place it now, as the code of a reason), pinned and rule_of (the category a rule gives it, and the rule), standing_by, control_share
    (where another share than the policy's is to be drawn as control), through_product (the decision is on another item of it),
    move_held (the model may not move it now: more than `routing.max_moves` would), reclassified (somebody wanted it judged
    anew, so that it may leave a category that is not improbable), standing_probability,
    standing_certified_precision, standing_audit (what stands was drawn for the audit), decided_source ("label", "rule", else a person) and
    decided_input_hash (the content a decision was made on; without it a decision never counts as contradicted), carried_category (what
    all its look-alikes that were decided were decided as).

    What is placed depends on the item's own row and, for conflicts, on the other rows of its (vendor, product_id): give
    all live items of a product together. Nothing depends on the order of rows.
    """
    rows = frame.select(pl.all().exclude(*ROUTED))
    work = rows.with_columns(
        pl.lit(None, dtype).alias(name) for name, dtype in OPTIONAL.items() if name not in rows.columns
    )
    # A column of nothing but nulls arrives without a type.
    work = work.with_columns(
        pl.col(name).cast(dtype) for name, dtype in (OPTIONAL | PREDICTION | dict.fromkeys(GIVEN, pl.String)).items()
    )
    work = propose(work.with_row_index("row"), policy, taxonomy, guards)
    work = _with_decisions(work, taxonomy)
    work = _with_conflicts(work, taxonomy)
    work = _with_standing(work, policy, taxonomy)
    leaves = taxonomy.nodes.filter("is_leaf")["category_id"].to_list()
    work = work.with_columns(pin_is_leaf=pl.col("pinned").is_in(leaves).fill_null(False))
    work = _with_carried(with_draws(work, policy, taxonomy), policy, taxonomy, guards or {})
    work = _settle(work, policy)
    work = with_reasons(work, policy)
    work = work.with_columns(_group_id(work), sentences(work, taxonomy))
    work = work.with_columns(audited(work, policy, department_of(taxonomy, "category_id"), audit_shares or {}))
    return pl.concat([rows, work.select(pl.col(name).cast(dtype) for name, dtype in ROUTED.items())], how="horizontal")


def propose(
    work: pl.DataFrame, policy: Policy, taxonomy: Taxonomy, guards: dict[str, Guard] | None = None
) -> pl.DataFrame:
    """What the model alone would do: proposed (a category), proposed_outcome, proposed_mass, blocked (department)."""
    if "held_back" not in work.columns:
        work = work.with_columns(held_back=pl.lit(None, pl.String))
    fit = admitted(work.columns, policy.novelty_threshold)
    leaf_department = department_of(taxonomy, "leaf_id")
    regained = by_group(policy.regained, leaf_department)
    passed = reaches("log_odds", policy.leaf_bar, leaf_department) & (
        regained.is_null() | (pl.col("log_odds") >= regained)
    )
    work = work.with_columns(fit=fit.fill_null(False), at_leaf=(fit & passed & may_stand(taxonomy)).fill_null(False))
    nodes = sure_nodes(work, taxonomy)
    sure = nodes.unique("row", keep="last", maintain_order=True).select("row", deepest="node")
    high = reaches("node_log_odds", policy.parent_bar, department_of(taxonomy, "node"))
    certified = nodes.filter(deep_enough(policy.min_level), high)
    certified = certified.unique("row", keep="last", maintain_order=True).select("row", "node", "node_mass")
    work = work.join(sure, on="row", how="left", maintain_order="left")
    work = work.join(certified, on="row", how="left", maintain_order="left")
    at_parent = ~pl.col("at_leaf") & pl.col("fit") & pl.col("node").is_not_null()
    at_parent &= by_group(policy.regained, department_of(taxonomy, "node")).is_null()
    work = work.with_columns(
        proposed_outcome=pl.when("at_leaf").then(pl.lit("placed")).when(at_parent).then(pl.lit("placed_at_parent")),
        proposed=pl.when("at_leaf").then("leaf_id").when(at_parent).then("node"),
        proposed_mass=pl.when("at_leaf").then("probability").when(at_parent).then("node_mass"),
    )
    work = guarded(work, guards or {})
    department = department_of(taxonomy, "proposed")
    refused = [department.is_in(list(ids)) for ids in (policy.review_departments, policy.parent_review_departments)]
    return work.with_columns(
        blocked=pl.when("at_leaf").then(refused[0]).otherwise(refused[1]).fill_null(False),
        proposed_precision=pl.when("at_leaf")
        .then(pl.lit(policy.leaf_certified_precision, pl.Float64))
        .otherwise(pl.lit(policy.parent_certified_precision, pl.Float64)),
        unseen=~pl.col("vendor").is_in(list(policy.known_vendors)) & pl.lit(bool(policy.known_vendors)),
        withheld=_withheld(policy, department),
    ).with_columns(certified=pl.col("proposed").is_not_null() & ~pl.col("blocked") & pl.col("withheld").is_null())


def _withheld(policy: Policy, department: pl.Expr) -> pl.Expr:
    """Why nothing of this vendor or department may be placed for now, as a reason's code; null where nothing is wrong."""
    known = pl.col("vendor").is_in(list(policy.known_vendors))
    return (
        pl.when(pl.col("guard").is_not_null()).then(pl.col("guard"))
        .when(pl.col("held_back").is_not_null()).then(pl.col("held_back"))
        .when(department.is_in(list(policy.stopped_departments))).then(pl.lit("department_stopped"))
        .when(pl.col("vendor").is_in(list(policy.suspended_vendors))).then(pl.lit("vendor_suspended"))
        .when(department.is_in(list(policy.suspended_departments))).then(pl.lit("department_suspended"))
        .when(~known & pl.lit(policy.review_unseen_vendors)).then(pl.lit("unseen_vendor"))
    )  # fmt: skip


def _with_decisions(work: pl.DataFrame, taxonomy: Taxonomy) -> pl.DataFrame:
    """Adds decided, settled, open_verdict, retired, contradicted."""
    known = taxonomy.nodes["category_id"].to_list()
    category = pl.col("decided_category")
    changed = (pl.col("decided_input_hash") != pl.col("input_hash")).fill_null(False)
    verdict = pl.col("decided_verdict")
    work = work.with_columns(
        decided=category.is_in(known).fill_null(False),
        retired=(~category.is_in(known)).fill_null(False) | (verdict == "retired").fill_null(False),
        settled=(category.is_null() & verdict.is_in(list(SETTLED))).fill_null(False),
        open_reason=pl.when(category.is_null()).then(
            verdict.replace_strict(OPEN_VERDICTS, default=None, return_dtype=pl.String)
        ),
        changed=changed,
    )
    suspects = work.filter(pl.col("decided") & pl.col("changed") & pl.col("certified"))
    pairs = suspects.select("row", "decided_category", "proposed").rows()
    against = [row for row, old, new in pairs if not _related(old, new, taxonomy)]
    return work.with_columns(contradicted=pl.col("row").is_in(against))


def _related(one: str, other: str, taxonomy: Taxonomy) -> bool:
    """True when one node is the other or an ancestor of it."""
    return one in taxonomy.ancestors(other) or other in taxonomy.ancestors(one)


def _with_conflicts(work: pl.DataFrame, taxonomy: Taxonomy) -> pl.DataFrame:
    """Adds conflict: the variants of one product speak for different leaves, by a decision or a sure prediction.

    A decision speaks for its item; else the prediction does when it is certified or has more than half of the mass.
    Less sure variants say nothing: their guess differs by chance.
    """
    leaves = taxonomy.nodes.filter("is_leaf")["category_id"].to_list()
    speaks = pl.col("at_leaf") | (pl.col("probability") > 0.5)
    voice = pl.when("decided").then("decided_category").when(speaks).then("leaf_id")
    product = ["vendor", "product_id"]
    votes = work.filter(pl.col("product_id").is_not_null() & (pl.col("product_id") != ""))
    votes = votes.select(*product, voice=voice).filter(pl.col("voice").is_in(leaves))
    torn = votes.group_by(product).agg(pl.col("voice").n_unique()).filter(pl.col("voice") > 1)
    return work.join(
        torn.select(*product, conflict=pl.lit(True)), on=product, how="left", maintain_order="left"
    ).with_columns(pl.col("conflict").fill_null(False))


def _with_standing(work: pl.DataFrame, policy: Policy, taxonomy: Taxonomy) -> pl.DataFrame:
    """Adds stays: an item that the model placed before keeps its place; rechecked: but a person looks at it.

    It moves only to a certified category, and only when the old one is improbable, the new one lies below it, or somebody
    wanted it judged anew.
    """
    known = taxonomy.nodes["category_id"].to_list()
    # What was carried there follows the decision it came from, see `_with_carried`.
    placed_before = pl.col("standing_outcome").is_in(["placed", "placed_at_parent"]).fill_null(False) & ~_was_carried()
    work = work.with_columns(standing=placed_before & pl.col("standing_category").is_in(known).fill_null(False))
    moves = pl.col("certified") & ~pl.col("conflict")
    same = pl.col("proposed") == pl.col("standing_category")
    suspects = work.filter(pl.col("standing") & moves & ~same & ~pl.col("move_held").fill_null(False))
    columns = (
        "row",
        "reclassified",
        "standing_category",
        "proposed",
        "top_ids",
        "top_log_odds",
        "chain_ids",
        "chain_mass",
    )
    free = [
        row
        for row, anew, old, new, *shown in suspects.select(columns).iter_rows()
        if anew or _may_move(old, new, shown, taxonomy)
    ]
    stays = pl.col("standing") & ~(moves & same).fill_null(False) & ~pl.col("row").is_in(free)
    stopped = department_of(taxonomy, "standing_category").is_in(list(policy.stopped_departments)).fill_null(False)
    return work.with_columns(stays=stays, rechecked=stays & stopped)


def _may_move(old: str, new: str, shown: list, taxonomy: Taxonomy) -> bool:
    """True also when the new category lies below the old one."""
    return old in taxonomy.ancestors(new) or most_mass(old, shown, taxonomy) < IMPROBABLE


def most_mass(node: str, shown: list, taxonomy: Taxonomy) -> float:
    """The most probability a node can have, as far as `shown` tells: top ids, their log-odds, chain ids, chain masses."""
    top_ids, top_log_odds, chain_ids, chain_mass = (part or [] for part in shown)
    if node in chain_ids:
        return float(chain_mass[chain_ids.index(node)])
    top = 1.0 / (1.0 + np.exp(-np.asarray(top_log_odds, np.float64)))
    inside = sum(
        p for leaf, p in zip(top_ids, top, strict=True) if leaf in taxonomy and node in taxonomy.ancestors(leaf)
    )
    hidden = max(0.0, 1.0 - float(top.sum()))
    if taxonomy.is_leaf(node):
        return float(inside) if node in top_ids else min(hidden, float(top.min(initial=1.0)))
    return float(inside) + hidden


def _was_carried() -> pl.Expr:
    return (pl.col("standing_by") == "look_alike").fill_null(False)


def _with_carried(work: pl.DataFrame, policy: Policy, taxonomy: Taxonomy, guards: dict[str, Guard]) -> pl.DataFrame:
    """Adds carried_stays (it stands where a look-alike's decision put it, and that still says so) and carries (it may be put there).

    Only what the model leaves to people is carried, for that is what was tested; and nothing where automation was stopped,
    held back or forbidden, at the model's best guess or at the category itself.
    """
    said = pl.col("carried_category")
    places = taxonomy.nodes.filter(pl.col("is_leaf") & pl.col("assignable"))["category_id"].to_list()
    stopped = [*policy.stopped_departments, *policy.suspended_departments]
    free = said.is_in(places) & pl.col("withheld").is_null() & ~pl.col("conflict") & ~pl.col("standing")
    free &= ~department_of(taxonomy, "carried_category").is_in(stopped) & ~said.is_in(list(guards))
    certified = pl.lit(policy.look_alike_certified_precision is not None)
    stays = _was_carried() & said.is_in(places) & (said == pl.col("standing_category"))
    return work.with_columns(carried_stays=stays.fill_null(False), carries=(free & certified).fill_null(False))


def _settle(work: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Adds way (which rule applies, exactly one a row) and what follows from it alone."""
    way = (
        pl.when("contradicted").then(pl.lit("contradicted"))
        .when("decided").then(pl.lit("decided"))
        .when("settled").then(pl.lit("settled"))
        .when(pl.col("pinned").is_not_null()).then(pl.lit("pinned"))
        .when(pl.col("open_reason").is_not_null() | pl.col("retired")).then(pl.lit("review"))
        .when("carried_stays").then(pl.lit("carried"))
        .when("stays").then(pl.lit("stays"))
        .when(pl.col("drawn_control") & ~pl.col("standing")).then(pl.lit("control"))
        .when(pl.col("certified") & ~pl.col("conflict")).then(pl.lit("model"))
        .when("carries").then(pl.lit("carried"))
        .otherwise(pl.lit("review"))
    )  # fmt: skip
    work = work.with_columns(way=way)
    by_way = pl.col("way")
    kept = by_way.is_in(["contradicted", "decided"])
    model, stays, pinned, carried = (by_way == name for name in ("model", "stays", "pinned", "carried"))
    at_pin = pl.when(pl.col("pin_is_leaf")).then(pl.lit("placed")).otherwise(pl.lit("placed_at_parent"))
    same = stays & (pl.col("standing_category") == pl.col("leaf_id"))
    source = pl.col("decided_source")
    person = pl.when(source.is_in(["label", "rule"])).then(source).otherwise(pl.lit("person"))
    return work.with_columns(
        outcome=pl.when(model).then("proposed_outcome").when(stays).then("standing_outcome").when(pinned).then(at_pin)
        .when(carried).then(pl.lit("placed"))
        .when(kept | (by_way == "settled")).then(pl.lit("decided")).otherwise(pl.lit("review")),
        category_id=pl.when(kept).then("decided_category").when(model).then("proposed").when(pinned).then("pinned")
        .when(carried).then("carried_category").when(stays).then("standing_category"),
        confidence=pl.when(model).then("proposed_mass").when(same).then("probability")
        .when(stays).then("standing_probability"),
        certified_precision=pl.when(model).then("proposed_precision")
        .when(stays | (carried & pl.col("carried_stays"))).then("standing_certified_precision")
        .when(carried).then(pl.lit(policy.look_alike_certified_precision, pl.Float64)),
        decided_by=pl.when(pinned | (stays & (pl.col("standing_by") == "rule").fill_null(False))).then(pl.lit("rule"))
        .when(model | stays).then(pl.lit("model"))
        .when(carried).then(pl.lit("look_alike"))
        .when(kept | (by_way == "settled")).then(person),
        control=by_way == "control",
        rule_id=pl.when(pinned).then("rule_of").when(pl.col("withheld").is_in(list(RULED)) & (by_way == "review"))
        .then(pl.coalesce("guard_rule", "rule_of")),
        parent_id=pl.when(pinned & ~pl.col("pin_is_leaf")).then("pinned")
        .when(model & (pl.col("proposed_outcome") == "placed_at_parent")).then("proposed")
        .otherwise("deepest"),
    )  # fmt: skip


def _group_id(work: pl.DataFrame) -> pl.Series:
    """Waiting look-alikes with the same first candidate share a group: the cluster, else the product, else the title key.

    A control item stands alone, for its answer must not come from a look-alike's nor settle one; so does what does not
    wait.
    """
    asked = pl.col("outcome").is_in(["review", "placed_at_parent"]) | pl.col("reason").is_in(STANDS_ASKED)
    wanted = ("row", "vendor", "item_id", "product_id", "cluster", "title", "leaf_id")
    waits = work.select(*wanted, asked=asked & ~pl.col("control")).filter("asked")
    product = pl.concat_str(pl.lit("p"), "vendor", pl.col("product_id").replace("", None), separator="\x1f")
    waits = waits.with_columns(basis=pl.coalesce(pl.concat_str(pl.lit("c"), "cluster", separator="\x1f"), product))
    # Only where nothing better names the product: folding a title takes longer than all the rest.
    named, unnamed = waits.filter(pl.col("basis").is_not_null()), waits.filter(pl.col("basis").is_null())
    unnamed = unnamed.with_columns(title=title_key())
    # A title of one word names no product: 'Dress' may be a thousand of them.
    title = pl.when(pl.col("title").str.contains(" ")).then("title")
    key = pl.concat_str("basis", pl.col("leaf_id").fill_null(""), separator="\x1f")
    keys = pl.concat(
        rows.select("row", key=key) for rows in (named, unnamed.with_columns(basis=pl.coalesce(title, item_key())))
    )
    groups = keys.select("row", group_id=stable_names(keys["key"].to_list(), "group"))
    joined = work.select("row", "drawn").join(groups, on="row", how="left", maintain_order="left")
    return joined.select(pl.col("group_id").fill_null("i" + pl.col("drawn").cast(pl.String))).to_series()
