"""Encoders by name: any checkpoint of open_clip, trained on, exported, served, and equal to open_clip's own answer."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="needs the extra `train`")

import open_clip  # noqa: E402

from catalog.errors import CatalogError  # noqa: E402
from catalog.inference.classifier import Classifier  # noqa: E402
from catalog.inference.inputs import tower_texts  # noqa: E402
from catalog.learning import agreement, training  # noqa: E402
from catalog.learning.encoding import encode  # noqa: E402
from catalog.learning.network import encoder_for  # noqa: E402
from catalog.learning.training_settings import TrainingSettings  # noqa: E402
from catalog.taxonomies.taxonomy import from_paths  # noqa: E402
from tests import tiny_checkpoints  # noqa: E402
from tests.conftest import SHELVES, product  # noqa: E402

pytestmark = pytest.mark.train
BUILDS = [tiny_checkpoints.native, tiny_checkpoints.hugging, tiny_checkpoints.whole_length]
# The third differs from the first by its inputs alone, which need no export to be compared; exports take seconds.
EXPORTED = [*BUILDS[:2], pytest.param(BUILDS[2], marks=pytest.mark.slow)]


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """80 labelled products, most with a picture, titles with marks and capitals; two of three are trained on."""
    folder, rng = tmp_path_factory.mktemp("pictures"), random.Random(5)
    rows = []
    for number in range(80):
        row = product(rng, number)
        image = folder / f"{number}.png"
        if number % 8:
            pixels = np.random.default_rng(number).integers(0, 256, (40, 30 + number, 3), np.uint8)
            Image.fromarray(pixels).save(image)
        kept = {name: row[name] for name in ("title", "description", "brand")}
        kept["title"] = f"{row['title'].title()}!, {'Größe 38½ - ' * (number % 3)}"
        picture = str(image) if number % 8 else None
        split = "early_stopping" if number % 3 == 0 else "train"
        rows.append(
            kept | {"input_hash": f"h{number}", "image": picture, "category_id": row["category_path"], "split": split}
        )
    empty = dict.fromkeys(("vendor_category", "attributes"), pl.lit(None, pl.String))
    return pl.DataFrame(rows, schema_overrides={"image": pl.String}).with_columns(**empty)


def settings(encoder: str, **changed: int) -> TrainingSettings:
    values = {
        "finetune_epochs": 0,
        "unfreeze_blocks": 1,
        "threads": 1,
        "text_tokens": 77,
    }
    return TrainingSettings(encoder=encoder, **{**values, **changed})


def own_answer(name: str, frame: pl.DataFrame) -> np.ndarray:
    """What open_clip itself makes of the texts and pictures; zeros where there is no picture."""
    model, _, preprocess = open_clip.create_model_and_transforms(name)
    model.eval()
    texts = open_clip.get_tokenizer(name)(tower_texts(frame, encoder_for(settings(name)).rules))
    pictures = [preprocess(Image.open(path)) if path else None for path in frame["image"]]
    with torch.inference_mode():
        text = model.encode_text(texts, normalize=True)
        image = torch.zeros(len(pictures), text.shape[1])
        for row, pixels in enumerate(pictures):
            if pixels is not None:
                image[row] = model.encode_image(pixels[None], normalize=True)[0]
    return torch.cat([text, image], dim=1).numpy()


@pytest.mark.parametrize("build", EXPORTED, ids=lambda build: build.__name__)
def test_what_serves_is_what_open_clip_computes(
    build: Callable[[Path], str], items: pl.DataFrame, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    name, bundle = build(tmp_path / "checkpoint"), tmp_path / "bundle"
    bundle.mkdir()
    training.train(items, from_paths(list(SHELVES)), settings(name), bundle)
    classifier = Classifier.open(bundle, verify=False)
    served = items.head(20)
    assert np.abs(classifier.embed(served) - own_answer(name, served)).max() < 1e-4
    found = classifier.predict(served)
    assert found["leaf_id"].is_in(list(SHELVES)).all()
    assert np.isfinite(found["log_odds"].to_numpy()).all()


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.__name__)
def test_towers_cut_in_two_answer_like_open_clip(
    build: Callable[[Path], str], items: pl.DataFrame, tmp_path: Path
) -> None:
    torch.manual_seed(2)
    name, few = build(tmp_path), items.slice(1, 7)
    encoder = encoder_for(settings(name))
    agreement.check(encoder, tower_texts(few, encoder.rules), few["image"].to_list())
    data = encode(few, encoder, (np.full(1 << 20, -1), np.empty(0, np.float32)), torch.zeros(7, 1), lambda *_: None)
    expected = torch.from_numpy(own_answer(name, few))
    # What training keeps may be computed in half precision; what is exported never is.
    assert (torch.cat([data.text, data.image], dim=1) - expected).abs().max() < 0.02
    rows = np.flatnonzero(data.present.all(1).numpy())
    with torch.inference_mode():
        exact = [encoder.text(data.texts.inputs(rows)), encoder.image(data.pixels.inputs(rows))]
    assert (torch.cat(exact, dim=1) - expected[rows]).abs().max() < 1e-5


def test_a_checkpoint_is_tuned_from_the_top_down(tmp_path: Path) -> None:
    encoder = encoder_for(settings(tiny_checkpoints.native(tmp_path)))
    text, image = encoder.text.depth_groups(), encoder.image.depth_groups()
    for tower, groups in ((encoder.text, text), (encoder.image, image)):
        names = {id(parameter): name for name, parameter in tower.named_parameters()}
        top, block = ([names[id(parameter)] for parameter in group] for group in groups)
        assert any("proj" in name for name in top)
        assert all("resblocks.1." in name for name in block)
    assert encoder_for(settings(f"local-dir:{tmp_path}", unfreeze_blocks=0)).text.depth_groups() == []


@pytest.mark.parametrize("pickled", ["open_clip_pytorch_model.bin", "more.pt"])
def test_pickled_weights_are_refused(tmp_path: Path, pickled: str) -> None:
    name = tiny_checkpoints.native(tmp_path)
    (tmp_path / pickled).write_bytes(b"anything")
    with pytest.raises(CatalogError, match=f"holds {pickled}"):
        encoder_for(settings(name))


def test_a_tokenizer_that_cannot_be_written_down_is_refused_by_name(tmp_path: Path) -> None:
    name = tiny_checkpoints.hugging(tmp_path)
    file = tmp_path / "open_clip_config.json"
    content = json.loads(file.read_text())
    content["model_cfg"]["text_cfg"]["tokenizer_mode"] = "clips"
    file.write_text(json.dumps(content))
    with pytest.raises(CatalogError, match=f"The tokenizer of {name} is a HFTokenizer in a mode of its own") as refused:
        encoder_for(settings(name))
    assert "--compare-encoders" in refused.value.remedy


@pytest.mark.parametrize(
    "name", ["ViT-B-32/no-such-weights", "no-such-network", "local-dir:relative", "local-dir:/nowhere/at/all"]
)
def test_a_name_that_leads_nowhere_says_what_to_write(name: str) -> None:
    with pytest.raises(CatalogError) as refused:
        encoder_for(settings(name))
    assert name.removeprefix("local-dir:") in str(refused.value)
    assert refused.value.remedy
