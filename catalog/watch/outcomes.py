"""What would have to be otherwise for another outcome: the thresholds an item reaches or misses, the words that flip it."""

from collections.abc import Iterable, Iterator, Mapping

import polars as pl

from catalog.certification.policy import Bar, Policy, deep_enough, sure_nodes
from catalog.placement.routing import IMPROBABLE
from catalog.taxonomies.taxonomy import Taxonomy
from catalog.watch.explanation import Seen, probability, share
from catalog.watch.facts import Facts

_FLIPS = 5  # parts named
_PERSON = "An answer of a person settles it: catalog review export, catalog review serve, or catalog correct FILE."
_RULE = "A rule of policy.toml keeps the model from placing it: catalog rules check says which; change it, or let a person answer."
# What ends a reason to wait that no surer model would end.
ENDS = {
    "control": "It was drawn for a person whatever the model thinks; an answer settles it.",
    "shadow_mode": 'Nothing is placed in the shadow: mode = "live" in catalog.toml lets the model place.',
    "automation_off": 'Placing is switched off: automation = "on" in catalog.toml lets the model place.',
    "run_undone": "The run that placed it was taken back, and the same model does not place it again: a person or another model may.",
    "department_stopped": "The audit stopped its department; the view suspended says what ends it.",
    "product_conflict": "It waits until the words on its product agree: the view product_conflicts names them.",
    "vendor_category_conflict": "What its vendor's category means speaks against the model: catalog vendor categories says and corrects it.",
    "unseen_kind": "The model knows nothing like it; labels of such products, and catalog train, would let it be placed.",
    "no_prediction": "The next night asks the model, or a person answers first: catalog nightly.",
    "not_classified_yet": "The next night asks the model: catalog nightly.",
    "no_content": "Its vendor has to send a title or a picture that can be read.",
    "no_text": "Its vendor has to send a title.",
    "picture_unreadable": "Its vendor has to send a picture that can be read.",
    "guess_retired": "What the model knows it as is no category any more: catalog train on today's hierarchy, or a person.",
    **dict.fromkeys(("rule_never_automate", "rule_target", "rule_probation", "rule_unclear"), _RULE),
    **dict.fromkeys(
        (
            "category_retired",
            "contradicts_decision",
            "no_category_fits",
            "reviewer_unsure",
            "reviewer_skipped",
            "wrong_picture",
        ),
        _PERSON,
    ),
}


def changes(
    facts: Facts, prediction: pl.DataFrame, policy: Policy, taxonomy: Taxonomy, seen: Seen | None
) -> Iterator[str]:
    """Sentences, the surest first. `prediction` is the item's row as routing reads it (none where there is no answer)."""
    row = facts.lineage
    if row is None:
        yield from _to_come_back(facts)
        return
    if row["outcome"] == "decided":
        yield "A word of a person or a label stands until another one: catalog correct FILE (vendor, item_id, category)."
    if row["reason"] == "look_alike_decided":
        yield (
            "It stands as its look-alikes were decided: another word on one of them, or on itself, changes that "
            "(catalog correct FILE)."
        )
    if row["reason"] == "sticky":
        yield (
            f"It stays while the model gives its category at least {IMPROBABLE:.0%}, or is sure of no other "
            "beyond its threshold; a person may move it: catalog correct FILE."
        )
    if row["reason"] == "move_held":
        yield "It moves when somebody has looked and lets it: catalog approve-moves --by NAME; or in a later night, within routing.max_moves."
    yield from dict.fromkeys(ENDS[code] for code in facts.reasons if code in ENDS)
    if prediction.height and seen is not None:
        yield from _stopped(facts.vendor, prediction, policy, taxonomy)
        yield from _thresholds(prediction, policy, taxonomy)
        yield from _flips(prediction, policy, taxonomy, seen)


def _to_come_back(facts: Facts) -> Iterator[str]:
    if facts.refused:
        yield f"Its vendor has to mend the row: catalog vendor report {facts.vendor} writes what to send them."
    else:
        yield "It comes back when its vendor delivers it again."


def _stopped(vendor: str, prediction: pl.DataFrame, policy: Policy, taxonomy: Taxonomy) -> Iterator[str]:
    """What keeps it from being placed however sure the model is."""
    department = _department(prediction["leaf_id"].item(), taxonomy)
    name = taxonomy.path(department) if department else "its department"
    if policy.leaf_bar is None and policy.parent_bar is None:
        yield (
            f"Nothing is placed by itself: no certificate was earned at {policy.target:.0%}. More labels drawn at random "
            "may earn one: catalog labels import FILE --random, catalog train."
        )
    if vendor in policy.suspended_vendors:
        yield f"Automation is suspended for {vendor}; the view suspended says what ends it."
    if department in policy.suspended_departments:
        yield f"Automation is suspended for {name}; the view suspended says what ends it."
    if policy.review_unseen_vendors and vendor not in policy.known_vendors:
        yield f"No label names {vendor}: labels of its products, or routing.unseen_vendor, would let the model place them."
    if department in policy.review_departments:
        yield f"{name} is not placed automatically: the model was seen below the target there. More labels may change it."


def _thresholds(prediction: pl.DataFrame, policy: Policy, taxonomy: Taxonomy) -> Iterator[str]:
    leaf = prediction["leaf_id"].item()
    bar = _of(policy.leaf_bar, _department(leaf, taxonomy))
    if bar is None:
        if policy.leaf_bar is not None:
            yield "The department of its best guess earned no certificate of its own."
        return
    score = prediction["log_odds"].item()
    yield _against("a leaf", score, bar)
    if score >= bar:
        return
    nodes = sure_nodes(prediction, taxonomy).filter(deep_enough(policy.min_level))
    for node, odds in nodes.select("node", "node_log_odds").reverse().head(1).iter_rows():
        level = _of(policy.parent_bar, _department(node, taxonomy))
        if level is not None:
            yield _against(taxonomy.path(node), odds, level)


def _against(where: str, score: float, bar: float) -> str:
    short = f"{bar - score:.2f} short" if score < bar else f"{score - bar:.2f} more than it needs"
    return (
        f"Placed at {where} is what has log-odds of at least {bar:.2f} ({share(probability(bar))}); this has {score:.2f} "
        f"({share(probability(score))}), {short}."
    )


def _flips(prediction: pl.DataFrame, policy: Policy, taxonomy: Taxonomy, seen: Seen) -> Iterator[str]:
    parts = [(f"the word {w.part!r}", w) for w in seen.words] + [(f"the {f.part}", f) for f in seen.fields]
    flips = [(named, moved) for named, moved in parts if moved.instead]
    for named, moved in flips[:_FLIPS]:
        yield f"Without {named} the best guess would be {moved.instead}."
    if len(flips) > _FLIPS:
        yield f"So with {len(flips) - _FLIPS} other parts."
    score, bar = (
        prediction["log_odds"].item(),
        _of(policy.leaf_bar, _department(prediction["leaf_id"].item(), taxonomy)),
    )
    if bar is not None and score >= bar:
        lost = [named for named, moved in parts if not moved.instead and score - moved.log_odds < bar]
        if lost:
            yield f"Without {_or(lost[:_FLIPS])} it would miss the threshold of a leaf."
    if len(seen.candidates) > 1 and not flips:
        first, second = seen.candidates[:2]
        yield f"No single part flips it: {second.path} has {second.log_odds:.2f}, {first.log_odds - second.log_odds:.2f} less."


def _or(names: Iterable[str]) -> str:
    *some, last = names
    return f"{', '.join(some)} or {last}" if some else last


def _of(bar: Bar, department: str | None) -> float | None:
    return bar.get(department or "") if isinstance(bar, Mapping) else bar


def _department(leaf: str | None, taxonomy: Taxonomy) -> str | None:
    return taxonomy.ancestors(leaf)[0] if leaf in taxonomy and leaf is not None else None
