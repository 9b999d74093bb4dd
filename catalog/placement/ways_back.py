"""How vendors and departments whose automation stopped come back: random draws from each earn it a certificate of its own.

Looked at every night, before anything is placed. A group is known by what stopped it (`ground`): should that change once
more, what was earned holds no longer and the draws begin anew. Parents stay with people until the model has another
certificate: what the draws test is the leaf.
"""

import math
from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace
from datetime import datetime
from typing import Any

import polars as pl

from catalog.certification.evidence import one_per_cluster
from catalog.certification.policy import Policy, department_of, group_key
from catalog.certification.regaining import Progress, Terms, attempt_at, curve, followed
from catalog.certification.sequence import Curve
from catalog.jobs import Job, now
from catalog.labels.clusters import drawn_at, look_alike_clusters
from catalog.learning import examples
from catalog.placement import audit_watch, draws, ledger, routing, vendor_categories, way_back_words
from catalog.placement.audit_watch import Watched
from catalog.store import Store
from catalog.taxonomies.category_moves import model_translation, translation_from
from catalog.taxonomies.taxonomy import Taxonomy

NIGHTS = 28  # over which placements are counted
_FEW = 30  # products of the temperature split, below which those of one department order no thresholds
# What was said last of each group of a certificate, by what stopped it.
LAST = """
    SELECT * FROM ways_back WHERE certificate_id = ?
    QUALIFY row_number() OVER (PARTITION BY kind, key, ground ORDER BY seq DESC) = 1 ORDER BY seq
"""
# One row per item drawn at random and answered in full since a time, in the order of the answers, with what the model says.
DRAWN = """
    SELECT d.vendor, d.item_id, d.category_id AS truth, i.title, i.gtin, i.product_id, i.image_hash, i.vendor_category,
           a."cluster" AS look_alikes, p.* EXCLUDE (run_id, predicted_at, provider, stage)
    FROM standing_decisions d
    JOIN predictions p ON p.input_hash = d.input_hash AND p.model_id = $model
    LEFT JOIN look_alikes a ON a.vendor = d.vendor AND a.item_id = d.item_id AND a.input_hash = d.input_hash
    LEFT JOIN items i ON i.vendor = d.vendor AND i.item_id = d.item_id AND i.input_hash = d.input_hash
    WHERE d.random AND d.source = 'review' AND d.verdict IN ('category', 'none') AND d.decided_at >= $since
    QUALIFY row_number() OVER (PARTITION BY d.vendor, d.item_id ORDER BY i.created_at DESC) = 1
    ORDER BY d.decided_at, d.seq
"""
# One row per drawn item that nobody answered yet, with the leaf the model would place it at.
WAITING = """
    SELECT r.vendor, p.leaf_id FROM standing_routes r
    JOIN predictions p ON p.input_hash = r.input_hash AND p.model_id = $model
    ANTI JOIN standing_decisions USING (vendor, item_id)
    SEMI JOIN live_items USING (vendor, item_id)
    WHERE r.control AND r.outcome = 'review'
"""
# One row per vendor and category of the nights before a run: the leaves that models placed at first then, in today's ids.
PLACED = """
    WITH first AS (
        SELECT vendor, item_id, input_hash, min(run_id) AS run_id, arg_min(category_id, seq) AS category_id,
               arg_min(taxonomy_version, seq) AS taxonomy_version
        FROM routes WHERE outcome = 'placed' AND decided_by = 'model' AND run_id < $run GROUP BY ALL
    ),
    nights AS (SELECT DISTINCT run_id FROM routes WHERE run_id < $run ORDER BY run_id DESC LIMIT $nights)
    SELECT n.run_id, f.vendor, coalesce(c.now_id, f.category_id) AS leaf_id, count(f.vendor) AS placed
    FROM nights n LEFT JOIN first f USING (run_id)
    LEFT JOIN category_now c ON c.taxonomy_version = f.taxonomy_version AND c.category_id = f.category_id
    GROUP BY ALL ORDER BY ALL
"""


@dataclass(frozen=True)
class _Group:
    """A vendor or department that is stopped, since when and by what; `draw_share`: of what would be placed there."""

    kind: str
    key: str
    ground: str
    since: datetime
    draw_share: float

    def of(self, taxonomy: Taxonomy, leaf: str = "leaf_id") -> pl.Expr:
        """Bool per row: it belongs to the group by its vendor, or by its predicted leaf in today's ids."""
        mine = pl.col("vendor") if self.kind == "vendor" else department_of(taxonomy, leaf)
        return (mine == self.key).fill_null(False)


def follow(job: Job, certified: Watched, left: Policy, stopped: pl.DataFrame) -> tuple[Policy, pl.DataFrame]:
    """The policy with what came back, and what is still stopped of `stopped` (columns of `audit_watch.STOPS`).

    `certified` holds the policy as it was earned. Makes the attempts that came due and appends what changed.
    """
    said = job.store.query(LAST, [certified.certificate_id])
    last = {_named(row): row for row in said.iter_rows(named=True)}
    regained, shares = _of_earlier_stops(job.store, said), dict[str, float]()
    still = []
    for row in stopped.iter_rows(named=True):
        known = last.get(_named(row))
        name = group_key(row["kind"], row["key"])
        way = known if known and known["threshold"] is not None else _looked_at(job, certified, row, known)
        if way is None:
            still.append(row)
        elif way["threshold"] is None:
            still.append(row)
            shares[name] = way["draw_share"]
        else:
            regained[name] = max(regained.get(name, way["threshold"]), way["threshold"])
            left = _given_back(left, row["kind"], row["key"])
    left = replace(left, draw_shares=shares, regained=regained)
    return left, pl.DataFrame(still, schema=audit_watch.STOPS, orient="row")


def _named(row: dict[str, Any]) -> tuple[str, ...]:
    """What the audit stopped stays the same stop when its department gets another id."""
    ground = row["ground"]
    return (ground,) if ground and ground.startswith(audit_watch.GROUND) else (row["kind"], row["key"], ground)


def _of_earlier_stops(store: Store, said: pl.DataFrame) -> dict[str, float]:
    """What departments the audit once stopped came back with: it holds as long as their certificate."""
    found = {}
    for row in said.filter(pl.col("ground").str.starts_with(audit_watch.GROUND)).iter_rows(named=True):
        key = translation_from(store, row["said_at"]).now(row["key"])
        if row["threshold"] is not None and key is not None:
            found[group_key(row["kind"], key)] = row["threshold"]
    return found


def _given_back(policy: Policy, kind: str, key: str) -> Policy:
    if kind == "vendor":
        return replace(policy, suspended_vendors=policy.suspended_vendors - {key})
    return replace(
        policy,
        suspended_departments=policy.suspended_departments - {key},
        stopped_departments=policy.stopped_departments - {key},
    )


def _looked_at(job: Job, certified: Watched, row: dict[str, Any], known: dict[str, Any] | None) -> dict | None:
    """How far the group is after this night's answers, written down where it differs; None where nothing was placed there
    by itself, so that nothing can come back."""
    if not _automated(certified, row["kind"], row["key"]):
        return None
    if known:
        since, share = known["since"], known["draw_share"]
    else:
        since = row["since"] or now()
        share = _share(job, certified.taxonomy, row["kind"], row["key"])
    group = _Group(row["kind"], row["key"], row["ground"], since, share)
    before = Progress(known["attempts"]) if known else Progress()
    drawn = answered(job, certified, group)
    policy = certified.policy
    score, wrong = drawn["log_odds"].to_numpy(), (drawn["leaf_id"] != drawn["truth"]).fill_null(True).to_numpy()

    def earlier() -> Curve | None:
        return _ordering(job, certified, group)

    found = followed(before, score, wrong, earlier, Terms(policy.target, policy.delta, _standing(policy, group)))
    way = _written(group, found, attempt_at(policy.target, policy.delta, found.attempts + 1))
    way["waiting"] = job.store.query(WAITING, {"model": policy.model_id}).pipe(_waiting, job, certified, group)
    way["sentence"] = way_back_words.sentence(way, policy.target, now())
    if known is None or any(known[name] != value for name, value in way.items()):
        _append(job, certified, way)
    if row["ground"].startswith(audit_watch.GROUND) and found.threshold is not None:
        audit_watch.release(job, certified, row["ground"], (found.answers, found.wrong))
    return way


def _standing(policy: Policy, group: _Group) -> float:
    """The log-odds that every leaf placed in the group reaches: the lowest bar of its departments."""
    bar = policy.leaf_bar
    if isinstance(bar, Mapping):
        return bar[group.key] if group.kind == "department" else min(bar.values())
    return -math.inf if bar is None else bar


def _automated(certified: Watched, kind: str, key: str) -> bool:
    policy, taxonomy = certified.policy, certified.taxonomy
    if policy.leaf_bar is None:
        return False
    if kind == "vendor":
        return True
    known = key in taxonomy and taxonomy.ancestors(key)[0] == key
    barred = isinstance(policy.leaf_bar, Mapping) and key not in policy.leaf_bar
    return known and not barred and key not in policy.review_departments


def _share(job: Job, taxonomy: Taxonomy, kind: str, key: str) -> float:
    """What gives `audit.draws_a_night` draws of the placements that came in the nights before; the largest night of several
    is left out, as the first delivery of a vendor does not come again."""
    wanted = job.settings.audit.draws_a_night
    if not wanted:
        return 0.0
    counted = job.store.query(PLACED, {"run": job.run_id, "nights": NIGHTS})
    group = _Group(kind, key, "", now(), 0.0)
    nights = counted["run_id"].n_unique()
    by_night = (
        counted.filter(group.of(taxonomy)).group_by("run_id").agg(pl.col("placed").sum())["placed"].sort().to_list()
    )
    if not by_night:
        return draws.STOPPED_DRAW
    placed = sum(by_night[:-1] if len(by_night) > 1 else by_night) / max(nights - 1, 1)
    if placed:
        return min(1.0, wanted / placed)
    return draws.STOPPED_DRAW if by_night[-1] > wanted else 1.0  # nothing but first deliveries came so far


def answered(job: Job, certified: Watched, group: _Group) -> pl.DataFrame:
    """The random draws since it stopped that the policy would place at a leaf in the group, one a product, in the order of
    their answers: the columns of `DRAWN`, ids in today's.

    An item that was drawn at a higher share, for another group or a rule, counts only where this group's share would have
    drawn it too: else one vendor's items would speak for a whole department.
    """
    policy = certified.policy
    drawn = job.store.query(DRAWN, {"model": policy.model_id, "since": group.since})
    if not drawn.height:
        return drawn
    drawn = drawn.with_columns(cluster=look_alike_clusters(drawn))
    share = max(group.draw_share, policy.control_share)
    drawn = drawn.filter(drawn_at(drawn, policy.salt) < share)
    placed = _placed(job, certified, drawn, group)
    return placed.unique("cluster", keep="first", maintain_order=True)


def _placed(job: Job, certified: Watched, frame: pl.DataFrame, group: _Group | None) -> pl.DataFrame:
    """The rows that the policy would place at a leaf, in the group where one is given."""
    policy, taxonomy = certified.policy, certified.taxonomy
    frame = model_translation(job.store, policy.model_id).predictions(frame)
    held = ledger.vendor_category_rules(job.store, policy.model_id, job.settings)
    frame = vendor_categories.with_conflicts(frame, held, taxonomy).with_row_index("row")
    found = routing.propose(frame, policy, taxonomy).filter(
        pl.col("certified") & (pl.col("proposed_outcome") == "placed")
    )
    return found.filter(group.of(taxonomy)) if group else found


def _ordering(job: Job, certified: Watched, group: _Group) -> Curve | None:
    """The temperature split's products that the policy would place: of the group where there are enough, else all."""
    sample = examples.sample(job.store, certified.policy.model_id, "temperature")
    if not sample.height:
        return None
    sample = sample.filter(one_per_cluster(sample, 0)).rename({"category_id": "truth"})
    sample = vendor_categories.with_vendor_category(job.store, sample)
    placed = _placed(job, certified, sample, None)
    own = placed.filter(group.of(certified.taxonomy))
    used = own if own.height >= _FEW else placed
    if used.height < _FEW:
        return None
    return curve(used["log_odds"].to_numpy(), (used["leaf_id"] != used["truth"]).fill_null(True).to_numpy())


def _waiting(drawn: pl.DataFrame, job: Job, certified: Watched, group: _Group) -> int:
    ids = model_translation(job.store, certified.policy.model_id).ids(pl.col("leaf_id"))
    return drawn.with_columns(leaf_id=ids).filter(group.of(certified.taxonomy)).height


def _written(group: _Group, found: Progress, next_at: int) -> dict[str, Any]:
    names = ("kind", "key", "ground", "since", "draw_share")
    facts = dict(zip(names, astuple(group), strict=True))
    return facts | {
        "attempts": found.attempts, "answers": found.answers, "wrong": found.wrong, "next_at": next_at,
        "threshold": found.threshold,
    }  # fmt: skip


def _append(job: Job, certified: Watched, way: dict[str, Any]) -> None:
    job.store.append_row(
        "ways_back",
        seq=1 + (job.store.one("SELECT max(seq) FROM ways_back") or 0),
        certificate_id=certified.certificate_id,
        model_id=certified.policy.model_id,
        run_id=job.run_id,
        said_at=now(),
        **way,
    )
