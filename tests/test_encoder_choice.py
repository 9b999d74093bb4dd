"""Ranking encoders: on products that certify nothing, by a probe that finds what is there, without training anything."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from typer.testing import CliRunner

torch = pytest.importorskip("torch", reason="needs the extra `train`")

from catalog.errors import CatalogError  # noqa: E402
from catalog.jobs import quiet  # noqa: E402
from catalog.learning import encoder_choice, examples, weights  # noqa: E402
from catalog.learning.encoder_choice import Ranked, Sample, choice, sample, table  # noqa: E402
from catalog.learning.training_settings import TrainingSettings  # noqa: E402
from catalog.taxonomies.versions import latest_taxonomy  # noqa: E402
from pipelines.cli import app  # noqa: E402
from pipelines.session import opened  # noqa: E402
from tests import tiny_checkpoints  # noqa: E402

pytestmark = pytest.mark.train
TINY = TrainingSettings(encoder_text="tiny", encoder_image="tiny", image_size=32, text_tokens=16, threads=1)


@pytest.fixture(scope="module")
def known(taught: Path) -> pl.DataFrame:
    with opened(taught) as session:
        return examples.labelled(session.store, latest_taxonomy(session.store), seed=7)


def test_products_that_calibrate_are_never_drawn(known: pl.DataFrame) -> None:
    assert {"calibration", "temperature"} <= set(known["split"])
    found = sample(known, learn=2000, held_out=1000, seed=1)
    assert set(found.frame["split"]) <= {"train", "early_stopping"}
    assert found.frame["cluster"].is_unique().all()
    assert found.frame.height - found.learned <= found.frame.height // 3
    assert set(found.frame["category_id"][found.learned :]) <= set(found.frame["category_id"][: found.learned])


def test_too_few_products_say_so(known: pl.DataFrame) -> None:
    with pytest.raises(CatalogError, match="too few to compare"):
        sample(known.head(30), learn=2000, held_out=1000, seed=1)


def test_the_probe_finds_what_the_vectors_hold() -> None:
    rng = np.random.default_rng(0)
    label = np.arange(300) % 5
    found = Sample(pl.DataFrame(), label, 200)
    signal = np.eye(5)[label] + rng.normal(0, 0.2, (300, 5))
    assert encoder_choice._right(signal, found).mean() > 0.95
    assert encoder_choice._right(rng.normal(0, 1, (300, 5)), found).mean() < 0.4
    assert (encoder_choice._right(np.zeros((300, 5)), found) == (label[200:] == 0)).all()


def ranked(name: str, right: list[bool], speed: float) -> Ranked:
    return Ranked({"encoder": name}, np.array(right), np.array([], bool), np.array(right), 1.0, speed)


def test_the_fastest_that_is_as_good_is_proposed() -> None:
    best = ranked("best", [True] * 95 + [False] * 5, 10)
    as_good = ranked("as good", [True] * 94 + [False] * 6, 20)
    worse = ranked("worse", [True] * 60 + [False] * 40, 90)
    assert choice([best, as_good, worse]).setting == {"encoder": "as good"}
    text = table([best, as_good, worse], Sample(pl.DataFrame(), np.zeros(300), 200))
    assert text.endswith('[training]\nencoder = "as good"')
    assert "best     95.0% (88.8%-97.8%)  -" in text


def painted(frame: pl.DataFrame, folder: Path) -> pl.DataFrame:
    """With a picture for every second product, its brightness telling the shelf."""
    shelf = frame["category_id"].rank("dense").to_list()
    for row in range(0, frame.height, 2):
        Image.new("RGB", (20, 30), (30 * shelf[row], 255 - 30 * shelf[row], 90)).save(folder / f"{row}.png")
    paths = [str(folder / f"{row}.png") if row % 2 == 0 else None for row in range(frame.height)]
    return frame.with_columns(image=pl.Series(paths, dtype=pl.String))


def test_text_and_picture_are_judged_apart_and_together(known: pl.DataFrame, tmp_path: Path) -> None:
    torch.manual_seed(0)
    other = TrainingSettings(encoder=tiny_checkpoints.native(tmp_path), text_tokens=16, threads=1)
    drawn = sample(known, learn=120, held_out=60, seed=1)
    found = replace(drawn, frame=painted(drawn.frame, tmp_path))
    result = encoder_choice.compare(found, [TINY, other], quiet)
    assert {tuple(one.setting.values()) for one in result} == {("tiny", "tiny"), (other.encoder,)}
    judged = found.frame[found.learned :]
    for one in result:
        assert len(one.right) == len(one.right_text) == judged.height
        assert len(one.right_image) == judged["image"].is_not_null().sum() > 10
        assert one.megabytes > 0
        assert one.items_per_second > 0
    assert result[0].right.mean() >= result[1].right.mean() > 0.2, "eight shelves: words tell them even untrained"
    assert max(one.right_image.mean() for one in result) > 0.5, "eight shelves: so does colour"


def test_candidates_are_all_that_is_installed_and_what_is_configured() -> None:
    found = encoder_choice.candidates(TINY)
    assert found[-1] == TINY
    assert len(found) - 1 == 2 * sum(weights.installed(tower) for tower in weights.TEXT.values())
    configured = replace(TINY, encoder_text="all-MiniLM-L6-v2", encoder_image="efficientnet-lite0")
    assert encoder_choice.candidates(configured).count(configured) == 1


def test_the_command_ranks_and_trains_nothing(taught: Path, tmp_path: Path) -> None:
    place = Path(shutil.copytree(taught, tmp_path / "ws"))
    result = CliRunner().invoke(app, ["train", "--compare-encoders", "--limit", "100", "--workspace", str(place)])
    assert result.exit_code == 0, result.output
    for name in ("all-MiniLM-L6-v2 + efficientnet-lite2", "tiny + tiny", "Write into catalog.toml"):
        assert name in result.output
    assert not list((place / "models").iterdir())
