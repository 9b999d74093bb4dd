"""From stored scores to the figures of a cell; nothing here trains, and nothing here chooses anything on the test."""

import math
from typing import Any

import numpy as np
import polars as pl

from benchmarks.quality.splits import JUDGED, NOVEL, Task
from benchmarks.quality.stored import Scores
from benchmarks.quality.trained import numbered
from catalog.certification.calibration import ece
from catalog.certification.certificate import Certificate, StratumCertificate, Terms, certify
from catalog.certification.evidence import Sample, prepare
from catalog.certification.metrics import accuracy, accuracy_at_level, wilson
from catalog.inference.scores import Tree, describe, softmax
from catalog.taxonomies.taxonomy import Taxonomy

TARGETS = (0.95, 0.98)
DELTA = 0.05
LEAST_SLICE = 1000
SHOWN = (*JUDGED, *NOVEL)
WITHOUT = {"no_image": "test_no_image", "no_text": "test_no_text"}


def labelled(scores: Scores, part: str, frame: pl.DataFrame, taxonomy: Taxonomy) -> pl.DataFrame:
    """The predictions of a part at the fitted temperature beside its labels: what `certify` takes."""
    if scores.items[part] != frame["item_id"].to_list():
        raise ValueError(f"The stored scores of {part} are of other items: remove them and run the cell again.")
    tree = Tree(scores.classes, {name: taxonomy.ancestors(name) for name in scores.classes})
    texts = pl.any_horizontal(pl.col("title", "description", "brand", "vendor_category").is_not_null())
    known = frame.select(
        "vendor", "item_id", "cluster", "category_id", has_text=texts, has_image=pl.col("image").is_not_null()
    )
    return pl.concat([known, describe(scores.logits[part], scores.temperature, tree)], how="horizontal")


def figures(scores: Scores, task: Task) -> dict[str, Any]:
    """Everything a cell's line says of its scores. Shares are of items unless they say products."""
    parts = {part: labelled(scores, part, task.parts[part], task.taxonomy) for part in SHOWN if part in task.parts}
    test = parts["test"]
    found = _accuracies(test, task) | _calibration(scores, task, test)
    found |= {name: _without(scores, part, test) for name, part in WITHOUT.items() if part in scores.items}
    asked = TARGETS if "calibration" in parts else ()
    certificates = {f"{target:.2f}": _certified(parts, task.taxonomy, target) for target in asked}
    return found | {"certified": certificates} | _novelty(scores, parts)


def _accuracies(test: pl.DataFrame, task: Task) -> dict[str, Any]:
    right = int((test["leaf_id"] == test["category_id"]).sum())
    raw = task.parts["test"]["raw_category_id"]
    found = {
        "test_items": test.height,
        "leaf_accuracy": right / test.height,
        "leaf_interval": wilson(right, test.height),
        "top_accuracy": accuracy_at_level(test["leaf_id"], test["category_id"], task.taxonomy, 1),
    }
    if not raw.equals(test["category_id"]):
        found["leaf_accuracy_raw"] = accuracy(test["leaf_id"], raw)
    return found


def _calibration(scores: Scores, task: Task, test: pl.DataFrame) -> dict[str, Any]:
    """Log-loss over the items whose label is a class, excess ECE of the best leaf over all and its worst slice.

    Slices are what can be seen when serving: the predicted department, the vendor, what the item has.
    """
    target = numbered(test["category_id"], scores.classes)
    known = target >= 0
    p = softmax(scores.logits["test"], scores.temperature)[known, target[known]]
    probability, right = test["probability"].to_numpy(), (test["leaf_id"] == test["category_id"]).to_numpy()
    department = [task.taxonomy.ancestors(leaf)[0] for leaf in test["leaf_id"]]
    groups = {
        "department": pl.Series(department),
        "vendor": test["vendor"],
        "modality": test.select(pl.format("text {} image {}", "has_text", "has_image")).to_series(),
    }
    slices = {}
    for kind, values in groups.items():
        for name in values.value_counts().filter(pl.col("count").is_between(LEAST_SLICE, test.height - 1))[values.name]:
            rows = (values == name).to_numpy()
            slices[f"{kind} {name}"] = ece(probability[rows], right[rows])
    for name, part in WITHOUT.items():
        if part in scores.items and test.height >= LEAST_SLICE:
            slices[name] = _ece_of(scores, part, target)
    worst = max(slices, key=lambda name: slices[name], default=None)
    return {
        "temperature": scores.temperature,
        "log_loss": float(-np.log(np.maximum(p, 1e-30)).mean()),
        "labels_without_class": float((~known).mean()),
        "ece": ece(probability, right),
        "ece_slices": slices,
        "ece_worst_slice": None if worst is None else slices[worst],
    }


def _ece_of(scores: Scores, part: str, target: np.ndarray) -> float:
    p = softmax(scores.logits[part], scores.temperature)
    return ece(p.max(1), p.argmax(1) == target)


def _without(scores: Scores, part: str, test: pl.DataFrame) -> float:
    """Accuracy on the same items with one modality taken away."""
    return float((scores.logits[part].argmax(1) == numbered(test["category_id"], scores.classes)).mean())


def certificate_of(
    temperature: pl.DataFrame | None, calibration: pl.DataFrame, taxonomy: Taxonomy, target: float
) -> Certificate:
    """What the calibration products earn, on the terms of every cell."""
    return certify(temperature, calibration, taxonomy, target=target, delta=DELTA, terms=Terms())


def _certified(parts: dict[str, pl.DataFrame], taxonomy: Taxonomy, target: float) -> dict[str, Any]:
    """The certificate earned at a target, and what its policy places on the test."""
    earned = certificate_of(parts.get("temperature"), parts["calibration"], taxonomy, target)
    sample = prepare(parts["test"], "test", taxonomy, Terms())
    leaf = placed_share(sample, sample.leaf_options(), earned.leaf)
    parent = placed_share(sample, sample.parent_options(earned.leaf.bar), earned.parent)
    missing = {"leaf": earned.leaf.labels_missing, "parent": earned.parent.labels_missing}
    return {"leaf": leaf, "parent": parent, "labels_missing": missing, "products": earned.calibration_products}


def placed_share(sample: Sample, options: pl.DataFrame, stratum: StratumCertificate) -> dict[str, float | None]:
    """Coverage and true precision of one stratum's policy over a sample, by item and by product.

    A product weighs 1 whatever the number of its items. Precision is None where nothing is placed.
    """
    empty = {"coverage": 0.0, "precision": None, "product_coverage": 0.0, "product_precision": None}
    if stratum.bar is None:
        return empty
    placed = sample.placed(options, stratum.bar)
    placed = placed.filter(~pl.col("department").is_in(list(stratum.review_departments)))
    if not placed.height:
        return empty
    weight = sample.frame.select("row", weight=1.0 / pl.len().over("cluster"))
    joined = placed.join(weight, on="row")
    total = float(joined["weight"].sum())
    right = float(joined.filter("right")["weight"].sum())
    return {
        "coverage": placed.height / sample.frame.height,
        "precision": float(placed["right"].sum()) / placed.height,
        "product_coverage": total / sample.frame["cluster"].n_unique(),
        "product_precision": right / total,
    }


def _novelty(scores: Scores, parts: dict[str, pl.DataFrame]) -> dict[str, float]:
    """AUROC of the novelty score: items of held-out nodes against those of the test."""

    def values(part: str) -> np.ndarray:
        return scores.novelty[part] if part in scores.novelty else parts[part]["novelty"].to_numpy()

    return {part: auroc(values(part), values("test")) for part in NOVEL if part in parts}


def auroc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Chance that a positive scores above a negative, ties counting half (Mann and Whitney 1947)."""
    if not (len(positive) and len(negative)):
        return math.nan
    ranks = pl.Series(np.concatenate([positive, negative])).rank("average").to_numpy()
    above = ranks[: len(positive)].sum() - len(positive) * (len(positive) + 1) / 2
    return float(above / (len(positive) * len(negative)))
