"""Items whose words are sure are answered without their picture, by a rule that looks at one item alone."""

import json
import random
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from catalog.inference.classifier import Classifier, MemoryEmbeddings
from catalog.inference.early_exit import LARGEST_ERROR, LEAST, STAGES, EarlyExit, checked
from catalog.inference.occlusion import as_read, occlude
from tests.conftest import product


def drawn(size: int, seed: int, *, picture: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log-odds of the words that mean what they say, whether they are right, and whether the full answer is."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(4.0, 3.0, size)
    right = rng.random(size) < 1.0 / (1.0 + np.exp(-odds))
    return odds, right, right | (rng.random(size) < picture)


def test_who_leaves_is_as_sure_as_the_rule_says() -> None:
    bars = []
    for seed in range(20):
        rule = EarlyExit.fit(*drawn(500, seed, picture=0.0))
        assert rule.bar is not None
        odds, right, _ = drawn(20_000, 1_000 + seed, picture=0.0)
        at_the_bar = np.abs(odds - rule.bar) < 0.3
        assert right[at_the_bar].mean() > 1 - 3 * LARGEST_ERROR
        assert right[rule.leaving(odds)].mean() > 1 - LARGEST_ERROR
        bars.append(rule.leaving(odds).mean())
    assert np.mean(bars) > 0.2, "a rule that lets nobody leave saves nothing"


def test_words_that_the_picture_would_mend_do_not_leave() -> None:
    odds, right, _ = drawn(600, 5, picture=0.0)
    mended = EarlyExit.fit(odds, right, np.ones(600, bool)).bar
    assert mended is None or right[odds >= mended].all()


def test_few_products_or_doubtful_words_give_no_rule() -> None:
    odds, right, full = drawn(LEAST - 1, 1, picture=0.0)
    assert EarlyExit.fit(odds, right, full).bar is None
    rng = np.random.default_rng(2)
    assert EarlyExit.fit(rng.normal(0, 3, 600), rng.random(600) < 0.8, np.ones(600, bool)).bar is None


def test_the_rule_comes_from_the_answers_by_words_alone() -> None:
    odds, right, full = drawn(400, 3, picture=0.0)
    target = np.zeros(400, int)
    lead = np.where(right, np.abs(odds), -np.abs(odds))
    by_words = np.stack([lead, np.zeros(400)], axis=1)
    by_picture = np.stack([np.full(400, 9.0), np.zeros(400)], axis=1)
    whole = np.stack([np.where(full, 5.0, -5.0), np.zeros(400)], axis=1)
    present = np.repeat([[1, 1], [1, 0], [0, 1]], 400, axis=0) > 0
    rows = np.tile(np.arange(400), 3)
    found = EarlyExit.from_answers(np.concatenate([whole, by_words, by_picture]), target, present, rows)
    expected = EarlyExit.fit(np.abs(lead), right, full)
    assert found.bar == pytest.approx(expected.bar) and expected.bar is not None
    assert EarlyExit.from_dict(json.loads(json.dumps(found.to_dict()))) == found


@pytest.fixture(scope="module")
def model(learned: Path) -> Path:
    return learned / "models" / (learned / "models" / "current").read_text().strip()


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """300 inputs with words; two thirds have a picture."""
    folder, rng = tmp_path_factory.mktemp("pictures"), random.Random(4)
    rows = []
    for number in range(300):
        row, image = product(rng, number), folder / f"{number}.png"
        if number % 3:
            Image.new("RGB", (40, 60), (number % 256, 90, 160)).save(image)
        picture = str(image) if number % 3 else None
        rows.append({"input_hash": f"h{number}", "title": row["title"], "description": "", "image": picture})
    empty = dict.fromkeys(("brand", "vendor_category", "attributes", "vendor"), pl.lit(None, pl.String))
    return pl.DataFrame(rows).with_columns(**empty)


@pytest.fixture(scope="module")
def early(model: Path, items: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    """The shared bundle with a bar that the surer half of the items reaches by their words."""
    words = Classifier.open(model).predict(items.with_columns(image=pl.lit(None, pl.String)))
    folder = tmp_path_factory.mktemp("early") / "bundle"
    shutil.copytree(model, folder)
    calibration = json.loads((folder / "calibration.json").read_text())
    rule = EarlyExit(float(words["log_odds"].median()))
    (folder / "calibration.json").write_text(json.dumps(calibration | rule.to_dict()))
    return Classifier.open(folder, verify=False)


@pytest.mark.train
def test_every_answer_is_that_of_its_stage(model: Path, early: Classifier, items: pl.DataFrame) -> None:
    plain = Classifier.open(model)
    full = plain.predict(items)
    words = plain.predict(items.with_columns(image=pl.lit(None, pl.String)))
    found = early.predict(items)
    assert set(found["stage"]) <= set(STAGES)
    left = (found["stage"] == "text").to_numpy()
    assert 60 < left.sum() < 140, "about half of those with a picture"
    for column in ("leaf_id", "chain_ids", "has_image"):
        expected = pl.select(pl.when(pl.Series(left)).then(words[column]).otherwise(full[column])).to_series()
        assert found[column].to_list() == expected.to_list()
    assert (found["image_status"] == "not_read").to_numpy().tolist() == left.tolist()
    shown = items["image"].is_not_null().to_numpy()
    sure = words["log_odds"].to_numpy() >= early.bundle.early_exit.bar
    looked = checked(items["input_hash"].to_list())
    assert left.tolist() == (shown & sure & ~looked).tolist()
    agree = (full["leaf_id"] == words["leaf_id"]).to_numpy()
    as_check = np.where(agree, "checked", "contradicted")[shown & sure & looked]
    assert found["stage"].to_numpy()[shown & sure & looked].tolist() == as_check.tolist()


@pytest.mark.train
def test_leaving_depends_on_the_item_alone(early: Classifier, items: pl.DataFrame) -> None:
    straight = early.predict(items)
    mixed = items.sample(fraction=1.0, shuffle=True, seed=1)
    parts = [early.predict(mixed.slice(start, 37)) for start in range(0, mixed.height, 37)]
    other = items.select("input_hash").join(pl.concat(parts), on="input_hash", how="left", maintain_order="left")
    assert other.select("leaf_id", "stage").equals(straight.select("leaf_id", "stage"))


@pytest.mark.train
def test_a_picture_that_is_not_needed_is_not_opened(early: Classifier, items: pl.DataFrame) -> None:
    before = early.predict(items)
    gone = pl.select(
        pl.when(before["stage"] == "text").then(pl.lit("/nowhere/") + items["input_hash"]).otherwise(items["image"])
    ).to_series()
    after = early.predict(items.with_columns(image=gone))
    assert after.equals(before)


@pytest.mark.train
def test_a_picture_that_was_not_read_explains_nothing(early: Classifier, items: pl.DataFrame) -> None:
    stage = early.predict(items)["stage"]
    read = as_read(early, items, embeddings=MemoryEmbeddings())
    assert read["image"].is_null().to_list() == ((stage == "text") | items["image"].is_null()).to_list()
    explained = occlude(early, items.filter(stage == "text").head(3), embeddings=MemoryEmbeddings())
    assert [one.picture_share for one in explained] == [0.0] * 3


def test_a_share_is_read_all_the_same() -> None:
    share = checked([f"item {n}" for n in range(20_000)]).mean()
    assert 0.045 < share < 0.055
