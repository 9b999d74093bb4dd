"""Publishing ten million items, and what analysts wait for then.

    python -m benchmarks.ten_million WORKSPACE [--times 10] [--append benchmarks/RESULTS.md]

WORKSPACE is one that `python -m benchmarks.nights --workspace WORKSPACE` left behind; it is changed, so give a copy. Every
delivered row of its vendor (items, sightings, predictions, routes, changes) is written nine times more in its work file,
each time as another vendor's: same texts, prices, outcomes and shares, other vendor, hashes, GTINs, products and groups. Labels,
taxonomy and model stay as they are. No night runs: the workspace is what a night over ten vendors would have left.

Then publishing, twice: built whole, and once more with all items taken over. It is the step alone, in a process of its own, for
`catalog publish` first does what is left of a run, under the workspace's own `database.memory_limit` (at 1 GB ten million spill
for most of the time). Then every view and macro of the published file, as an analyst opens it: the count
of its rows, its first 100 rows, and where it has rows of items those of one item.
"""

import argparse
import os
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


def published(place: Path) -> Iterator[str]:
    """Lines of a table in Markdown: publishing it, and once more."""
    yield "| what | items | seconds | peak MiB | file, MB | asked | met |"
    yield "|---|---|---|---|---|---|---|"
    for what in ("built whole", "once more, all items taken over"):
        seconds, peak = measured([sys.executable, "-m", "benchmarks.ten_million", str(place), "--publish"])
        file = place / "published" / "catalog.duckdb"
        with reading(file) as reader:
            items = reader.query("SELECT count(*) FROM live_items").item()
        met = "yes" if seconds * 1e7 / items <= ASKED else "**no**"
        size = file.stat().st_size / 1e6
        yield f"| {what} | {items:,} | {seconds:.1f} | {peak:.0f} | {size:,.0f} | {ASKED:g} s a ten million | {met} |"


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
