"""Thousands of leaves with a long tail: do training, bundle and a night fit into a small machine?

    python -m benchmarks.many_leaves TAXONOMY [--items 24000] [--data ../shared/data] [--keep DIR]

Every node of the hierarchy files products: a leaf itself, an inner node through a leaf "Other" below it. The products of
bigbasket and mwpd_gpc are given to the nodes whose names lie nearest to their titles, which leaves most nodes with a few
products and many with none: labels made by a machine, good enough to measure time and memory, not accuracy. A fifth is
delivered as a feed, the rest are labels. Commands run as a user runs them; peak memory is that of the process.
"""

import argparse
import os
import platform
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.end_to_end import CATALOG, commit, title_bucket
from benchmarks.quality.data import DATA, load
from catalog.inference.inputs import TextTokenizer
from catalog.learning.encoding import Texts, embed
from catalog.learning.network import Encoder, encoder_for
from catalog.learning.training_settings import TrainingSettings
from catalog.taxonomies.taxonomy import read_taxonomy

SETS = ("bigbasket", "mwpd_gpc")
NEAREST = 3  # nodes a product is drawn among, so that the commonest names do not take everything
DELIVERED = 0.2
COLUMNS = ("item_id", "title", "description", "brand", "vendor_category")


def leaves(taxonomy: Path) -> list[str]:
    """The path of every leaf, and of a leaf `Other` under every inner node."""
    nodes = read_taxonomy(taxonomy).nodes.select("path", "is_leaf")
    return sorted(path if leaf else f"{path} > Other" for path, leaf in nodes.iter_rows())


def spread(paths: list[str], items: int, data: Path) -> pl.DataFrame:
    """Products with a `category_path` drawn among the leaves whose last two names are most like their title."""
    products = pl.concat([load(name, data).select(COLUMNS) for name in SETS]).filter(pl.col("title").is_not_null())
    products = products.with_columns(item_id=pl.int_range(pl.len()).cast(pl.String)).sample(items, seed=1, shuffle=True)
    encoder = encoder_for(TrainingSettings())
    names = vectors(encoder, [" ".join(path.removesuffix(" > Other").split(" > ")[-2:]) for path in paths])
    titles, rng = vectors(encoder, products["title"].to_list()), np.random.default_rng(1)
    near = np.concatenate(
        [np.argpartition(-part @ names.T, NEAREST, axis=1)[:, :NEAREST] for part in np.array_split(titles, 64)]
    )
    chosen = near[np.arange(len(near)), rng.integers(0, NEAREST, len(near))]
    return products.with_columns(category_path=pl.Series([paths[number] for number in chosen]))


def vectors(encoder: Encoder, texts: list[str]) -> np.ndarray:
    """Unit vectors (n, width) of the text tower as it came."""
    given = Texts(TextTokenizer(encoder.tokenizer, encoder.rules).encode(texts), np.arange(len(texts)), encoder.rules)
    return embed(encoder.text, given, len(texts), lambda _done: None).numpy()


def measured(*arguments: str) -> tuple[float, float]:
    """Seconds and peak GiB of a command."""
    started = time.perf_counter()
    process = subprocess.Popen([CATALOG, *arguments])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"catalog {' '.join(arguments)} ended with {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024**2


def prepare(place: Path, taxonomy: Path, options: argparse.Namespace) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Makes the workspace and returns the labelled and the delivered products."""
    paths = leaves(taxonomy)
    products = spread(paths, options.items, options.data)
    bucket = pl.Series([title_bucket(t, i) for t, i in products.select("title", "item_id").iter_rows()])
    labelled, delivered = products.filter(bucket >= DELIVERED), products.filter(bucket < DELIVERED)
    measured("init", str(place))
    (place / "catalog.toml").write_text(f"[training]\nfinetune_epochs = {options.finetune_epochs}\n")
    (place / "feeds" / "shop").mkdir(parents=True)
    delivered.drop("category_path").write_csv(place / "feeds" / "shop" / "items.csv")
    pl.DataFrame({"category_path": paths}).write_csv(place / "paths.csv")
    labelled.write_csv(place / "labels.csv")
    measured("taxonomy", "import", str(place / "paths.csv"), "-w", str(place))
    measured("labels", "import", str(place / "labels.csv"), "--vendor", "history", "--random", "-w", str(place))
    return labelled, delivered


def table(facts: dict[str, str]) -> str:
    """One section of RESULTS.md."""
    head = (
        f"### Many leaves, {datetime.now(UTC):%Y-%m-%d}, commit {commit()}, {os.cpu_count()} cores {platform.machine()}"
    )
    return (
        "\n".join([head, "", "| measure | value |", "|---|---|", *(f"| {k} | {v} |" for k, v in facts.items())]) + "\n"
    )


def main() -> None:
    """Runs the benchmark, prints its table and, if asked, appends it to a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("taxonomy", type=Path)
    parser.add_argument("--items", type=int, default=24_000)
    parser.add_argument("--finetune-epochs", type=int, default=0)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--append", type=Path, help="add the table to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch) / "workspace"
        labelled, delivered = prepare(place, options.taxonomy, options)
        trained = measured("train", "-w", str(place))
        night = measured("nightly", "-w", str(place))
        bundle = sum(file.stat().st_size for file in (place / "models").rglob("*") if file.is_file())
    counts = labelled["category_path"].value_counts()["count"].to_numpy()
    facts = {
        "leaves": f"{len(leaves(options.taxonomy)):,}, {len(counts):,} of them with a label",
        "labels": f"{labelled.height:,}; {np.median(counts):.0f} a labelled leaf in the middle, {counts.max():,} at most",
        "training": f"{trained[0]:.0f} s, {trained[1]:.1f} GiB at its peak",
        "bundle": f"{bundle / 1e6:.0f} MB",
        "a night": f"{delivered.height:,} new products in {night[0]:.0f} s, {night[1]:.1f} GiB at its peak",
    }
    print(table(facts))
    if options.append:
        with options.append.open("a") as file:
            file.write("\n" + table(facts))


if __name__ == "__main__":
    main()
