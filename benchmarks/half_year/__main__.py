"""A drawn retailer's half year: what changes, what is right, what happens to bad files, and what it all takes on the disk.

    python -m benchmarks.half_year [--nights 180] [--items 800] [--workspace DIR] [--append benchmarks/RESULTS.md]
    python -m benchmarks.half_year --projection --workspace DIR

Twenty vendors, full and delta feeds, 1% changed a night; one late for four nights, one that renames a column, one that
sends a part of its file by mistake, one that closes down, one that changes its range, one new version of the hierarchy;
a model retrained every week; reviewers with 60 answers a working day, 2% of them mistakes. Everything by the commands of
the product, or by the functions behind them. With `--workspace` a run that was broken off goes on where it was.
"""

import argparse
import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.end_to_end import here, told
from benchmarks.half_year import books, disk
from benchmarks.half_year.days import Morning, Plan, Shop
from benchmarks.half_year.opening import opened_shop
from benchmarks.half_year.retailer import SHELVES, Retailer

VENDORS, LABELS = 20, 800


def half_year(place: Path, nights: int, items: int) -> Shop:
    """Plays the nights, or those that are left; each is kept in a file beside the workspace."""
    retailer = Retailer(SHELVES, vendors=VENDORS, items=items)
    diary = place.with_name(f"{place.name}-nights.jsonl")
    known = [json.loads(line) for line in diary.read_text().splitlines()] if diary.exists() else []
    if not place.exists():
        opened_shop(place, retailer, LABELS)
    else:
        retailer.labels(Path(os.devnull), LABELS)  # what is drawn next depends on what was drawn before
    shop = Shop(place, retailer, Plan.of(nights))
    for record in known:
        shop.remembers(_morning(record["morning"]), record["mended"])
    for night in range(len(known) + 1, nights + 1):
        before = len(shop.mended)
        morning = shop.day(night)
        with diary.open("a", encoding="utf-8") as file:
            kept = {"morning": vars(morning), "mended": shop.mended[before:]}
            file.write(json.dumps(kept, default=str) + "\n")
        print(f"night {night}: {morning.seconds:.0f} s, {morning.placed:,} placed, {morning.alarms}", flush=True)
    return shop


def _morning(kept: dict) -> Morning:
    alarms, moved = ([tuple(pair) for pair in kept[name]] for name in ("alarms", "moved"))
    return Morning(**{**kept, "alarms": alarms, "moved": moved, "changes": Counter(kept["changes"])})


def tables(shop: Shop) -> Iterator[str]:
    """All tables, in order."""
    seconds = sorted(morning.seconds for morning in shop.mornings)
    yield f"{len(shop.mornings)} nights, {shop.mornings[-1].live:,} live items at the end, {seconds[len(seconds) // 2]:.1f} s a night in the middle."
    yield from books.commits(shop.mornings)
    yield ""
    yield from books.weeks(shop.mornings)
    yield ""
    yield from books.jumps(shop)
    yield ""
    yield from books.on_purpose(shop)
    yield ""
    yield from books.troubles(shop)
    yield ""
    yield from books.disk(shop, shop.workspace.settings())
    yield ""
    yield from books.ending(shop)


def main() -> None:
    """Plays, prints, and appends the tables to a file if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nights", type=int, default=180)
    parser.add_argument("--items", type=int, default=800)
    parser.add_argument("--workspace", type=Path, help="made there, or gone on with; a temporary one without it")
    parser.add_argument(
        "--projection", action="store_true", help="only project the disk, from a workspace that has learned"
    )
    parser.add_argument("--append", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = options.workspace or Path(scratch) / "workspace"
        if options.projection:
            told([f"### Disk of a workspace, {here()}", ""], disk.projection(place, SHELVES), options.append)
            return
        shop = half_year(place, options.nights, options.items)
        heading = [f"### Half a year, {here()}, load {os.getloadavg()[0]:.1f} at the end", ""]
        told(heading, tables(shop), options.append)


if __name__ == "__main__":
    main()
