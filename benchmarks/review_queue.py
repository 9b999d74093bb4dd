"""How long the review queue takes to be written whole, to be lent from, and to become sheets.

    python -m benchmarks.review_queue [--rows 1000000]

Rows are made in DuckDB: look-alikes in groups of one to eight, five candidates out of 2,000 categories, prices, 1% audits.
Prints seconds, those of all cores together, the peak memory of the process and the size of what was written.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from catalog.jobs import Job, now, start_run
from catalog.publishing import views
from catalog.review import leases
from catalog.review.leases import Wanted
from catalog.settings import Settings, Workspace
from catalog.store import Store
from catalog.taxonomies.taxonomy import from_paths
from catalog.taxonomies.versions import current_version, save_taxonomy
from pipelines import review

CATEGORIES = 2000
ITEM = "'acme' AS vendor, 'item-' || n AS item_id, 'row-' || n AS row_hash, 'input-' || n AS input_hash"
MADE = {
    "sightings": "SELECT 'd1' AS delivery_id, 1 AS delivery_no, n AS line, 'new' AS status",
    "items": """SELECT 'Product number ' || n || ' in a colour and a size, as vendors write titles' AS title,
        'https://pictures.test/' || n || '.jpg' AS image, 1 + n % 90 AS price, 'EUR' AS currency""",
    "predictions": """SELECT 'm1' AS model_id, [((n * k) % 2000)::VARCHAR FOR k IN [1, 7, 11, 13, 17]] AS top_ids,
        [2.0 - n % 5, -1, -2, -3, -4] AS top_log_odds, (n % 100) / 100 AS novelty""",
    "routes": """SELECT 'r1' AS run_id, 'm1' AS model_id, n AS seq, 'g' || n // (1 + n % 8) AS group_id,
        CASE WHEN n % 100 = 0 THEN 'placed' ELSE 'review' END AS outcome, n % 100 = 0 AS audit, false AS control,
        ['close_call', 'below_threshold', 'no_text'][1 + n % 3] AS reason, $at AS routed_at, $version AS taxonomy_version,
        'Two categories are close: Shelf ' || n % 2000 || ' and Shelf ' || n % 1999 || '.' AS sentence""",
}


def filled(store: Store, rows: int) -> None:
    """A workspace's tables with so many waiting items."""
    paths = [f"Department {n % 20} > Aisle {n % 200} > Shelf {n}" for n in range(CATEGORIES)]
    save_taxonomy(store, from_paths(paths, map(str, range(CATEGORIES))), "drawn")
    views.create(store)
    store.append_row("promotions", model_id="m1", seq=1, promoted_at=now())
    store.append_row(
        "deliveries", delivery_id="d1", vendor="acme", delivery_no=1, run_id="r1", kind="full", status="accepted"
    )
    for table, select in MADE.items():
        facts = {"at": now(), "version": current_version(store)} if table == "routes" else {}
        keys = ITEM if table != "predictions" else "'input-' || n AS input_hash"
        store.insert(table, f"{select}, {keys} FROM range({rows}) made(n)", facts)


def timed(name: str, work: Callable[[], object]) -> None:
    """Prints how long the work took and what it answered."""
    start, busy = time.perf_counter(), time.process_time()
    answer = work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{name:<24} {time.perf_counter() - start:7.1f} s {time.process_time() - busy:7.1f} s of CPU   peak {peak:5.2f} GiB   {answer}",
        flush=True,
    )


def main() -> None:
    """Makes the tables in a temporary folder and measures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "work.duckdb") as store:
        place = Workspace(Path(folder))
        place.outbox.mkdir(parents=True)
        filled(store, rows)

        def job() -> Job:
            return Job(place, Settings(), store, start_run(store, "benchmark", "k" * 8))

        for name in ("queue.parquet", "queue.csv"):
            file = Path(folder) / name
            timed(
                f"dump {name}",
                lambda file=file: f"{review.dump(job(), file):,} rows, {file.stat().st_size / 1e6:,.0f} MB",
            )
        for groups in (10, 10):
            wanted = Wanted("anna", timedelta(hours=1), groups=groups)
            timed(f"take {groups} groups", lambda wanted=wanted: f"{len(leases.take(job(), wanted).rows)} rows")
        timed("sheets of all", lambda: f"{len(review.export(job()))} sheets")


if __name__ == "__main__":
    main()
