"""Existing placements taken over: `catalog labels import` of two million of them, and the first nights after it.

    python -m benchmarks.taking_over [--items 2000000] [--workspace DIR] [--append benchmarks/RESULTS.md]

300 vendors, 6,000 categories on three levels, 600 characters of description an item, letters drawn at random. After the import a
night without a model publishes what stands; then a tenth of the vendors deliver all they have, 1% of it changed and 0.5% new, and a
second night takes it. Seconds and peak memory are those of the whole process. What has to hold is asked of the
published file: all labels stand, nobody is asked about any, and after the second night about what is new alone.
"""

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.disk_budget import letters
from benchmarks.end_to_end import CATALOG, here, run, told
from catalog.publishing.reader import query_published
from catalog.settings import Workspace

VENDORS, DEPARTMENTS, GROUPS, LEAVES = 300, 20, 20, 15
PART = 50_000
STANDS = "SELECT count(*) FROM current_category WHERE decided_by = 'label'"
WAITS = "SELECT count(*) FROM review_backlog"


def categories() -> list[str]:
    """Full paths of the leaves."""
    return [
        f"Department {a} > Group {a}.{b} > Shelf {a}.{b}.{c}"
        for a in range(DEPARTMENTS)
        for b in range(GROUPS)
        for c in range(LEAVES)
    ]


def placements(items: int) -> Iterator[pl.DataFrame]:
    """The labelled file, a part at a time; vendors take turns, as in an export in the order of items."""
    draw, paths = np.random.default_rng(11), np.array(categories())
    for start in range(0, items, PART):
        numbers = range(start, min(items, start + PART))
        texts = letters(draw, len(numbers))
        yield pl.DataFrame(
            {
                "vendor": [f"vendor-{n % VENDORS:03d}" for n in numbers],
                "item_id": [f"A{n:08d}" for n in numbers],
                "title": [f"{text[100:140].strip()} {n % 9973}" for n, text in zip(numbers, texts, strict=True)],
                "description": texts,
                "brand": [("Acme", "Borg", "Cyan", "Dorn")[n % 4] for n in numbers],
                "price": draw.integers(1, 999, len(numbers)),
                "category_path": paths[draw.integers(0, len(paths), len(numbers))],
            }
        )


def write(target: Path, items: int) -> None:
    """The labelled file, in bounded memory."""
    with target.open("wb") as file:
        for number, part in enumerate(placements(items)):
            part.write_csv(file, include_header=number == 0)


def deliver(place: Path, labelled: Path) -> int:
    """Feeds of every tenth vendor: what was labelled, 1% with another text, and 0.5% that nobody filed; returns how many are new."""
    draw, new = np.random.default_rng(12), 0
    mine = pl.scan_csv(labelled).filter(pl.col("vendor").str.ends_with("0")).drop("category_path").collect()
    for (vendor,), rows in mine.group_by("vendor", maintain_order=True):
        other = pl.Series(draw.random(rows.height) < 0.01)
        fresh = rows.sample(fraction=0.005, seed=1).with_columns(
            pl.format("N{}", "item_id").alias("item_id"), pl.format("new {}", "title").alias("title")
        )
        sent = rows.with_columns(title=pl.when(other).then(pl.format("{} changed", "title")).otherwise("title"))
        folder = Workspace(place).feeds / str(vendor)
        folder.mkdir(exist_ok=True)
        pl.concat([sent, fresh]).drop("vendor").write_csv(folder / "2026-01-01.csv")
        new += fresh.height
    return new


def measured(*words: str) -> str:
    """Seconds of a command, of these its processor's, and its peak memory, as cells."""
    started = time.perf_counter()
    process = subprocess.Popen([CATALOG, *words])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"catalog {' '.join(words)} ended with {os.waitstatus_to_exitcode(status)}")
    seconds, busy = time.perf_counter() - started, usage.ru_utime + usage.ru_stime
    return f"{seconds:.0f} | {busy:.0f} | {usage.ru_maxrss / 1024:,.0f}"


def steps(place: Path, items: int) -> Iterator[str]:
    """Lines of a table in Markdown, each when its step has ended."""
    labelled, tree = place.with_name(f"{place.name}-labels.csv"), place.with_name(f"{place.name}-tree.csv")
    write(labelled, items)
    pl.DataFrame({"item_id": [str(n) for n in range(len(categories()))], "category_path": categories()}).write_csv(tree)
    run("init", str(place))
    settings = place / "catalog.toml"
    settings.write_text("[feeds]\nsettle_seconds = 0\n")
    run("taxonomy", "import", str(tree), "-w", str(place))
    published = Workspace(place).published_db
    yield "| what | rows | seconds | processor seconds | peak MiB | labels that stand | items that wait | holds |"
    yield "|---|---|---|---|---|---|---|---|"
    cells = measured("labels", "import", str(labelled), "--random", "-w", str(place))
    yield f"| `catalog labels import` | {items:,} | {cells} | | | |"
    for what, expected in (
        ("first night", lambda: 0),
        ("a tenth of the vendors deliver", lambda: deliver(place, labelled)),
    ):
        new = expected()
        cells = measured("nightly", "-w", str(place))
        stands, waits = (query_published(published, sql).item() for sql in (STANDS, WAITS))
        holds = "yes" if (stands, waits) == (items, new) else f"**no**: {items:,} and {new:,} were to be"
        yield f"| {what} | {items if not new else items // 10 + new:,} | {cells} | {stands:,} | {waits:,} | {holds} |"


def main() -> None:
    """Measures, prints, and appends the table to a file if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=2_000_000)
    parser.add_argument("--workspace", type=Path, help="made there; a temporary one without it")
    parser.add_argument("--append", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = options.workspace or Path(scratch) / "workspace"
        heading = [f"### Existing placements taken over, {here()}", ""]
        told(heading, steps(place, options.items), options.append)


if __name__ == "__main__":
    main()
