"""The main job on any folder with an items.csv of the house columns (and images/): how much is placed, how right.

    python benchmarks/end_to_end.py FOLDER [--test-share 0.3] [--blank-column title=FILE] [--append benchmarks/RESULTS.md]

A workspace is made, taxonomy and labels are imported from the training share, the rest is delivered as a vendor's feed,
`nightly` runs, and what stands in published/catalog.duckdb is compared with the truth. Where the folder holds an
items_extra.csv with a column `split`, its test rows are the delivery; else the share is drawn by a hash of the
normalized title, so that the same title never stands on both sides. The labels count as an unselected sample.
"""

import argparse
import hashlib
import itertools
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl

CATALOG = shutil.which("catalog") or str(Path(sys.executable).with_name("catalog"))
TARGETS = (0.95, 0.98)


@dataclass(frozen=True)
class Placed:
    """What one night placed under one target; shares of the delivered items."""

    target: float
    leaf_coverage: float
    leaf_precision: float
    parent_coverage: float
    parent_precision: float
    certified: int


def title_bucket(title: str | None, item_id: str) -> float:
    """A number in [0, 1) that equal normalized titles share."""
    key = " ".join(re.findall(r"\w+", (title or "").lower())) or item_id
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:6], "big") / 2**48


def split(folder: Path, items_file: Path, test_share: float) -> tuple[pl.DataFrame, pl.DataFrame, str]:
    """Labelled rows, delivered rows, and in words how they were told apart."""
    items = pl.read_csv(items_file, infer_schema_length=0)
    extra = folder / "items_extra.csv"
    if extra.exists():
        known = pl.read_csv(extra, infer_schema_length=0)
        columns = ["item_id", "split"] + (["vendor_category_text"] if "vendor_category_text" in known.columns else [])
        items = items.join(known.select(columns), on="item_id", how="left")
        items = items.rename({"vendor_category_text": "vendor_category"}, strict=False)
        test = items.filter(split="test").drop("split")
        return items.filter(pl.col("split") != "test").drop("split"), test, "official split"
    bucket = pl.Series([title_bucket(t, i) for t, i in items.select("title", "item_id").iter_rows()])
    return items.filter(bucket >= test_share), items.filter(bucket < test_share), f"{test_share:.0%} by title hash"


def run(*arguments: str, ok: tuple[int, ...] = (0,)) -> float:
    """Runs the command as a user would and returns its seconds."""
    started = time.perf_counter()
    result = subprocess.run([CATALOG, *arguments], check=False)
    if result.returncode not in ok:
        raise SystemExit(f"catalog {' '.join(arguments)} ended with {result.returncode}")
    return time.perf_counter() - started


def prepare(folder: Path, place: Path, labelled: pl.DataFrame, delivered: pl.DataFrame) -> None:
    """Writes the labels and the feed into the workspace; pictures are linked, never copied out of the data folder."""
    run("init", str(place))
    labels, feed = place / "labels", place / "feeds" / "bench"
    for target, frame in ((labels, labelled), (feed, delivered.drop("category_path"))):
        target.mkdir(parents=True, exist_ok=True)
        frame.write_csv(target / "items.csv")
        if "image" in frame.columns:
            for name in frame["image"].drop_nulls():
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                if (folder / name).exists():
                    shutil.copy(folder / name, target / name)
    pl.concat([labelled.select("category_path"), delivered.select("category_path")]).unique().write_csv(
        place / "paths.csv"
    )
    run("taxonomy", "import", str(place / "paths.csv"), "-w", str(place))
    run("labels", "import", str(labels / "items.csv"), "--vendor", "history", "--random", "-w", str(place))


def configure(place: Path, target: float, epochs: int) -> None:
    """The settings of one target; the control stream is off, so that coverage is that of the certificate alone."""
    text = f"[routing]\ntarget = {target}\ncontrol_share = 0.0\n\n[training]\nfinetune_epochs = {epochs}\n"
    (place / "catalog.toml").write_text(text)


def accuracy(place: Path, truth: pl.DataFrame) -> tuple[float, float]:
    """Share of delivered items whose first prediction is right: at the leaf, at the top level."""
    with duckdb.connect(str(place / "published" / "catalog.duckdb"), read_only=True) as con:
        top1 = con.sql("SELECT item_id, leaf_path FROM predictions_current WHERE vendor = 'bench'").pl()
    joined = truth.select("item_id", "category_path").join(top1, on="item_id", how="left")
    first = pl.col("leaf_path").str.split(" > ").list.first() == pl.col("category_path").str.split(" > ").list.first()
    leaf = (pl.col("leaf_path") == pl.col("category_path")).fill_null(False).mean()
    row = joined.select(leaf=leaf, top=first.fill_null(False).mean()).row(0)
    return row[0], row[1]


def placed(place: Path, truth: pl.DataFrame, target: float) -> Placed:
    """Coverage and true precision of what stands in current_category."""
    with duckdb.connect(str(place / "published" / "catalog.duckdb"), read_only=True) as con:
        now = con.sql(
            "SELECT item_id, path, outcome FROM current_category WHERE vendor = 'bench' AND decided_by = 'model'"
        ).pl()
    joined = now.join(truth.select("item_id", "category_path"), on="item_id")
    leaf = joined.filter(outcome="placed")
    parent = joined.filter(outcome="placed_at_parent")
    under = (pl.col("category_path") + " > ").str.starts_with(pl.col("path") + " > ")
    return Placed(
        target,
        leaf.height / truth.height,
        leaf.select((pl.col("path") == pl.col("category_path")).mean()).item() or 0.0,
        parent.height / truth.height,
        parent.select(under.mean()).item() or 0.0,
        leaf.height,
    )


def commit() -> str:
    """The commit these figures belong to."""
    here = Path(__file__).resolve().parent
    found = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=here, capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or "unknown"


def here() -> str:
    """Day, commit and machine, for the heading of a table."""
    return f"{datetime.now(UTC):%Y-%m-%d}, commit {commit()}, {os.cpu_count()} cores {platform.machine()}"


def told(heading: list[str], lines: Iterable[str], append: Path | None) -> None:
    """Prints the heading and each line as it comes, and appends all of them to a file where one is asked for."""
    kept = []
    for line in itertools.chain(heading, lines):
        print(line, flush=True)
        kept.append(line)
    if append:
        with append.open("a", encoding="utf-8") as file:
            file.write("\n" + "\n".join(kept) + "\n")


def table(name: str, facts: dict[str, str], results: list[Placed]) -> str:
    """One section of RESULTS.md."""
    lines = [
        f"### {name}, {here()}",
        "",
        "| measure | value |",
        "|---|---|",
        *(f"| {key} | {value} |" for key, value in facts.items()),
    ]
    for r in results:
        lines += [
            f"| placed at a leaf, certified {r.target:.0%} | {r.leaf_coverage:.1%} of items, {r.leaf_precision:.1%} of them right |",
            f"| placed at a parent on top, certified {r.target:.0%} | {r.parent_coverage:.1%} of items, "
            f"{r.parent_precision:.1%} of them right |",
        ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Runs the benchmark and prints (and, if asked, appends) its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--items", type=Path, help="another items.csv than FOLDER/items.csv, e.g. with blanked titles")
    parser.add_argument("--name", help="name of the section; default: the folder's")
    parser.add_argument("--test-share", type=float, default=0.3)
    parser.add_argument("--finetune-epochs", type=int, default=2, help="0: heads on frozen towers only")
    parser.add_argument("--append", type=Path, help="add the table to this file")
    parser.add_argument("--keep", type=Path, help="make the workspace here and keep it")
    options = parser.parse_args()
    labelled, delivered, how = split(options.folder, options.items or options.folder / "items.csv", options.test_share)
    with tempfile.TemporaryDirectory() as scratch:
        place = options.keep or Path(scratch) / "workspace"
        prepare(options.folder, place, labelled, delivered)
        configure(place, TARGETS[0], options.finetune_epochs)
        train_seconds = run("train", "-w", str(place))
        others = {target: place.with_name(f"{place.name}-{target}") for target in TARGETS[1:]}
        for target, copy in others.items():  # before the first night: what it placed would stay where it is
            shutil.copytree(place, copy)
            configure(copy, target, options.finetune_epochs)
        night_seconds = run("nightly", "-w", str(place))
        leaf, top = accuracy(place, delivered)
        results = [placed(place, delivered, TARGETS[0])]
        for target, copy in others.items():
            run("nightly", "-w", str(copy))
            results.append(placed(copy, delivered, target))
    facts = {
        "labelled / delivered": f"{labelled.height} / {delivered.height} ({how})",
        "towers": f"fine-tuned for {options.finetune_epochs} epochs" if options.finetune_epochs else "frozen",
        "leaf accuracy": f"{leaf:.3f}",
        "top level accuracy": f"{top:.3f}",
        "training": f"{train_seconds:.0f} s",
        "nightly, cold": f"{night_seconds:.0f} s, {delivered.height / night_seconds:.0f} items/s",
    }
    text = table(options.name or options.folder.name, facts, results)
    print(text)
    if options.append:
        with options.append.open("a") as file:
            file.write("\n" + text)


if __name__ == "__main__":
    main()
