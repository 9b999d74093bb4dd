"""Publishing ten million items, and what analysts wait for then.

    python -m benchmarks.ten_million WORKSPACE [--times 10] [--append benchmarks/RESULTS.md]

WORKSPACE is one that `python -m benchmarks.nights --workspace WORKSPACE` left behind; it is changed, so give a copy. Every
delivered row of its vendor (items, sightings, predictions, routes, changes) is written nine times more in its work file,
each time as another vendor's: same texts, prices, outcomes and shares, other vendor, hashes, GTINs, products and groups. Labels,
taxonomy and model stay as they are. No night runs: the workspace is what a night over ten vendors would have left.

Then publishing, twice: built whole, and after what a night leaves in which every vendor delivered all of its items again, one
in a hundred at another price. It is the step alone, in a process of its own, for `catalog publish` first does what is left of a
run, under the workspace's own `database.memory_limit`. Then every view and macro of the published file, as an analyst opens it:
the count of its rows, its first 100 rows, and where it has rows of items those of one item. Seconds of CPU stand beside those of
the clock, which are longer where other work runs.
"""

import argparse
import os
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb

from benchmarks.end_to_end import here, told
from benchmarks.ingest import measured
from catalog.publishing import views
from catalog.publishing.reader import Reader, reading
from pipelines import publish
from pipelines.session import opened

ASKED = 60.0  # seconds for publishing ten million
VIEW = 1.0  # seconds an answer may take
VENDOR = "drawn"
CHANGED = 100  # of so many items one comes at another price in a night
# What tells a copy from its original, by table; {k} is the copy's number, {highest} the last number there was.
_COPIED = {
    "deliveries": "'{vendor}' AS vendor, delivery_id || '-{k}' AS delivery_id",
    "items": """'{vendor}' AS vendor, delivery_id || '-{k}' AS delivery_id, md5(row_hash || '{k}') AS row_hash,
        md5(input_hash || '{k}') AS input_hash, md5(delivered_hash || '{k}') AS delivered_hash,
        (gtin::BIGINT + {k} * 100000000000)::VARCHAR AS gtin,
        CASE WHEN product_id <> '' THEN product_id || '-{k}' ELSE product_id END AS product_id""",
    "sightings": """'{vendor}' AS vendor, delivery_id || '-{k}' AS delivery_id, md5(row_hash || '{k}') AS row_hash,
        md5(input_hash || '{k}') AS input_hash""",
    "routes": """'{vendor}' AS vendor, md5(row_hash || '{k}') AS row_hash, md5(input_hash || '{k}') AS input_hash,
        substr(md5(group_id || '{k}'), 1, 16) AS group_id, seq + {k} * {highest} AS seq""",
    "category_changes": """'{vendor}' AS vendor, "cursor" + {k} * {highest} AS "cursor" """,
}
_PREDICTIONS = """
    INSERT INTO predictions SELECT * REPLACE (md5(input_hash || '{k}') AS input_hash) FROM predictions
    SEMI JOIN (SELECT input_hash FROM items WHERE vendor = '{own}') USING (input_hash)
"""
# What a night writes: {own} and those named after it deliver all again; of one item in {share} the price is another.
_NIGHT = (
    """INSERT INTO runs SELECT * REPLACE ('{run}' AS run_id, now() AS started_at) FROM runs WHERE job = 'nightly'
       ORDER BY run_id DESC LIMIT 1""",
    """INSERT INTO run_ends SELECT * REPLACE ('{run}' AS run_id, now() AS ended_at) FROM run_ends WHERE status = 'done'
       ORDER BY run_id DESC LIMIT 1""",
    """CREATE TEMP TABLE newest AS SELECT * FROM deliveries WHERE starts_with(vendor, '{own}')
       QUALIFY row_number() OVER (PARTITION BY vendor ORDER BY delivery_no DESC) = 1""",
    """INSERT INTO deliveries SELECT * REPLACE (
           delivery_id || '-again' AS delivery_id, delivery_no + 1 AS delivery_no, '{run}' AS run_id, now() AS received_at
       ) FROM newest""",
    """CREATE TEMP TABLE dearer AS SELECT s.vendor, s.item_id, s.row_hash, s.delivery_id
       FROM sightings s JOIN newest USING (delivery_id) WHERE s.line % {share} = 0 AND s.status <> 'duplicate'""",
    """INSERT INTO items SELECT i.* REPLACE (
           i.price * 1.1 AS price, md5(i.row_hash || '{run}') AS row_hash, md5(i.delivered_hash || '{run}') AS delivered_hash,
           d.delivery_id || '-again' AS delivery_id, '{run}' AS run_id, now() AS created_at
       ) FROM items i JOIN dearer d USING (vendor, item_id, row_hash)""",
    """INSERT INTO sightings SELECT s.* REPLACE (
           s.delivery_id || '-again' AS delivery_id, s.delivery_no + 1 AS delivery_no,
           CASE WHEN s.status = 'duplicate' THEN s.status WHEN s.line % {share} = 0 THEN 'changed' ELSE 'unchanged' END AS status,
           CASE WHEN s.line % {share} = 0 THEN md5(s.row_hash || '{run}') ELSE s.row_hash END AS row_hash
       ) FROM sightings s JOIN newest USING (delivery_id)""",
)
_MACROS = {
    "under": "FROM under((SELECT path FROM category_nodes WHERE level = 1 ORDER BY path LIMIT 1))",
    "nodes_under": "FROM nodes_under((SELECT path FROM category_nodes WHERE level = 1 ORDER BY path LIMIT 1))",
    "as_of": "FROM as_of((SELECT max(valid_from)::DATE FROM category_history))",
}


def multiply(work: Path, times: int) -> None:
    """Writes the vendor's rows times - 1 times more, as other vendors'."""
    with duckdb.connect(str(work), config={"memory_limit": "2GB", "threads": 2}) as database:
        highest = {
            "routes": database.execute("SELECT max(seq) FROM routes").fetchall()[0][0],
            "category_changes": database.execute('SELECT max("cursor") FROM category_changes').fetchall()[0][0],
        }
        for k in range(1, times):
            vendor = f"{VENDOR}-{k}"
            database.execute("BEGIN")
            for table, changed in _COPIED.items():
                columns = changed.format(vendor=vendor, k=k, highest=highest.get(table))
                database.execute(
                    f"INSERT INTO {table} SELECT * REPLACE ({columns}) FROM {table} WHERE vendor = '{VENDOR}'"
                )
            database.execute(_PREDICTIONS.format(k=k, own=VENDOR))
            database.execute("COMMIT")
        database.execute("CHECKPOINT")


def night(work: Path) -> None:
    """Writes what a night leaves in which each of the vendors names all items of its last delivery again, some at another price."""
    with duckdb.connect(str(work), config={"memory_limit": "2GB", "threads": 2}) as database:
        run = database.execute(
            "SELECT printf('%06d-drawn', substr(max(run_id), 1, 6)::INTEGER + 1) FROM runs"
        ).fetchall()[0][0]
        database.execute("BEGIN")
        for statement in _NIGHT:
            database.execute(statement.format(run=run, own=VENDOR, share=CHANGED))
        database.execute("COMMIT")


def published(place: Path) -> Iterator[str]:
    """Lines of a table in Markdown: publishing it, and once more after a night."""
    yield "| what | items | seconds | of CPU | peak MiB | file, MB | asked | met |"
    yield "|---|---|---|---|---|---|---|---|"
    for what in ("built whole", "after a night, 1% of the prices new"):
        if not what.startswith("built"):
            night(place / "state" / "work.duckdb")
        before = _spent()
        seconds, peak = measured([sys.executable, "-m", "benchmarks.ten_million", str(place), "--publish"])
        spent = _spent() - before
        file = place / "published" / "catalog.duckdb"
        with reading(file) as reader:
            items = reader.query("SELECT count(*) FROM live_items").item()
        met = "yes" if seconds * 1e7 / items <= ASKED else "**no**"
        size = file.stat().st_size / 1e6
        yield f"| {what} | {items:,} | {seconds:.1f} | {spent:.1f} | {peak:.0f} | {size:,.0f} | {ASKED:g} s a ten million | {met} |"


def _spent() -> float:
    """Seconds of CPU of the processes this one started and that ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def answered(place: Path) -> Iterator[str]:
    """Lines of a table in Markdown: how long each view and macro takes, the slowest first."""
    yield f"| view or macro | rows | count, s | first 100, s | one item, s | under {VIEW:g} s |"
    yield "|---|---|---|---|---|---|"
    with reading(place / "published" / "catalog.duckdb") as reader:
        first = "SELECT vendor, item_id FROM placements WHERE vendor <> '' LIMIT 1 OFFSET 500000"
        item = reader.query(first).row(0)
        asked = {view.name: f"FROM {view.name}" for view in views.questions()} | {
            f"{name}()": told for name, told in _MACROS.items()
        }
        found = [_asked(reader, name, source, item) for name, source in asked.items()]
    for name, rows, *seconds in sorted(found, key=lambda row: -max(row[2:])):
        said = " | ".join("" if second < 0 else f"{second:.2f}" for second in seconds)
        yield f"| {name} | {rows:,} | {said} | {'yes' if max(seconds) < VIEW else '**no**'} |"


def _asked(reader: Reader, name: str, source: str, item: tuple[str, str]) -> tuple[str, int, float, float, float]:
    """The view's name, its rows, and the seconds of the three questions; -1 where it has no rows of items."""
    counted, rows = _timed(reader, f"SELECT count(*) FROM (SELECT * {source})")
    first, _ = _timed(reader, f"SELECT * {source} LIMIT 100")
    columns = set(reader.query(f"SELECT column_name FROM (DESCRIBE SELECT * {source})")["column_name"])
    one = -1.0
    if {"vendor", "item_id"} <= columns:
        one, _ = _timed(reader, f"SELECT * {source} WHERE vendor = '{item[0]}' AND item_id = '{item[1]}'")
    return name, rows, counted, first, one


def _timed(reader: Reader, sql: str) -> tuple[float, int]:
    started = time.perf_counter()
    found = reader.query(sql)
    return time.perf_counter() - started, found.item() if found.shape == (1, 1) else found.height


def main() -> None:
    """Measures, prints, and appends the tables to a file if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--times", type=int, default=10, help="1: the workspace is that large already")
    parser.add_argument("--publish", action="store_true", help="nothing but publish, as this program calls itself")
    parser.add_argument("--append", type=Path)
    options = parser.parse_args()
    if options.publish:
        with opened(options.workspace) as session, session.single("publish") as job:
            publish.run(job)
        return
    multiply(options.workspace / "state" / "work.duckdb", options.times)
    heading = [f"### Ten million, {here()}, load {os.getloadavg()[0]:.1f} before", ""]
    told(heading, published(options.workspace), options.append)
    told(["", "What analysts wait for:", ""], answered(options.workspace), options.append)


if __name__ == "__main__":
    main()
