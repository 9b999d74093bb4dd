"""The benchmark of quality: what would make its tables say something else than was measured."""

import csv
import random
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from benchmarks.quality import stored, tables
from benchmarks.quality.cells import Cell, append, planned, read
from benchmarks.quality.data import category_words, load, without_words
from benchmarks.quality.figures import auroc
from benchmarks.quality.measure import Surroundings, measure
from benchmarks.quality.product import multiplied
from benchmarks.quality.requirements import fewest, verdicts
from benchmarks.quality.resampling import Pool, trials
from benchmarks.quality.running import run, wanted
from benchmarks.quality.splits import JUDGED, LEARNED, task
from benchmarks.quality.stored import Scores
from benchmarks.quality.trained import Lesson, quality
from catalog.learning.training_settings import TrainingSettings
from tests.conftest import product
from tests.simulated import World, tree

PLACE = ("mwpd_gpc", "official")
TINY = TrainingSettings(encoder_text="tiny", encoder_image="tiny", image_size=32, finetune_epochs=0)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders of the benchmark with drawn products: offers with hosts, groceries, fashion with pictures."""
    folder, rng = tmp_path_factory.mktemp("data"), random.Random(3)
    rows = [product(rng, n) for n in range(700)]
    for n, row in enumerate(rows):
        host = f"shop{rng.randrange(40)}.example"
        row |= {"split": "test" if n % 5 == 0 else "train", "url": f"https://{host}/{n}", "price": ""}
        row |= {"vendor_category_text": row["category_path"].rpartition(" > ")[2] if n % 3 else ""}
    for n, name in enumerate(("Tools > Spades", "Tools > Rakes", "Pots > Clay", "Pots > Glass", "Seeds > Peas")):
        for row in rows[100 + 10 * n : 110 + 10 * n]:  # small enough to be held out
            row |= {"category_path": f"Garden > {name}", "title": f"{name} {row['item_id']}"}
    rows[1] |= {"title": rows[0]["title"].upper() + " !"}  # a look-alike of a tested offer among those to learn from
    _write(folder / "mwpd_gpc", "items.csv", rows, "item_id title description brand price category_path")
    _write(folder / "mwpd_gpc", "items_extra.csv", rows, "item_id split vendor_category_text url")
    groceries = [product(rng, n) for n in range(300)]
    groceries += [row | {"item_id": f"again{n}-{row['item_id']}"} for row in groceries[:2] for n in range(2)]
    groceries[0] |= {"category_path": "Sport > Balls > Wrong"}
    _write(folder / "bigbasket", "items.csv", groceries, "item_id title description brand price category_path")
    fashion = [product(rng, n) | {"image": f"images/{n}.png", "description": "", "brand": ""} for n in range(160)]
    _write(folder / "fashion5k_224", "items.csv", fashion, "item_id title description brand category_path image")
    (folder / "fashion5k_224" / "images").mkdir()
    for n, row in enumerate(fashion):
        shade = 30 * sorted({r["category_path"] for r in fashion}).index(row["category_path"])
        Image.new("RGB", (32, 32), (shade, 255 - shade, n)).save(folder / "fashion5k_224" / row["image"])
    return folder


def _write(folder: Path, name: str, rows: list[dict[str, str]], fields: str) -> None:
    folder.mkdir(exist_ok=True)
    with (folder / name).open("w", newline="") as file:
        writer = csv.DictWriter(file, fields.split(), extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def around(data: Path, tmp_path: Path) -> Surroundings:
    return Surroundings(data, tmp_path / "cache", tmp_path / "cells.jsonl", threads=1)


def lesson(data: Path, tmp_path: Path, name: str = "fashion5k") -> tuple[Lesson, pl.DataFrame]:
    found = task(name, "title", 1.0, data)
    parts = found.parts
    (tmp_path / "work").mkdir()
    taught = Lesson(parts["train"], parts["early_stopping"], found.taxonomy, 0, tmp_path / "cache", tmp_path / "work")
    return taught, parts["test"]


@pytest.mark.parametrize("split", ["official", "host", "subtree"])
def test_no_product_stands_on_two_sides(data: Path, split: str) -> None:
    parts = task("mwpd_gpc", split, 1.0, data).parts
    sides = [set(parts[part]["cluster"]) for part in (*LEARNED, *JUDGED)]
    assert all(sides)
    assert sum(map(len, sides)) == len(set().union(*sides))


def test_a_look_alike_of_a_tested_row_is_not_learned_from(data: Path) -> None:
    parts = task("mwpd_gpc", "official", 1.0, data).parts
    assert "00000" in parts["test"]["item_id"]
    assert not any("00001" in rows["item_id"] for rows in parts.values())


def test_whole_hosts_are_tested(data: Path) -> None:
    parts = task("mwpd_gpc", "host", 1.0, data).parts
    rest = pl.concat([parts[part]["vendor"] for part in parts if part != "test"])
    assert not set(rest) & set(parts["test"]["vendor"])


def test_held_out_nodes_are_nowhere_else(data: Path) -> None:
    found = task("mwpd_gpc", "subtree", 1.0, data)
    novel = {name for part, rows in found.parts.items() if part.startswith("novel") for name in rows["category_id"]}
    assert novel
    for part in (*LEARNED, *JUDGED):
        assert not novel & set(found.parts[part]["category_id"])


def test_labels_of_the_certificate_can_be_learned_from_instead(data: Path, around: Surroundings) -> None:
    kept, spent = (task("mwpd_gpc", split, 1.0, data).parts for split in ("official", "official_all"))
    assert set(spent["train"]["item_id"]) == {*kept["train"]["item_id"], *kept["calibration"]["item_id"]}
    assert spent["test"].equals(kept["test"])
    assert spent["temperature"].equals(kept["temperature"])
    figures = measure(Cell("mwpd_gpc", "official_all", "majority"), around)["figures"]
    assert figures["certified"] == {}
    assert figures["leaf_accuracy"] > 0


def test_shares_are_nested_and_never_empty(data: Path) -> None:
    shares = [task("mwpd_gpc", "official", share, data).parts for share in (0.001, 0.1, 0.5, 1.0)]
    for part in LEARNED:
        kept = [set(parts[part]["item_id"]) for parts in shares]
        assert kept[0] and all(less <= more for less, more in pairwise(kept))
        assert len(kept[1]) < len(kept[2]) < len(kept[3])
    assert shares[0]["test"].equals(shares[3]["test"])


def test_groceries_are_judged_by_the_commonest_label_of_what_reads_the_same(data: Path) -> None:
    rows = {row["item_id"]: row for row in load("bigbasket", data).to_dicts()}
    assert rows["00000"]["category_id"] == "Sport > Balls > Wrong"
    assert rows["00000"]["truth"] == rows["again0-00000"]["truth"] == rows["again0-00000"]["category_id"]
    assert all(row["truth"] == row["category_id"] for name, row in rows.items() if not name.endswith("00000"))


def test_blanked_titles_name_no_category_and_keep_the_split(data: Path) -> None:
    words = category_words(["Apparel > Topwear > Tshirts"])
    assert without_words("Nike Men's Topwears T-Shirt Apparel blue", words) == "Nike Men's blue"
    plain, blanked = load("fashion5k", data), load("fashion5k_blanked", data)
    assert plain["cluster"].equals(blanked["cluster"])
    assert not blanked["title"].str.to_lowercase().str.contains(r"\b(running|tennis|mugs?)\b").any()


def test_a_cell_runs_once_and_its_line_holds_the_figures(around: Surroundings) -> None:
    cells = [Cell(*PLACE, "majority"), Cell(*PLACE, "vendor_lookup")]
    assert [status for _, status in run(cells, around)] == [0, 0]
    majority, lookup = (line["figures"] for line in read(around.lines))
    assert majority["leaf_accuracy"] < 0.3
    assert lookup["leaf_accuracy"] > 0.6
    assert lookup["certified"]["0.95"]["leaf"]["coverage"] >= 0.0
    assert lookup["test_items"] == 140
    assert list(run(cells, around)) == []


def test_a_failing_cell_costs_itself_only(around: Surroundings) -> None:
    cells = [Cell(*PLACE, "product"), Cell(*PLACE, "majority")]  # nothing to multiply yet
    assert [status == 0 for _, status in run(cells, around)] == [False, True]
    assert [line["method"] for line in read(around.lines)] == ["majority"]


def test_linear_methods_learn_and_their_product_is_tuned(around: Surroundings) -> None:
    svc = measure(Cell(*PLACE, "svc"), around)
    assert svc["figures"]["leaf_accuracy"] > 0.9
    logreg = Cell(*PLACE, "logreg")
    measure(logreg, around)
    around.scores(logreg).rename(around.scores(replace(logreg, method="lr_text")))
    both = measure(Cell(*PLACE, "product"), around)
    assert both["figures"]["leaf_accuracy"] > 0.9
    assert 0.0 <= both["settings"]["weight"] <= 1.0


def test_the_product_is_on_the_tuning_rows_no_worse_than_either_side() -> None:
    rng = np.random.default_rng(0)
    labels = pl.Series(rng.choice(["a", "b", "c"], 200))
    truth = np.stack([(labels == name).to_numpy() for name in "abc"], axis=1)
    sides = [
        Scores(
            ["a", "b", "c"], 1.0, {"early_stopping": []}, {"early_stopping": truth * lift + rng.normal(size=(200, 3))}
        )
        for lift in (1.0, 1.5)
    ]
    found, settings = multiplied(*sides, labels)
    reached = [quality(side.logits["early_stopping"], labels, ["a", "b", "c"]) for side in (found, *sides)]
    assert reached[0] >= max(reached[1:]) and 0.0 < settings["weight"] < 1.0


@pytest.mark.train
def test_methods_on_frozen_towers_keep_their_embeddings(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra `train`")
    from benchmarks.quality import frozen

    taught, test = lesson(data, tmp_path)
    for train in (frozen.neighbours, frozen.regression):
        trained = train(taught, "both", TINY)
        assert (trained.logits(test).argmax(1) == trained.logits(test[::-1])[::-1].argmax(1)).all()
    kept = sum(1 for _ in (tmp_path / "cache" / "embeddings").rglob("*.arrow"))
    assert kept
    frozen.regression(taught, "image", TINY).logits(test)
    assert sum(1 for _ in (tmp_path / "cache" / "embeddings").rglob("*.arrow")) == kept


@pytest.mark.slow  # trains and exports a bundle, which tests/test_flow.py does as well
@pytest.mark.train
def test_our_model_is_scored_through_its_bundle(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra `train`")
    from benchmarks.quality.ours import ours
    from catalog.inference.novelty import energy

    taught, test = lesson(data, tmp_path)
    trained = ours(taught, TINY, "image")
    words = test.with_columns(title=pl.lit("other words"))
    assert np.array_equal(trained.logits(test), trained.logits(words))  # a specialist of pictures reads no title
    assert np.allclose(trained.novelty(test, 1.0), energy(trained.logits(test)))


@pytest.mark.train
def test_networks_from_scratch_and_off_the_shelf_answer_for_every_item(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra `train`")
    from benchmarks.quality import scratch, setfit

    taught, test = lesson(data, tmp_path)
    trained = scratch.from_scratch(taught, TINY, epochs=1)
    logits = trained.logits(test.with_columns(image=pl.lit(None, pl.String)))
    assert logits.shape == (test.height, len(trained.classes)) and np.isfinite(logits).all()
    small = replace(taught, learn=taught.learn[:16])
    trained = setfit.fine_tuned(small, epochs=1)
    assert trained.logits(test).shape == (test.height, small.learn["category_id"].n_unique())


def test_scores_survive_storing(tmp_path: Path) -> None:
    logits = np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32)
    given = Scores(["x", "y"], 1.5, {"test": ["1", "2", "3"]}, {"test": logits}, {"test": logits[:, 0]})
    stored.save(tmp_path / "a.npz", given)
    back = stored.load(tmp_path / "a.npz")
    assert (back.classes, back.temperature, back.items) == (given.classes, 1.5, given.items)
    assert np.array_equal(back.logits["test"], logits) and np.array_equal(back.novelty["test"], logits[:, 0])


def test_auroc_counts_ties_as_half() -> None:
    assert auroc(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == 1.0
    assert auroc(np.array([1.0, 0.0]), np.array([1.0, 0.0])) == 0.5
    assert auroc(np.array([1.0]), np.array([0.0, 1.0])) == 0.75


def test_draws_are_of_products_and_rarely_break_the_promise() -> None:
    world = World(mean=6.0)
    pool = Pool(world.draw(300, 1), world.draw(1500, 2), tree(), 400)
    sample, times = pool.draw(np.random.default_rng(0))
    assert sample["cluster"].n_unique() == times.sum() == 400
    found = trials(pool, 0.95, 30)
    assert found["leaf_violations"] <= 0.2
    assert 0.5 < found["of_oracle"] <= 1.05
    assert found["coverage"] <= 1.0 and found["nothing_placed"] < 0.2


def line(cell: Cell, leaf: float, covered: float = 0.5) -> dict:
    strata = {
        name: {"coverage": covered, "precision": 0.99, "product_coverage": covered, "product_precision": 0.99}
        for name in ("leaf", "parent")
    }
    figures = {
        "leaf_accuracy": leaf, "leaf_interval": [leaf - 0.01, leaf + 0.01], "top_accuracy": 1.0, "log_loss": 0.3,
        "ece": 0.015, "ece_worst_slice": None, "train_seconds": 9.0, "peak_mib": 900.0, "score_items_a_second": 80.0,
        "certified": {"0.95": strata, "0.98": strata},
    }  # fmt: skip
    told = {"settings": {}, "figures": figures, "commit": "abc", "date": "2026-01-01", "machine": "2 cores"}
    return {"set": cell.set, "split": cell.split, "method": cell.method, "seed": cell.seed, "share": cell.share} | told


def test_requirements_are_met_only_by_figures() -> None:
    svc, ours = Cell(*PLACE, "svc"), Cell(*PLACE, "ours")
    measured = {svc: line(svc, 0.8, 0.4), ours: line(ours, 0.88, 0.5)}
    found = {verdict.what: verdict for verdict in verdicts(measured, [], PLACE)}
    assert found["leaf error less than the best baseline's by"].figure.startswith("40.0%")
    assert found["leaf error less than the best baseline's by"].met == "must"
    assert found["leaf accuracy"].met == "must"
    assert found["certified at 95%: of what the best baseline leaves uncovered"].met == "**no**"
    assert found["ECE over all"].met == "must"
    assert found["certificate at 95%: violations in draws"].met == ""
    assert all(verdict.met == "" for verdict in verdicts({}, [], PLACE))


def test_labels_saved_are_those_of_the_smallest_share_that_reaches_the_goal() -> None:
    measured = {}
    for share, leaf in ((1.0, 0.9), (0.3, 0.85), (0.1, 0.7), (0.03, 0.6)):
        cell = Cell(*PLACE, "ours", share=share)
        measured[cell] = line(cell, leaf)
    assert fewest(measured, PLACE, "ours", 0.95) == 0.0
    assert fewest(measured, PLACE, "ours", 0.8) == pytest.approx(1 / 0.3)
    assert fewest({}, PLACE, "ours", 0.8) is None


def test_tables_replace_their_section_and_leave_the_rest(tmp_path: Path) -> None:
    results, lines = tmp_path / "RESULTS.md", tmp_path / "cells.jsonl"
    results.write_text("# Results\n\nby hand\n")
    for leaf in (0.5, 0.7):  # measured again: the last line counts
        told = {name: value for name, value in line(Cell(*PLACE, "svc"), leaf).items() if name not in ("set", "split")}
        append(lines, Cell(*PLACE, "svc"), told)
    tables.write(results, lines, tmp_path / "none.jsonl")
    once = results.read_text()
    assert once.startswith("# Results\n\nby hand\n") and "0.700 (0.690 to 0.710)" in once and "0.500" not in once
    assert "| ours | " + " | ".join([""] * 15) in once
    tables.write(results, lines, tmp_path / "none.jsonl")
    assert results.read_text() == once


def test_the_plan_asks_for_every_cell_once_and_the_main_sets_first() -> None:
    cells = planned()
    assert len(set(cells)) == len(cells)
    order = list(dict.fromkeys((cell.set, cell.split) for cell in cells))
    assert order[:2] == [("mwpd_gpc", "official"), ("fashion5k_blanked", "title")]
    assert {cell.method for cell in wanted({"set": "bigbasket", "seed": 0}) if cell.split == "title"} >= {"svc", "ours"}
    assert wanted({"set": "bigbasket", "split": "host", "method": "svc"}) == [Cell("bigbasket", "host", "svc")]
