"""What candidates are worth with no labels, and with 1, 5 and 20 a leaf; with and without the names of the categories.

    python -m benchmarks.cold_start mwpd_gpc bigbasket [--data ../shared/data] [--tested 1200]
    python -m benchmarks.cold_start --stated FEED.xml TAXONOMY.txt

Towers stay frozen. Top-1 and top-5 on tested products of the split that benchmarks/quality uses; one seed. The second
command takes items of a feed in Google's form and all nodes of Google's hierarchy: right is a leaf at or below the
node that the vendor states, which itself is not shown to the model; with the English tower and with the one of many languages.
"""

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.quality.data import DATA
from benchmarks.quality.splits import Task, task
from catalog.inference.classifier import Classifier
from catalog.inference.inputs import INPUT_COLUMNS
from catalog.learning import cold, training
from catalog.learning.names import leaves_of, name_rows
from catalog.learning.training_settings import TrainingSettings
from catalog.reading.feeds import read_rows
from catalog.reading.mapping import Mapping
from catalog.settings import Feeds
from catalog.taxonomies.taxonomy import Taxonomy
from catalog.taxonomies.taxonomy_files import read_taxonomy

LABELS = (1, 5, 20)
SETTINGS = TrainingSettings(finetune_epochs=0)
SEED = 3


def judged(make: Callable[[Path], object], test: pl.DataFrame, tree: Taxonomy | None = None) -> tuple[float, float]:
    """Top-1 and top-5 of the bundle that `make` writes into a folder. tree: a leaf below the truth is right, too."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "bundle"
        folder.mkdir()
        make(folder)
        classifier = Classifier.open(folder, device="cpu", verify=False)
        first = np.argsort(-classifier.logits(test), axis=1)[:, :5]
        found = np.array(classifier.bundle.classes, dtype=object)[first]
    truth = test["category_id"].to_numpy()[:, None]
    right = found == truth
    if tree is not None:
        right = np.array(
            [[node in tree.ancestors(leaf) for leaf in row] for row, (node,) in zip(found, truth, strict=True)]
        )
    return float(right[:, 0].mean()), float(right.any(axis=1).mean())


def few(work: Task, count: int, *, names: bool) -> pl.DataFrame:
    """At most `count` labels of every leaf, a tenth as many products to stop on, and the names if asked for."""
    drawn = work.parts["train"].sample(fraction=1.0, shuffle=True, seed=SEED)
    learn = drawn.filter(pl.int_range(pl.len()).over("category_id") < count).with_columns(split=pl.lit("train"))
    stop = work.parts["early_stopping"]
    stop = stop.sample(min(stop.height, max(50, learn.height // 10)), seed=SEED)
    parts = [learn, stop.with_columns(split=pl.lit("early_stopping"))]
    extra = [name_rows(work.taxonomy, leaves_of(work.taxonomy))] if names else []
    return pl.concat([*parts, *extra], how="diagonal")


def stated(feed: Path, tree: Taxonomy) -> pl.DataFrame:
    """Items of a feed in Google's form whose vendor states a node of the hierarchy, as `category_id`."""
    mapping = Mapping.model_validate({
        "format": "xml", "preset": "google",
        "columns": {"vendor_category": {"first": ["g:google_product_category"], "required": False}},
    })  # fmt: skip
    rows = pl.concat([batch.rows for batch in read_rows(feed, mapping, Feeds())], how="diagonal_relaxed")
    nodes = tree.nodes["category_id"]
    rows = rows.with_columns(category_id=pl.col("vendor_category")).filter(pl.col("category_id").is_in(nodes.implode()))
    texts = {name: pl.lit(None, pl.String) for name in INPUT_COLUMNS if name not in rows.columns}
    rows = rows.with_columns(**texts).with_columns(
        vendor=pl.lit(feed.stem), vendor_category=pl.lit(None, pl.String), image=pl.lit(None, pl.String),
        attributes=pl.lit(None, pl.String), input_hash=pl.col("item_id"),
    )  # fmt: skip
    return rows.unique("title", maintain_order=True)


def of_stated(feed: Path, hierarchy: Path, tested: int) -> None:
    """Prints the rows of the second table."""
    tree = read_taxonomy(hierarchy)
    items = stated(feed, tree)
    test = items.sample(min(tested, items.height), seed=SEED)
    print(f"{items.height} titles, {items['category_id'].n_unique()} nodes stated; {len(leaves_of(tree))} leaves\n")
    print("| text tower | items | top-1 | top-5 |\n|---|---|---|---|")
    for encoder in ("all-MiniLM-L6-v2", "multilingual-e5-small"):
        settings = replace(SETTINGS, encoder_text=encoder)
        top = judged(lambda folder, s=settings: cold.train_on_names(tree, s, folder), test, tree)
        print(f"| {encoder} | {test.height} | {top[0]:.3f} | {top[1]:.3f} |", flush=True)


def main() -> None:
    """Prints a row of the table as soon as it is measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*")
    parser.add_argument("--stated", nargs=2, type=Path, metavar=("FEED", "TAXONOMY"))
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--tested", type=int, default=1200)
    options = parser.parse_args()
    if options.stated:
        of_stated(*options.stated, options.tested)
    if not options.sets:
        return
    print("| set | labels a leaf | labels | names | top-1 | top-5 |\n|---|---|---|---|---|---|")
    for name in options.sets:
        work = task(name, "official" if name == "mwpd_gpc" else "title", 1.0, options.data)
        test = work.parts["test"].sample(min(options.tested, work.parts["test"].height), seed=SEED)
        tree = work.taxonomy
        top = judged(lambda folder, tree=tree: cold.train_on_names(tree, SETTINGS, folder), test)
        print(f"| {name} | 0 | 0 | yes | {top[0]:.3f} | {top[1]:.3f} |", flush=True)
        for count in LABELS:
            for names in (False, True):
                rows = few(work, count, names=names)
                labels = rows.filter(~pl.col("cluster").str.starts_with("category "), split="train").height
                top = judged(lambda folder, r=rows, t=tree: training.train(r, t, SETTINGS, folder), test)
                said = "yes" if names else "no"
                print(f"| {name} | {count} | {labels} | {said} | {top[0]:.3f} | {top[1]:.3f} |", flush=True)


if __name__ == "__main__":
    main()
