"""How much of each department's new placements is audited: enough to see a fall in time, within bounds."""

from dataclasses import dataclass

import polars as pl

from catalog.certification import monitor
from catalog.jobs import Job, now
from catalog.placement import ledger
from catalog.settings import Settings
from catalog.store import Store
from catalog.taxonomies.taxonomy import Taxonomy

NIGHTS = 28  # over which placements are counted
# One row per category of the last nights before a run: the placements that model made first then, by night.
PLACED = """
    WITH first AS (
        SELECT vendor, item_id, input_hash, min(run_id) AS run_id, arg_min(category_id, seq) AS category_id
        FROM routes WHERE outcome IN ('placed', 'placed_at_parent') AND decided_by IN ('model', 'look_alike') AND run_id < $run
        GROUP BY ALL
    ),
    nights AS (SELECT DISTINCT run_id FROM routes WHERE run_id < $run ORDER BY run_id DESC LIMIT $nights)
    SELECT n.run_id, f.category_id, count(f.category_id) AS placed
    FROM nights n LEFT JOIN first f USING (run_id) GROUP BY ALL ORDER BY ALL
"""
LATEST = """
    SELECT department, share FROM audit_shares
    QUALIFY row_number() OVER (PARTITION BY department ORDER BY seq DESC) = 1 ORDER BY department
"""


@dataclass(frozen=True)
class Need:
    """A department's share with what it follows from: placements and audits a night."""

    share: float
    placed: float
    needed: float


def needs(store: Store, settings: Settings, taxonomy: Taxonomy, run_id: str) -> dict[str, Need]:
    """What each department needs, from the nights before this run: a night that is begun again finds the same.

    The largest night of several is left out: it is the first delivery of a vendor, which does not come again.
    """
    audit, routing = settings.audit, settings.routing
    if not audit.see_nights:  # what was ever placed is a long table
        return {}
    answers = monitor.answers_to_alarm(routing.target, routing.target - audit.see_fall, audit.between_alarms)
    counted = store.query(PLACED, {"run": run_id, "nights": NIGHTS})
    if answers is None or not counted.height:
        return {}
    nights, needed = counted["run_id"].n_unique(), answers / audit.see_nights
    inside = counted.filter(pl.col("category_id").is_in(taxonomy.nodes["category_id"].implode()))
    departments = pl.Series([taxonomy.ancestors(key)[0] for key in inside["category_id"]], dtype=pl.String)
    by_night = inside.group_by(departments.alias("department"), "run_id").agg(pl.col("placed").sum())
    found = {}
    for (key,), rows in by_night.sort("department").group_by("department", maintain_order=True):
        counts = sorted(rows["placed"].to_list())
        placed = sum(counts[:-1] if nights > 1 else counts) / max(nights - 1, 1)
        share = monitor.audit_share(needed, placed, least=routing.audit_share, most=audit.most_share)
        found[str(key)] = Need(share, placed, needed)
    return found


def shares(store: Store, settings: Settings) -> dict[str, float]:
    """The share of each department that has one of its own; none where the settings ask for none."""
    return dict(store.query(LATEST).rows()) if settings.audit.see_nights else {}


def settle(job: Job, taxonomy: Taxonomy) -> dict[str, float]:
    """Appends what changed since the night before, and gives the shares that hold now."""
    if not job.settings.routing.audit_share or ledger.current_model(job.store) is None:
        return {}
    known = shares(job.store, job.settings)
    first = 1 + (job.store.one("SELECT max(seq) FROM audit_shares") or 0)
    changed = {
        key: need
        for key, need in needs(job.store, job.settings, taxonomy, job.run_id).items()
        if known.get(key, job.settings.routing.audit_share) != need.share
    }
    with job.store.transaction():
        for seq, (key, need) in enumerate(changed.items(), start=first):
            facts = {"share": need.share, "placed": need.placed, "needed": need.needed, "run_id": job.run_id}
            job.store.append_row("audit_shares", seq=seq, department=key, set_at=now(), **facts)
    return known | {key: need.share for key, need in changed.items()}
