"""What candidates are worth with no labels, and with 1, 5 and 20 a leaf; with and without the names of the categories.

    python -m benchmarks.cold_start mwpd_gpc bigbasket [--data ../shared/data] [--tested 1200]

Towers stay frozen. Top-1 and top-5 on tested products of the split that benchmarks/quality uses; one seed.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.quality.data import DATA
from benchmarks.quality.splits import Task, task
from catalog.inference.classifier import Classifier
from catalog.learning import cold, training
from catalog.learning.names import leaves_of, name_rows
from catalog.learning.training_settings import TrainingSettings

LABELS = (1, 5, 20)
SETTINGS = TrainingSettings(finetune_epochs=0)
SEED = 3


def judged(make: Callable[[Path], object], test: pl.DataFrame) -> tuple[float, float]:
    """Top-1 and top-5 of the bundle that `make` writes into a folder."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "bundle"
        folder.mkdir()
        make(folder)
        classifier = Classifier.open(folder, device="cpu", verify=False)
        first = np.argsort(-classifier.logits(test), axis=1)[:, :5]
        found = np.array(classifier.bundle.classes, dtype=object)[first]
    right = found == test["category_id"].to_numpy()[:, None]
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


def main() -> None:
    """Prints a row of the table as soon as it is measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--tested", type=int, default=1200)
    options = parser.parse_args()
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
