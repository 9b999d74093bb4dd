"""How much the vendor's own category helps: the n-gram branch with and without its words, and the learned look-up.

    python -m benchmarks.vendor_category [--data ../shared/data]

Only the publisher's training part of `mwpd_gpc` (web shop offers, many of which name the shop's own category) is used: a
fifth of it is held out, once by look-alike clusters, so that the shops are known, and once by whole shops. The branch is
that of the classifier (catalog/learning/ridge.py), alone: no towers, no images. The look-up is that of
catalog/placement/vendor_categories.py, which routing holds predictions against; "agrees" means that the true leaf is what the
look-up says, or below it.
"""

import argparse
import hashlib
from pathlib import Path

import numpy as np
import polars as pl
import torch

from benchmarks.quality.data import DATA, load
from catalog.inference.inputs import item_ngrams
from catalog.inference.weighting import lexicon, weighted
from catalog.learning import ridge
from catalog.learning.encoding import targets
from catalog.placement import vendor_categories
from catalog.taxonomies.taxonomy import Taxonomy, from_paths

HELD_OUT, SEED, DRAWS = 5, 0, 2_000
SAID = ("vendor", "vendor_category", "category_id", "said_by")  # by people: nothing here


def right(learn: pl.DataFrame, judged: pl.DataFrame, taxonomy: Taxonomy) -> np.ndarray:
    """bool (n,): whether the branch names the true category of each judged row."""
    classes = sorted(learn["category_id"].unique())
    words = lexicon(item_ngrams(learn), 1, 2_000_000)
    grams, asked = (weighted(item_ngrams(rows).mapped(words[0]), words[1]) for rows in (learn, judged))
    target = targets(learn["category_id"].to_list(), classes, taxonomy)
    fitted = ridge.fit(grams, target, learn["cluster"].to_list(), len(words[1]), ridge.Plan(SEED, largest=2**40))
    scores = np.zeros((len(asked), len(classes)), np.float32)
    item = np.repeat(np.arange(len(asked)), asked.lengths())
    for start in range(0, len(asked), 500):
        some = (item >= start) & (item < start + 500)
        added = fitted.table.numpy()[asked.bucket[some]] * asked.weight[some, None]
        np.add.at(scores, item[some], added)
    return np.array(classes)[scores.argmax(1)] == judged["truth"].to_numpy()


def interval(gain: np.ndarray) -> tuple[float, float]:
    """Of the mean of paired differences, 95%, by drawing rows anew."""
    draw = np.random.default_rng(SEED)
    means = [gain[draw.integers(0, len(gain), len(gain))].mean() for _ in range(DRAWS)]
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def looked_up(learn: pl.DataFrame, judged: pl.DataFrame, taxonomy: Taxonomy) -> tuple[np.ndarray, np.ndarray]:
    """Two times bool (n,): which judged rows' vendor category has a rule, and with which of them the rule agrees."""
    decided = learn.filter(pl.col("vendor_category").fill_null("") != "")
    learned = vendor_categories.learn(decided.with_columns(product="cluster", source=pl.lit("label")), taxonomy)
    rules = vendor_categories.rules(learned, pl.DataFrame(schema=dict.fromkeys(SAID, pl.String)))
    ours = {(vendor, theirs): node for vendor, theirs, node in rules.select(rules.columns[:3]).iter_rows()}
    found, agrees = np.zeros((2, judged.height), bool)
    for row, (vendor, category, truth) in enumerate(judged.select("vendor", "vendor_category", "truth").iter_rows()):
        named = [ours[vendor, name] for name in vendor_categories.lineage(category or "") if (vendor, name) in ours]
        found[row] = bool(named)
        agrees[row] = bool(named) and named[-1] in taxonomy.ancestors(truth)
    return found, agrees


def main() -> None:
    """Prints one line for each way of holding out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    frame = load("mwpd_gpc", parser.parse_args().data)
    frame = frame.filter(pl.col("official") == "train")
    taxonomy = from_paths(sorted(frame["category_id"].unique()))
    torch.set_num_threads(1)
    print(
        "| held out | rows | with a category | without its words | with | gain (95% interval) | where it has one | look-up |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name, key in (("look-alikes, shops known", "cluster"), ("whole shops", "vendor")):
        drawn = [int(hashlib.sha256(str(part).encode()).hexdigest(), 16) % HELD_OUT == SEED for part in frame[key]]
        apart = pl.Series(drawn)
        learn, judged = frame.filter(~apart), frame.filter(apart)
        bare = [rows.with_columns(vendor_category=pl.lit(None, pl.String)) for rows in (learn, judged)]
        before, after = right(bare[0], bare[1], taxonomy), right(learn, judged, taxonomy)
        gain = after.astype(float) - before
        has = (judged["vendor_category"].fill_null("") != "").to_numpy()
        low, high = interval(gain)
        found, agrees = looked_up(learn, judged, taxonomy)
        print(
            f"| {name} | {judged.height:,} | {has.mean():.0%} | {before.mean():.3f} | {after.mean():.3f} | "
            f"{gain.mean():+.3f} ({low:+.3f} to {high:+.3f}) | {gain[has].mean():+.3f} | "
            f"{found.sum():,} rows, agrees with {agrees.sum():,}; the branch names the leaf of {after[found].sum():,} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
