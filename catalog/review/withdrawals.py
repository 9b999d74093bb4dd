"""Taking back one's own last answer, and lending again what came back to the queue.

Nothing is deleted: a row with the verdict `withdrawn` is appended for each decision taken back, under the same import.
Where decisions are read, those of a withdrawn import and the rows that withdraw them count for nothing, so that what
stood before the answer stands again.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import polars as pl

from catalog.jobs import Job, digest, now
from catalog.review import leases, review_ledger, review_queue
from catalog.review.decisions import Offered
from catalog.review.review_queue import WAITING, Waiting
from catalog.taxonomies.versions import latest_taxonomy

# The last answer of a reviewer that came from a page and still counts.
LAST = """
    SELECT d.import_id
    FROM decisions d JOIN imports i USING (import_id)
    WHERE d.who = ? AND d.source = 'review' AND i.file_name IS NULL
      AND d.import_id NOT IN (SELECT w.import_id FROM decisions w WHERE w.verdict = 'withdrawn')
    ORDER BY d.seq DESC LIMIT 1
"""
# One row per decision of an import, with the token its item was shown under.
TAKEN_BACK = """
    SELECT d.vendor, d.item_id, d.input_hash, d.who, d.source, d.export_id, d.import_id, d.taxonomy_version, d.decision_id,
           e.token
    FROM decisions d JOIN export_rows e
        ON e.export_id = d.export_id AND e.vendor = d.vendor AND e.item_id = d.item_id AND e.input_hash = d.input_hash
    WHERE d.import_id = ? ORDER BY d.seq
"""


def last_answer(job: Job, reviewer: str) -> str | None:
    """The import of a reviewer's last answer on a page that was not taken back; None when there is none."""
    found = job.store.one(LAST, [reviewer])
    return None if found is None else str(found)


def withdraw(job: Job, import_id: str) -> list[Offered]:
    """Takes back every decision of an import, and returns what had been offered for them. Call it within
    `store.exclusive()`."""
    taken = job.store.query(TAKEN_BACK, [import_id])
    first = 1 + (job.store.one("SELECT max(seq) FROM decisions") or 0)
    rows = taken.drop("token", "decision_id").with_columns(
        pl.int_range(first, first + taken.height, dtype=pl.Int64).alias("seq"),
        decision_id=pl.Series([digest("withdrawn", name) for name in taken["decision_id"]], dtype=pl.String),
        verdict=pl.lit("withdrawn"),
        random=pl.lit(value=False),
        run_id=pl.lit(job.run_id),
        decided_at=pl.lit(now()),
    )
    with job.store.transaction():
        job.store.append("decisions", rows)
    return list(review_ledger.offered(job.store, taken["token"]).values())


def lend_again(job: Job, reviewer: str, items: Sequence[Offered], length: timedelta) -> int:
    """Lends what waits of these items to a reviewer as they are now, on a new sheet; returns the rows.

    What was shown as a hidden row is so again: coming back must not tell which of them are audits. Call it within
    `store.exclusive()`.
    """
    blind = {(row.vendor, row.item_id): row.blind for row in items}
    keys = pl.DataFrame(sorted(blind), schema={"vendor": pl.String, "item_id": pl.String}, orient="row")
    with job.store.frame("back", keys):
        found = job.store.query(f"SELECT * FROM ({WAITING}) w SEMI JOIN back USING (vendor, item_id)", [None, None])
    waiting = [Waiting(**{**row, "candidates": tuple(row["candidates"])}) for row in found.iter_rows(named=True)]
    if not waiting:
        return 0
    number = job.store.one("SELECT count(*) FROM exports WHERE run_id = ?", [job.run_id])
    export_id = f"{job.run_id}-{number + 1}"
    rows = review_queue.arrange(
        [replace(row, blind=row.blind or blind[row.vendor, row.item_id]) for row in waiting],
        latest_taxonomy(job.store),
        workspace_id=review_ledger.workspace_id(job.store),
        run_id=export_id,
    )
    with job.store.transaction():
        review_ledger.append_export(job, export_id, rows, reviewer=reviewer)
        leases.lend(job, export_id, rows, reviewer, now() + length)
    return len(rows)
