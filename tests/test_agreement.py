"""Our preprocessing against open_clip's, and the refusal when they part."""

from dataclasses import replace

import numpy as np
import open_clip
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from catalog.errors import CatalogError
from catalog.learning import agreement
from catalog.learning.network import tiny_encoder
from catalog.learning.training_settings import TrainingSettings
from catalog.pictures.images import ImageRules, fit

TEXTS = ["Red shoe, size 42", "", "Curly “quotes” &amp; Größe 38½", "一双鞋", "word " * 300]


@pytest.fixture(scope="module")
def encoder():
    return tiny_encoder(TrainingSettings(encoder_text="tiny", image_size=32))


def picture(folder, width, height):
    pixels = np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)
    file = folder / f"{width}x{height}.png"
    Image.fromarray(pixels).save(file)
    return str(file)


@given(
    width=st.integers(1, 90),
    height=st.integers(1, 90),
    size=st.integers(8, 48),
    mode=st.sampled_from(["squash", "shortest", "longest"]),
    interpolation=st.sampled_from(["bicubic", "bilinear"]),
)
def test_pictures_are_fitted_as_open_clip_fits_them(width, height, size, mode, interpolation):
    if mode == "longest" and size * min(width, height) <= max(width, height):
        return  # open_clip fails on a picture that would be less than a pixel wide; ours keeps one
    rgb = Image.fromarray(np.random.default_rng(5).integers(0, 256, (height, width, 3), np.uint8))
    rules = ImageRules(size, mode, interpolation)
    transform = open_clip.transform.image_transform(
        size,
        is_train=False,
        mean=rules.mean,
        std=rules.std,
        resize_mode=mode,
        interpolation=interpolation,
        fill_color=255,
    )
    theirs = (transform(rgb).numpy().transpose(1, 2, 0) * 0.5 + 0.5) * 255
    assert np.abs(theirs - fit(rgb, rules)).max() < 0.01


def test_what_was_compared_is_reported(encoder, tmp_path):
    found = agreement.check(encoder, TEXTS, [picture(tmp_path, 50, 31), None, str(tmp_path / "gone.png")])
    assert found["texts_compared"] == len(TEXTS)
    assert found["pictures_compared"] == 1
    assert found["pixel_difference"] < 1e-5


def test_another_tokenizer_is_refused(encoder):
    other = encoder.tokenizer.replace('"lowercase":true', '"lowercase":false').replace(
        '"lowercase": true', '"lowercase": false'
    )
    assert other != encoder.tokenizer
    with pytest.raises(CatalogError, match="different ids for 'Red shoe"):
        agreement.check(replace(encoder, tokenizer=other), TEXTS, [])


def test_other_pixels_are_refused(encoder, tmp_path):
    rules = replace(encoder.rules, image=replace(encoder.rules.image, mode="squash"))
    with pytest.raises(CatalogError, match="differs from open_clip's"):
        agreement.check(replace(encoder, rules=rules), [], [picture(tmp_path, 50, 20)])
