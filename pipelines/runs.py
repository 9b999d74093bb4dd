"""What ran, and taking a run back.  `catalog runs list | show RUN | undo RUN`"""

import json
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from catalog.deliveries import held
from catalog.errors import CatalogError
from catalog.jobs import Job, now
from catalog.placement.taking_back import Placements, placed_in, take_back
from catalog.publishing import summary
from catalog.review import undo as review_undo
from catalog.store import Store
from pipelines import promote

UNDONE = "run_undone"
SENTENCE = "The run that placed it was taken back. Please choose the category."
# What cannot be taken back by this command, and what can be done instead.
INSTEAD = {
    "labels": "Import the corrected labels (catalog labels import FILE), or fix single items: catalog correct FILE",
    "taxonomy": "Import the hierarchy it replaced once more, with a map: catalog taxonomy import OLD --map FILE",
    "train": "It made a model and moved no item; what serves is said by: catalog promote MODEL, catalog rollback",
    "evaluate": "It only compared; there is nothing to take back.",
    "compare": "It only compared; there is nothing to take back.",
    "predictions": "It made a model and moved no item; what serves is said by: catalog promote MODEL, catalog rollback",
    "review export": "Sheets may lie unanswered; to free their rows: catalog review give-back NAME",
}
_OWN = """
    SELECT delivery_id, vendor, file_name, rows_in FROM delivery_runs
    WHERE run_id = ? AND status = 'accepted' AND kind <> 'labels' ORDER BY vendor, delivery_no
"""
_LATER = """
    SELECT DISTINCT o.vendor, n.delivery_id, n.file_name
    FROM delivery_runs o JOIN delivery_runs n
        ON n.vendor = o.vendor AND n.status = 'accepted' AND n.kind <> 'labels' AND n.received_at > o.received_at
    WHERE o.run_id = $run AND o.status = 'accepted' AND o.kind <> 'labels' AND n.run_id <> $run
    ORDER BY o.vendor
"""
_DELIVERY: dict[str, Any] = dict.fromkeys(("delivery_id", "vendor", "file_name"), pl.String) | {"rows_in": pl.Int64}


@dataclass(frozen=True)
class By:
    """Who takes a run back, and why."""

    who: str
    note: str | None = None


@dataclass(frozen=True)
class Plan:
    """What taking a run back means: deliveries (delivery_id, vendor, file_name, rows_in), placements, a promotion, imports."""

    run_id: str
    deliveries: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_DELIVERY))
    placements: Placements | None = None
    serves_again: str | None = None
    imports: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """What exactly is taken back, a line each."""
        said = [
            f"delivery      {row['vendor']}, {row['file_name']} ({row['rows_in'] or 0:,} rows): as if it had not come"
            for row in self.deliveries.iter_rows(named=True)
        ]
        if self.placements:
            found = self.placements
            said.append(
                f"placements    {found.rows.height:,} by the model: {found.back:,} go back to the category they had, "
                f"{found.to_review:,} to review"
            )
            if found.settled_since:
                said.append(f"stays         {found.settled_since:,} that were settled anew since then")
        if self.serves_again:
            said.append(f"model         {self.serves_again} serves again from the next night on")
        return [*said, *(f"answers       those of import {key}" for key in self.imports)]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to take back."""
        placed = self.placements is not None and self.placements.rows.height
        return not (self.deliveries.height or placed or self.serves_again or self.imports)


def plan(job: Job, run_id: str, *, placements_only: bool = False) -> Plan:
    """What can be taken back of a run. Raises CatalogError, with what to do instead, when that is nothing."""
    name = _job_of(job.store, run_id)
    if name == "nightly":
        found = Plan(run_id, placements=placed_in(job, run_id))
        if not placements_only:
            found = Plan(run_id, _deliveries(job.store, run_id), found.placements)
    elif name in ("promote", "rollback"):
        found = Plan(run_id, serves_again=_served_before(job.store, run_id))
    else:
        keys = job.store.query(
            "SELECT import_id FROM imports WHERE run_id = ? AND import_id NOT IN (SELECT import_id FROM import_undos)",
            [run_id],
        )["import_id"]
        found = Plan(run_id, imports=tuple(keys))
    if found.empty:
        raise CatalogError(
            f"There is nothing of run {run_id} ({name}) to take back.",
            remedy=INSTEAD.get(name, "What it did, if anything, was taken back or settled anew since."),
        )
    return found


def _job_of(store: Store, run_id: str) -> str:
    name = store.one("SELECT job FROM runs WHERE run_id = ?", [run_id])
    if name is None:
        raise CatalogError(f"There is no run {run_id}.", remedy="List them: catalog runs list")
    ended = store.one("SELECT status FROM run_ends WHERE run_id = ?", [run_id])
    if ended is None:
        raise CatalogError(f"Run {run_id} has not ended.", remedy="Let it finish first: catalog nightly")
    return str(name)


def _deliveries(store: Store, run_id: str) -> pl.DataFrame:
    later = store.query(_LATER, {"run": run_id})
    if later.height:
        vendor, newer, name = later.row(0)
        raise CatalogError(
            f"{vendor} delivered {name} since, which builds on what came in this run"
            + (f" (and {later.height - 1} more)" if later.height > 1 else "")
            + ".",
            remedy=f"Take the later one back first (catalog feeds undo {newer} --by NAME), or only what the model placed: "
            f"catalog runs undo {run_id} --placements-only --by NAME",
        )
    return store.query(_OWN, [run_id])


def _served_before(store: Store, run_id: str) -> str:
    rows = store.query("SELECT model_id, run_id FROM promotions ORDER BY seq DESC LIMIT 2").rows()
    if not rows or rows[0][1] != run_id:
        raise CatalogError(
            f"Another model was promoted after run {run_id}.",
            remedy="Take the later promotion back first, or promote by name: catalog promote MODEL",
        )
    if len(rows) < 2:
        raise CatalogError(
            "No model served before this one.", remedy='To stop placing set automation = "off" in catalog.toml.'
        )
    return str(rows[1][0])


def undo(job: Job, found: Plan, by: By) -> None:
    """Carries a plan out, by appending, in one transaction; the next night publishes it."""
    with job.store.transaction():
        if found.placements:
            take_back(job, found.placements, UNDONE, SENTENCE)
        for delivery in found.deliveries.reverse()["delivery_id"]:
            held.undo(job, delivery, held.By(by.who, by.note))
        for key in found.imports:
            review_undo.undo(job, key, review_undo.By(by.who, by.note))
        if found.serves_again:
            promote.run(job, found.serves_again, reason=f"run {found.run_id} taken back", action="rollback")
        job.store.append_row(
            "run_undos",
            seq=1 + (job.store.one("SELECT max(seq) FROM run_undos") or 0),
            undone_run_id=found.run_id,
            what=json.dumps(found.lines()),
            who=by.who,
            note=by.note,
            run_id=job.run_id,
            undone_at=now(),
        )


def listed(store: Store, limit: int = 30) -> str:
    """One line per run, youngest first."""
    rows = store.query(
        """SELECT run_id, job, started_at, coalesce(status, 'open') AS status, message, u.who, u.undone_at
           FROM runs LEFT JOIN run_ends USING (run_id)
           LEFT JOIN (SELECT undone_run_id AS run_id, arg_max(who, seq) AS who, max(undone_at) AS undone_at
                      FROM run_undos GROUP BY ALL) u USING (run_id)
           ORDER BY run_id DESC LIMIT ?""",
        [limit],
    )
    return "\n".join(_line(row) for row in rows.iter_rows(named=True)) or "Nothing has run here yet."


def _line(row: dict) -> str:
    undone = f"taken back by {row['who']} on {row['undone_at']:%Y-%m-%d}" if row["undone_at"] else ""
    end = "  ".join(part for part in (row["message"], undone) if part)
    return (
        f"{row['run_id']}  {row['started_at']:%Y-%m-%d %H:%M:%S}  {row['job']:<14} {row['status']:<10} {end}".rstrip()
    )


def detail(store: Store, run_id: str) -> str:
    """The steps of a run, its deliveries with reasons, what it left, what was taken back, its counts per vendor."""
    if not store.one("SELECT count(*) FROM runs WHERE run_id = ?", [run_id]):
        raise CatalogError(f"There is no run {run_id}.", remedy="List them: catalog runs list")
    parts = [
        store.query("SELECT stage, counts, provider FROM stages WHERE run_id = ? ORDER BY finished_at", [run_id]),
        store.query(
            "SELECT vendor, file_name, status, rows_in, sentence FROM deliveries WHERE run_id = ? "
            "ORDER BY vendor, delivery_no",
            [run_id],
        ),
        store.query("SELECT 'left', kind, vendor, name, rows FROM leftovers WHERE run_id = ? ORDER BY ALL", [run_id]),
        store.query(
            "SELECT 'taken back', unnest(what::VARCHAR[]), 'by ' || who, note FROM run_undos WHERE undone_run_id = ?",
            [run_id],
        ),
    ]
    told = [line for part in parts for line in _lines(part)]
    return "\n".join([*told, summary.run_table(store.query, run_id)])


def _lines(frame: pl.DataFrame) -> list[str]:
    return ["  ".join(str(value) for value in row if value is not None) for row in frame.iter_rows()]
