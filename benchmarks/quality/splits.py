"""Which rows are learned from, which calibrate and which are tested; look-alikes never on two sides."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from benchmarks.quality.data import DATA, load
from catalog.labels.clusters import assert_no_leak, assign_splits, unit_hash
from catalog.taxonomies.taxonomy import Taxonomy, from_paths

TEST_SHARE = 0.2
SPLIT_SEED = 7
HELD_OUT_SUBTREES, HELD_OUT_LEAVES = 0.10, 0.03  # shares of the rows
LARGEST_HELD_OUT = 0.05  # of the rows: holding out a third of a shop would test another shop
LEARNED = ("train", "early_stopping")
JUDGED = ("temperature", "calibration", "test")
NOVEL = ("novel_subtree", "novel_leaf")


@dataclass(frozen=True)
class Task:
    """One set in one split: a frame for each part, and the hierarchy of all labels."""

    parts: dict[str, pl.DataFrame]
    taxonomy: Taxonomy


def task(name: str, split: str, share: float, data: Path = DATA) -> Task:
    """The parts of a set. `share` of the labels that are learned from is kept, nested: 3% holds all of 1%.

    Early-stopping labels are thinned like training labels, since both would have to be bought; labels that calibrate
    and test are not. official_all and title_all learn from the calibration products, too, and earn no certificate. In the
    judged parts category_id is the truth and `raw_category_id` the label as delivered.
    """
    frame = load(name, data)
    taxonomy = from_paths(frame["category_id"].unique().to_list())
    frame = frame.with_columns(split=assigned(frame, split.removesuffix("_all"), taxonomy))
    if split.endswith("_all"):
        frame = frame.with_columns(pl.col("split").replace("calibration", "train"))
    assert_no_leak(frame["cluster"], frame["split"].replace({"test": "calibration"}))
    parts = {part: frame.filter(split=part) for part in (*LEARNED, *JUDGED, *NOVEL)}
    for part in LEARNED:
        parts[part] = thinned(parts[part], share)
    for part in JUDGED:
        parts[part] = parts[part].with_columns(category_id="truth", raw_category_id="category_id")
    return Task({part: rows for part, rows in parts.items() if rows.height}, taxonomy)


def assigned(frame: pl.DataFrame, split: str, taxonomy: Taxonomy) -> pl.Series:
    """The part of each row; `excluded` where a row to learn from looks like one that is tested or held out.

    Splits: official (the publisher's test rows), host (vendors chosen by hash, whole), title (clusters chosen by hash),
    subtree (official or title, and whole level-2 nodes and single leaves held out of everything else).
    """
    novel = _held_out(frame, taxonomy) if split == "subtree" else pl.Series([None] * frame.height, dtype=pl.String)
    tested = _tested(frame, split) & novel.is_null()
    apart = tested | novel.is_not_null()
    rest = pl.DataFrame({"cluster": frame["cluster"], "apart": apart}).with_row_index("row").filter(~pl.col("apart"))
    inner = assign_splits(rest["cluster"], pl.Series([True] * rest.height), seed=SPLIT_SEED)
    learned = (
        frame.select("cluster")
        .with_row_index("row")
        .join(rest.select("row", part=inner), on="row", how="left", maintain_order="left")
    )
    # A cluster with a tested row gives nothing to learn from: its look-alike would tell the answer.
    taken = pl.Series(frame["cluster"].is_in(frame["cluster"].filter(apart).implode()))
    return learned.select(
        split=pl.when(novel.is_not_null()).then(novel).when(tested).then(pl.lit("test"))
        .when(taken).then(pl.lit("excluded")).otherwise("part")
    ).to_series()  # fmt: skip


def _tested(frame: pl.DataFrame, split: str) -> pl.Series:
    if split in ("official", "subtree") and frame["official"].is_not_null().any():
        return frame["official"].eq_missing("test")
    key = "vendor" if split == "host" else "cluster"
    return pl.Series(unit_hash(frame[key].to_list(), f"test {key}") < TEST_SHARE)


def _held_out(frame: pl.DataFrame, taxonomy: Taxonomy) -> pl.Series:
    """`novel_subtree` or `novel_leaf` for the rows of what is held out, null for the others."""
    chains = {node: taxonomy.ancestors(node) for node in frame["category_id"].unique()}
    second = frame["category_id"].replace_strict({node: chain[:2][-1] for node, chain in chains.items()})
    subtrees = _chosen(second, HELD_OUT_SUBTREES)
    leaves = pl.DataFrame({"leaf": frame["category_id"], "second": second}).filter(~second.is_in(list(subtrees)))
    # A single leaf is one whose siblings stay: else it would be a whole subtree.
    kept = leaves.filter(pl.col("leaf").n_unique().over("second") > 2)["leaf"]
    single = _chosen(kept, HELD_OUT_LEAVES, of=frame.height)
    marked = pl.when(second.is_in(list(subtrees))).then(pl.lit("novel_subtree"))
    return pl.select(marked.when(frame["category_id"].is_in(list(single))).then(pl.lit("novel_leaf"))).to_series()


def _chosen(nodes: pl.Series, share: float, of: int | None = None) -> set[str]:
    """Nodes in the order of their hash until they hold `share` of the rows; very large ones are passed over."""
    rows = of or len(nodes)
    counts = nodes.alias("node").value_counts()
    order = counts.with_columns(place=pl.Series(unit_hash(counts["node"].to_list(), "held out"))).sort("place")
    chosen: set[str] = set()
    held = 0
    for node, count, _ in order.iter_rows():
        if held < share * rows and count <= LARGEST_HELD_OUT * rows:
            chosen.add(node)
            held += count
    return chosen


def thinned(rows: pl.DataFrame, share: float) -> pl.DataFrame:
    """The products whose hash falls below `share`, and at least one: an empty part stops training."""
    place = pl.Series(unit_hash(rows["cluster"].to_list(), "share"))
    return rows.filter((place < share) | (place == place.min()))
