"""What the second night costs: a delivery with pictures that comes again, a little changed, against the first.

    python -m benchmarks.redelivery FOLDER [--items 44072] [--labels 3000] [--workspace DIR] [--append benchmarks/RESULTS.md]

FOLDER holds items.csv of the house columns and images/. A bundle with frozen towers is trained on some of the items; then
`catalog nightly` runs on deliveries of one vendor, whose pictures lie beside the file. Seconds are those of the whole process,
from its start to its end; the stages' are those of the run's ledger, and "the rest" is what lies between (start-up, opening
the workspace, its end). The peak is that of the process and of any it started. No cache of pages is dropped between nights.

- first: every item is new, the embeddings that training kept are gone.
- identical: the same bytes again. Told apart: it is known by its hash and not read.
- again: sorted otherwise, with a column of today's date, other line ends, and 2% of the prices changed.
- one percent: 1% of the items have another title, half of these another picture in the file's place as well; for the rest
  the file is the one before it. Asked is twice the sum of 1% of the first night and the reading of the file (ingest).

Texts and pictures encoded are counted in the kept embeddings, which a night appends to, pictures read in the night's log.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import duckdb
import polars as pl
import pyarrow as pa
from PIL import Image, ImageOps

from benchmarks.end_to_end import configure, here, prepare, run, told
from catalog.allocators import keep_pages

PEAK = 2048  # MiB
TIMES, AIM = 30, 100
NIGHT = [sys.executable, "-m", "pipelines.cli", "--log-format", "json", "nightly", "--workspace"]
COLUMNS = ("item_id", "title", "description", "brand", "price", "image")
_STAGES = """
    SELECT stage, epoch(finished_at) - epoch(started_at)
    FROM stages WHERE run_id = (SELECT max(run_id) FROM runs WHERE job = 'nightly') ORDER BY started_at
"""


class Night(NamedTuple):
    """A night as it was measured. read: picture files that were opened; texts, pictures: encoded."""

    seconds: float
    cpu: float
    peak: float
    stages: dict[str, float]
    texts: int
    pictures: int
    read: int

    def line(self, what: str, asked: str = "", *, met: bool | None = None) -> str:
        """In Markdown."""
        said = "" if met is None else "yes" if met else "**no**"
        counts = f"{self.texts:,} | {self.pictures:,} | {self.read:,}"
        return f"| {what} | {self.seconds:.1f} | {self.cpu:.1f} | {self.peak:.0f} | {counts} | {asked} | {said} |"


def learned(folder: Path, place: Path, labels: int) -> None:
    """A workspace with a bundle of frozen towers on some of the items, and without the embeddings they left."""
    found = pl.read_csv(folder / "items.csv", infer_schema_length=0)
    found = found.select(name for name in (*COLUMNS, "category_path") if name in found.columns)
    labelled = found.sample(min(labels, found.height - 10), seed=1)
    prepare(folder, place, labelled, found.join(labelled, on="item_id", how="anti").head(10))
    shutil.rmtree(place / "feeds" / "bench")
    configure(place, 0.95, 0)
    run("train", "-w", str(place))
    shutil.rmtree(place / "state" / "embeddings", ignore_errors=True)


def products(folder: Path, count: int) -> pl.DataFrame:
    """The items of the first delivery, each with a picture and a price."""
    found = pl.read_csv(folder / "items.csv", infer_schema_length=0).filter(pl.col("image").is_not_null())
    found = found.sample(min(count, found.height), seed=5)
    absent = [pl.lit(None, pl.String).alias(name) for name in COLUMNS if name not in found.columns]
    price = pl.format("{}.50", 5 + pl.col("item_id").hash(7) % 900)
    return found.with_columns(*absent).with_columns(price=price).select(COLUMNS)


def drawn(items: pl.DataFrame, share: float) -> pl.Series:
    """Which of the items change, bool; the same ones every time."""
    return (items["item_id"].hash(11) % 10_000 < 10_000 * share).alias("drawn")


def exported(items: pl.DataFrame, seed: int) -> str:
    """The items as another export writes them: in another order, with a date, with line ends of two characters."""
    mixed = items.sample(fraction=1.0, shuffle=True, seed=seed).with_columns(exported=pl.lit(f"2026-11-{seed:02d}"))
    return mixed.write_csv(line_terminator="\r\n")


def one_percent(items: pl.DataFrame, images: Path) -> pl.DataFrame:
    """The items with other titles for 1% of them, and other pictures in the place of half of theirs."""
    changed = drawn(items, 0.01)
    for name in items.filter(changed)["image"].gather_every(2):
        with Image.open(images / name) as picture:
            other = ImageOps.mirror(picture.convert("RGB"))
        other.save(images / name, "JPEG", quality=90)
    return items.with_columns(title=pl.when(changed).then(pl.format("{} new season", "title")).otherwise("title"))


def kept(place: Path) -> dict[str, int]:
    """Embeddings kept by tower."""
    counts = {}
    for tower in (place / "state" / "embeddings").glob("*"):
        rows = 0
        for file in tower.glob("*.arrow"):
            with pa.memory_map(str(file)) as opened:
                rows += pa.ipc.open_file(opened).read_all().num_rows
        counts[tower.name] = rows
    return counts


def night(place: Path, towers: dict[str, str], threads: int) -> Night:
    """One `catalog nightly`, measured."""
    before, log = kept(place), place.with_name(f"{place.name}.log")
    environment = os.environ | ({"OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"} if threads == 1 else {})
    environment.pop(
        "PYTHONDONTWRITEBYTECODE", None
    )  # an installed program has its bytecode, and does not compile at each start
    started = time.perf_counter()
    with log.open("wb") as file:
        process = subprocess.Popen([*NIGHT, str(place)], stdout=file, stderr=file, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if status:
        raise SystemExit(f"The night ended with {os.waitstatus_to_exitcode(status)}: see {log}")
    with duckdb.connect(str(place / "state" / "work.duckdb"), read_only=True) as ledger:
        stages = dict(ledger.execute(_STAGES).fetchall())
    stages["the rest"] = seconds - sum(stages.values())
    encoded = {part: kept(place).get(name, 0) - before.get(name, 0) for part, name in towers.items()}
    cpu, peak = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
    return Night(seconds, cpu, peak, stages, encoded["text"], encoded["image"], pictures_read(log))


def pictures_read(log: Path) -> int:
    """Picture files that the night opened to learn what they hold, as its log counts them."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return sum(line.get("read", 0) for line in lines if line.get("event") == "picture_files")


def nights(place: Path, folder: Path, options: argparse.Namespace) -> Iterator[str]:
    """Lines of tables in Markdown."""
    inbox = place / "feeds" / "shop"
    (inbox / "images").mkdir(parents=True)
    items, feed = products(folder, options.items), inbox / "items.csv"
    for name in items["image"]:
        shutil.copy(folder / name, inbox / name)
    model = (place / "models" / "current").read_text().strip()
    towers = json.loads((place / "models" / model / "labels.json").read_text())["towers"]
    time.sleep(2)  # a file so fresh that its time stamp says nothing yet would be read again
    yield f"{items.height:,} items, a model of {options.labels:,} labels, {options.threads} threads."
    yield ""
    yield "| night | seconds | of CPU | peak MiB | texts encoded | pictures encoded | pictures read | asked (aim) | met |"
    yield "|---|---|---|---|---|---|---|---|---|"
    found: dict[str, Night] = {}

    def measured(what: str, content: str) -> Night:
        feed.write_bytes(content.encode())
        found[what] = night(place, towers, options.threads)
        return found[what]

    first = measured("first", items.write_csv())
    yield first.line(f"first, {items.height / first.seconds:.0f} items/s", f"{PEAK:,} MiB", met=first.peak <= PEAK)
    same = measured("identical", items.write_csv())
    yield same.line("identical")
    newer = items.with_columns(price=pl.when(drawn(items, 0.02)).then(pl.format("{}9", "price")).otherwise("price"))
    again = measured("again", exported(newer, 2))
    times = first.seconds / again.seconds
    yield again.line(
        f"again, {times:.0f} times as fast", f"{TIMES} ({AIM}) times as fast", met=times >= TIMES and again.peak <= PEAK
    )
    changed = measured("one percent", exported(one_percent(newer, inbox), 3))
    limit = 2 * (0.01 * first.seconds + changed.stages["ingest"])
    yield changed.line("one percent", f"{limit:.1f} s", met=changed.seconds <= limit and changed.peak <= PEAK)
    yield from ["", f"| seconds of | {' | '.join(found)} |", "|---|" + "---|" * len(found)]
    for stage in first.stages:
        cells = [f"{one.stages[stage]:.1f}" if stage in one.stages else "" for one in found.values()]
        yield f"| {stage} | {' | '.join(cells)} |"


def main() -> None:
    """Measures, prints, and appends the tables to a file if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--items", type=int, default=44_072)
    parser.add_argument("--labels", type=int, default=3_000)
    parser.add_argument("--threads", type=int, default=2, choices=(1, 2))
    parser.add_argument("--workspace", type=Path, help="a trained one to copy, made there if it is not there yet")
    parser.add_argument("--keep", type=Path, help="where the nights' workspace is made and kept, to look at")
    parser.add_argument("--append", type=Path)
    options = parser.parse_args()
    keep_pages()
    with tempfile.TemporaryDirectory() as scratch:
        trained = options.workspace or Path(scratch) / "trained"
        if not trained.exists():
            learned(options.folder, trained, options.labels)
        place = options.keep or Path(scratch) / "workspace"
        shutil.copytree(trained, place)
        with (place / "catalog.toml").open("a") as file:
            file.write(f"\n[feeds]\nsettle_seconds = 0\n[serving]\nthreads = {options.threads}\n")
        heading = [f"### Redelivery, {here()}, load {os.getloadavg()[0]:.1f} before", ""]
        told(heading, nights(place, options.folder, options), options.append)


if __name__ == "__main__":
    main()
