"""What early exit saves and what it costs: the same labels, the same networks, with and without the rule.

    python -m benchmarks.early_exit FOLDER [--labels 3500] [--rounds 3] [--threads 2] [--append benchmarks/RESULTS.md]

FOLDER holds items.csv of the house columns and images/. Labels are drawn, a bundle with frozen towers is trained on them,
and everything else is what it has never seen: it is classified with the bundle's rule, without it, and by the eager rival of
benchmarks/throughput.py, in turn, with an empty cache. Both ways the certificate is earned anew on the same calibration
products, so that "placed" is what each would do by itself. A look-alike of a label may stand among the unseen.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import torch

from benchmarks import throughput
from benchmarks.end_to_end import here, told
from benchmarks.throughput import Bench, Row, eager
from catalog.certification.certificate import Certificate, certify
from catalog.inference.classifier import Classifier, MemoryEmbeddings
from catalog.inference.early_exit import EarlyExit
from catalog.inference.inputs import INPUT_COLUMNS
from catalog.learning import examples
from catalog.taxonomies.taxonomy import Taxonomy
from catalog.taxonomies.versions import latest_taxonomy
from pipelines.session import opened

TARGETS = (0.95, 0.98)
DELTA = 0.05


def samples(workspace: Path) -> tuple[list[pl.DataFrame], Taxonomy]:
    """Labelled inputs of the temperature and of the calibration split, as they were trained with, and the taxonomy."""
    with opened(workspace) as session:
        taxonomy = latest_taxonomy(session.store)
        known = examples.labelled(session.store, taxonomy, seed=session.settings.training.seed)
    return [known.filter(split=part) for part in ("temperature", "calibration")], taxonomy


def certified(classifier: Classifier, parts: list[pl.DataFrame], taxonomy: Taxonomy, target: float) -> Certificate:
    """The certificate that this classifier's own answers earn."""
    cache = MemoryEmbeddings()
    before, after = (
        part.select("vendor", "item_id", "cluster", "category_id", "input_hash").join(
            classifier.predict(part.unique("input_hash", maintain_order=True), embeddings=cache), on="input_hash"
        )
        for part in parts
    )
    return certify(before, after, taxonomy, target=target, delta=DELTA)


def unseen(bench: Bench) -> tuple[pl.DataFrame, pl.Series]:
    """Every item with a picture that was not among the labels, and its true path."""
    labels = pl.read_csv(bench.workspace / "labels" / "items.csv", infer_schema_length=0)
    found = pl.read_csv(bench.folder / "items.csv", infer_schema_length=0).filter(pl.col("image").is_not_null())
    found = found.join(labels, on="item_id", how="anti").with_columns(input_hash="item_id")
    absent = [pl.lit(None, pl.String).alias(name) for name in INPUT_COLUMNS if name not in found.columns]
    found = found.with_columns(*absent, image=pl.lit(f"{bench.folder.resolve()}/") + pl.col("image"))
    return found.select(INPUT_COLUMNS), found["category_path"]


def placed(
    answers: pl.DataFrame, truth: pl.Series, certificate: Certificate, taxonomy: Taxonomy
) -> tuple[float, float]:
    """Share placed at a leaf, and share of that which is right."""
    bar = certificate.leaf.threshold
    if bar is None:
        return 0.0, 0.0
    paths = answers["leaf_id"].replace_strict({row["category_id"]: row["path"] for row in taxonomy.nodes.to_dicts()})
    taken = answers["log_odds"] >= bar
    return float(taken.mean()), float((paths == truth).filter(taken).mean())


def rows(bench: Bench) -> Iterator[Row]:
    """The table."""
    parts, taxonomy = samples(bench.workspace)
    bench.items, truth = unseen(bench)
    early = bench.classifier
    full = Classifier(replace(early.bundle, early_exit=EarlyExit()), "cpu", bench.options.threads)
    answers = {"without": full.predict(bench.items), "with": early.predict(bench.items)}
    stages = dict(answers["with"]["stage"].value_counts().iter_rows())
    yield Row("held-out items, labels", f"{bench.items.height:,}, {bench.options.labels:,}")
    left = stages.get("text", 0)
    yield Row("answered by their words alone", f"{left / bench.items.height:.1%}")
    looked = stages.get("checked", 0) + stages.get("contradicted", 0)
    yield Row("of those checked, contradicted by the picture", f"{stages.get('contradicted', 0)} of {looked}")
    right = {name: float(_right(found, truth, taxonomy).mean()) for name, found in answers.items()}
    yield Row("accuracy without / with the rule", f"{right['without']:.3f} / {right['with']:.3f}")
    for target in TARGETS:
        shares = []
        for name, classifier in (("without", full), ("with", early)):
            certificate = certified(classifier, parts, taxonomy, target)
            shares.append(placed(answers[name], truth, certificate, taxonomy))
        (before, precision), (after, after_precision) = shares
        told = f"{before:.1%} ({precision:.1%} right) / {after:.1%} ({after_precision:.1%} right)"
        yield Row(f"placed at a leaf, certified at {target:.0%}, without / with", told, "no less", after >= before)
    head = torch.nn.Linear(bench.encoder.text.width + bench.encoder.image.width, len(early.bundle.classes))
    works = {
        "eager": lambda: eager(bench, head),
        "without": lambda: full.predict(bench.items),
        "with": lambda: early.predict(bench.items),
    }
    seconds = bench.rounds(works)
    for name, asked in (("without", 2.5), ("with", 4.0)):
        ratio = seconds["eager"] / seconds[name]
        rate = bench.items.height / seconds[name]
        yield Row(f"cold, {name} the rule", f"{rate:.0f} items/s, {ratio:.2f} of eager", f"{asked:g}", ratio >= asked)


def _right(answers: pl.DataFrame, truth: pl.Series, taxonomy: Taxonomy) -> pl.Series:
    paths = {row["category_id"]: row["path"] for row in taxonomy.nodes.to_dicts()}
    return answers["leaf_id"].replace_strict(paths) == truth


def main() -> None:
    """Measures, prints, and appends the table to a file if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workspace", type=Path, help="made there, or used as it stands; a temporary one without it")
    parser.add_argument("--labels", type=int, default=3500)
    parser.add_argument("--items", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--append", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as scratch:
        workspace = options.workspace or Path(scratch) / "workspace"
        if not workspace.exists():
            throughput.trained(options.folder, workspace, options.labels)
        bench = Bench(options.folder, workspace, options)
        print(json.dumps({"bar": bench.classifier.bundle.early_exit.bar}), flush=True)
        title = f"### Early exit, {options.folder.name}, {here()}, load {os.getloadavg()[0]:.1f} before"
        heading = [title, "", "| what | measured | asked | met |", "|---|---|---|---|"]
        told(heading, (row.line() for row in rows(bench)), options.append)


if __name__ == "__main__":
    main()
