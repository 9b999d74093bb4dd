"""Takes back what the model placed in one run: each item stands again where it stood before, or waits for a person.

Nothing is deleted. A route is appended for each item, and the placement is kept as undone, so that the same model does not
place the same content anew the next night.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl

from catalog.jobs import Job, now

# One row per item that the model placed or moved in the run and that still stands so: the route, and the category before.
_PLACED = """
    WITH mine AS (
        SELECT * FROM routes
        WHERE run_id = $run AND decided_by IN ('model', 'look_alike') AND outcome IN ('placed', 'placed_at_parent')
          AND list_contains(reasons, 'sticky') IS DISTINCT FROM true
    ),
    last AS (SELECT vendor, item_id, max(seq) AS seq FROM routes SEMI JOIN mine USING (vendor, item_id) GROUP BY ALL),
    before AS (
        SELECT r.vendor, r.item_id, arg_max(r.seq, r.seq) AS seq
        FROM routes r JOIN mine m USING (vendor, item_id) WHERE r.seq < m.seq GROUP BY ALL
    )
    SELECT m.*, b.outcome AS old_outcome, b.category_id AS old_category, b.confidence AS old_confidence,
           b.certified_precision AS old_precision, b.decided_by AS old_by, b.policy_id AS old_policy,
           b.taxonomy_version AS old_version, l.item_id IS NOT NULL AS live
    FROM mine m JOIN last USING (vendor, item_id, seq)
    LEFT JOIN before p USING (vendor, item_id)
    LEFT JOIN routes b ON b.vendor = p.vendor AND b.item_id = p.item_id AND b.seq = p.seq
    LEFT JOIN live_items l ON l.vendor = m.vendor AND l.item_id = m.item_id
    ORDER BY m.vendor, m.item_id
"""
_SINCE = """
    SELECT count(*) FROM (
        SELECT vendor, item_id FROM routes
        WHERE run_id = $run AND decided_by IN ('model', 'look_alike') AND outcome IN ('placed', 'placed_at_parent')
          AND list_contains(reasons, 'sticky') IS DISTINCT FROM true
    ) m WHERE EXISTS (
        FROM routes r WHERE r.vendor = m.vendor AND r.item_id = m.item_id AND r.run_id > $run
    )
"""
# A category of an older hierarchy is not put back: it may be none any more.
_GOES_BACK = (
    pl.col("old_outcome").is_in(["placed", "placed_at_parent"])
    & pl.col("old_category").is_not_null()
    & (pl.col("old_version") == pl.col("taxonomy_version"))
).fill_null(False)


@dataclass(frozen=True)
class Placements:
    """What the model placed in a run and may be taken back. settled_since: placed then, and settled anew by later runs."""

    rows: pl.DataFrame
    settled_since: int

    @property
    def back(self) -> int:
        """Items that go back to the category they had."""
        return self.rows.filter(_GOES_BACK).height

    @property
    def to_review(self) -> int:
        """Items that had none before."""
        return self.rows.height - self.back


def placed_in(job: Job, run_id: str) -> Placements:
    """What a run's model placements are now."""
    rows = job.store.query(_PLACED, {"run": run_id})
    return Placements(rows, job.store.one(_SINCE, {"run": run_id}))


def take_back(job: Job, found: Placements, code: str, sentence: str, *, mark: bool = True) -> int:
    """Appends what stood before for each of them, with a reason's code and sentence; returns how many.

    `mark`: the same model is not to place the same content again. Without it the next run settles these items anew.
    """
    rows = found.rows
    if not rows.height:
        return 0
    undone_at = now()
    facts: dict[str, Any] = {"run_id": job.run_id, "undone_at": undone_at}
    with job.store.transaction():
        if mark:
            kept = rows.select("vendor", "item_id", "input_hash", "model_id", "category_id", undone_run_id="run_id")
            job.store.append(
                "placements_undone", kept.with_columns(pl.lit(value).alias(name) for name, value in facts.items())
            )
        job.store.append("routes", _restored(rows, code, sentence, _numbers(job)).with_columns(
            run_id=pl.lit(job.run_id), routed_at=pl.lit(undone_at), route_key="route_key" if mark else pl.lit(None, pl.String)
        ))  # fmt: skip
    return rows.height


def _numbers(job: Job) -> Callable[[int], pl.Series]:
    first = 1 + (job.store.one("SELECT max(seq) FROM routes") or 0)
    return lambda count: pl.Series("seq", range(first, first + count), pl.Int64)


def _restored(rows: pl.DataFrame, code: str, sentence: str, numbers: Callable[[int], pl.Series]) -> pl.DataFrame:
    """The routes that stand from now on, in the columns of `routes`."""
    back = _GOES_BACK
    return rows.with_columns(numbers(rows.height)).select(
        "vendor", "item_id", "row_hash", "input_hash", "model_id", "taxonomy_version", "parent_id", "group_id",
        "route_key", "seq", "policy_id",
        outcome=pl.when(back).then("old_outcome").otherwise(pl.lit("review")),
        category_id=pl.when(back).then("old_category"),
        confidence=pl.when(back).then("old_confidence"),
        certified_precision=pl.when(back).then("old_precision"),
        decided_by=pl.when(back).then("old_by"),
        reason=pl.lit(code),
        reasons=pl.concat_list(pl.when(back).then(pl.lit("sticky")), pl.lit(code)).list.drop_nulls(),
        sentence=pl.lit(sentence),
        audit=pl.lit(False),
        control=pl.lit(False),
    )  # fmt: skip
