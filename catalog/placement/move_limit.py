"""How many standing placements one run may move: `routing.max_moves`. The surest go first, the rest stays where it stands.

A promotion asks for approval before it moves that many. A plain night moves too, when the policy, the settings, the
hierarchy or the texts of a vendor have changed: a catalogue that jumps overnight is noticed by customers first.
"""

import math

import polars as pl

from catalog.jobs import Job, now
from catalog.placement import ledger
from catalog.taxonomies.taxonomy import SEPARATOR, Taxonomy

HELD = "move_held"
_AT = ("placed", "placed_at_parent")
_STANDING = """
    SELECT count(*) FROM live_items JOIN standing_routes USING (vendor, item_id)
    WHERE outcome IN ('placed', 'placed_at_parent') AND decided_by = 'model'
"""
_HELD = "SELECT count(*) FROM live_items JOIN standing_routes USING (vendor, item_id) WHERE reason = 'move_held'"
# Of items that this very run has settled already, when a step is done again: those that it moved.
_MOVED = """
    SELECT count(*) FROM (
        SELECT run_id, decided_by, reasons, category_id, lag(category_id) OVER (PARTITION BY vendor, item_id ORDER BY seq) AS before
        FROM routes SEMI JOIN (SELECT DISTINCT vendor, item_id FROM routes WHERE run_id = $run) USING (vendor, item_id)
    ) WHERE run_id = $run AND decided_by = 'model' AND NOT list_contains(reasons, 'sticky') AND before <> category_id
"""
_LAST_PROMOTION = "SELECT action FROM promotions ORDER BY seq DESC LIMIT 1"


def approve(job: Job, who: str, note: str | None) -> int:
    """Lets the items move that are held back now, in the next night; returns how many. Nothing is recorded for none."""
    store = job.store
    items = store.one(_HELD)
    if items:
        store.append_row(
            "move_approvals",
            seq=1 + (store.one("SELECT max(seq) FROM move_approvals") or 0),
            route_seq=store.one("SELECT max(seq) FROM routes"),
            items=items,
            who=who,
            note=note,
            run_id=job.run_id,
            said_at=now(),
        )
    return items


def over(job: Job, settled: pl.DataFrame, taxonomy: Taxonomy) -> pl.Series:
    """Bool (n,): rows of `routing.route` that would move beyond what this run may.

    settled: with standing_category, standing_outcome, standing_by, standing_model and move_approved. Going further down a
    branch is no move, and what a promotion moves was weighed, or approved, when the model was promoted.
    """
    moves = settled.with_row_index("row").filter(_moves(job, taxonomy))
    if not moves.height:
        return pl.repeat(False, settled.height, eager=True)
    allowed = math.ceil(job.settings.routing.max_moves * job.store.one(_STANDING))
    allowed -= job.store.one(_MOVED, {"run": job.run_id})
    surest = moves.sort("confidence", "vendor", "item_id", descending=[True, False, False])
    late = set(surest.slice(max(0, allowed))["row"])
    return pl.Series([row in late for row in range(settled.height)], dtype=pl.Boolean)


def _moves(job: Job, taxonomy: Taxonomy) -> pl.Expr:
    ids, paths = taxonomy.nodes["category_id"], taxonomy.nodes["path"]
    before, after = (
        pl.col(name).replace_strict(ids, paths, default=None, return_dtype=pl.String)
        for name in ("standing_category", "category_id")
    )
    stood = pl.col("standing_outcome").is_in(_AT) & (pl.col("standing_by") == "model") & before.is_not_null()
    # A decision, a label or a rule moves what it speaks of; only the model is held back.
    anew = (pl.col("decided_by") == "model") & ~pl.col("reasons").list.contains("sticky")
    moved = anew & (pl.col("category_id") != pl.col("standing_category"))
    further_down = after.str.starts_with(before + SEPARATOR)
    weighed = pl.lit(False)
    if job.store.one(_LAST_PROMOTION) == "promote":
        weighed = pl.col("standing_model").ne_missing(pl.lit(ledger.current_model(job.store), pl.String))
    approved = pl.col("move_approved").fill_null(False)
    return (stood & moved & ~further_down & ~weighed & ~approved).fill_null(False)
