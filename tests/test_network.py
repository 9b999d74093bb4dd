"""Encoders by name: any checkpoint of open_clip, trained on, exported, served, and equal to open_clip's own answer."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="needs the extra `train`")

import open_clip  # noqa: E402

from catalog import training  # noqa: E402
from catalog.classifier import Classifier  # noqa: E402
from catalog.inputs import tower_texts  # noqa: E402
from catalog.network import encoder_for  # noqa: E402
from catalog.taxonomy import from_paths  # noqa: E402
from catalog.training_settings import TrainingSettings  # noqa: E402
from tests import tiny_checkpoints  # noqa: E402
from tests.conftest import SHELVES, product  # noqa: E402

pytestmark = pytest.mark.train
BUILDS = [tiny_checkpoints.native, tiny_checkpoints.whole_length, tiny_checkpoints.hugging]


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
        "probe_epochs": 2,
        "hidden": 16,
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


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.__name__)
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
