"""A reviewer's own last answer on a page, and lending again what came back to the queue."""

from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from catalog.jobs import Job, now
from catalog.review import leases, queue_order, review_ledger, review_queue
from catalog.review.decisions import Offered
from catalog.review.review_queue import Naming
from catalog.taxonomies.versions import latest_taxonomy

# The last answer of a reviewer that came from a page and was not taken back.
LAST = """
    SELECT d.import_id
    FROM decisions d JOIN imports i USING (import_id)
    WHERE d.who = ? AND d.source = 'review' AND i.file_name IS NULL
      AND d.import_id NOT IN (SELECT u.import_id FROM import_undos u)
    ORDER BY d.seq DESC LIMIT 1
"""
# Tokens under which the items of an import had been shown.
SHOWN = """
    SELECT DISTINCT e.token
    FROM decisions d JOIN export_rows e
        ON e.export_id = d.export_id AND e.vendor = d.vendor AND e.item_id = d.item_id AND e.input_hash = d.input_hash
    WHERE d.import_id = ?
"""


def last_answer(job: Job, reviewer: str) -> str | None:
    """The import of a reviewer's last answer on a page that was not taken back; None when there is none."""
    found = job.store.one(LAST, [reviewer])
    return None if found is None else str(found)


def offered_for(job: Job, import_id: str) -> list[Offered]:
    """What had been offered for the items an import decided."""
    return list(review_ledger.offered(job.store, job.store.query(SHOWN, [import_id])["token"]).values())


def lend_again(job: Job, reviewer: str, items: Sequence[Offered], length: timedelta) -> int:
    """Lends what waits of these items to a reviewer as they are now, on a new sheet; returns the rows.

    What was shown as a hidden row is so again: coming back must not tell which of them are audits. Call it within
    `store.exclusive()`.
    """
    number = job.store.one("SELECT count(*) FROM exports WHERE run_id = ?", [job.run_id])
    export_id = f"{job.run_id}-{number + 1}"
    taxonomy, naming = latest_taxonomy(job.store), Naming(review_ledger.workspace_id(job.store), export_id)
    keys = sorted({(row.vendor, row.item_id, row.blind) for row in items})
    asked = pl.DataFrame(keys, schema={"vendor": pl.String, "item_id": pl.String, "hidden": pl.Boolean}, orient="row")
    waiting = review_queue.waiting(job.store, taxonomy, naming).join(asked, on=["vendor", "item_id"])
    if not waiting.height:
        return 0
    waiting = waiting.with_columns(pl.col("blind") | pl.col("hidden")).drop("hidden")
    queue = review_queue.detailed(job.store, queue_order.ordered(waiting, now()), taxonomy)
    rows = review_queue.named(queue, taxonomy, naming)
    with job.store.transaction():
        review_ledger.append_export(job, export_id, rows, reviewer=reviewer)
        leases.lend(job, export_id, rows, reviewer, now() + length)
    return len(rows)
