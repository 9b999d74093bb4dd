"""Whether our preprocessing gives what open_clip's own would. Asked once, at export, of real products."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from catalog.errors import CatalogError
from catalog.inference.inputs import TextTokenizer
from catalog.learning.network import Encoder
from catalog.pictures.images import ImageRules, file_bytes, fit, upright_rgb

PIXEL_TOLERANCE = 2 / 255  # of the full range


def check(encoder: Encoder, texts: Sequence[str], pictures: Sequence[str | None]) -> dict[str, float]:
    """How many texts and pictures were compared, and the largest difference of a pixel as a share of the full range.

    Texts are compared after open_clip's clean-up and pictures after our decoding: the clean-up (named in
    preprocess.json) and the decoding (transparency on white, 16-bit tones) are ours on purpose.
    Raises CatalogError when token ids differ, or pixels by more than `PIXEL_TOLERANCE`.
    """
    cleaned = [encoder.reference_clean(text) for text in texts]
    if cleaned:
        _check_ids(encoder, cleaned)
    opened = [upright_rgb(data, encoder.rules.image) for path in pictures if (data := file_bytes(path)) is not None]
    worst = max((_pixel_difference(encoder, rgb) for rgb in opened if rgb is not None), default=0.0)
    if worst > PIXEL_TOLERANCE:
        raise CatalogError(
            f"Our preprocessing of pictures differs from open_clip's by {worst * 255:.1f} of 255 (allowed 2).",
            remedy="Install the versions of open_clip and Pillow named in pyproject.toml, or report this encoder.",
        )
    return {"texts_compared": len(cleaned), "pictures_compared": len(opened), "pixel_difference": worst}


def _check_ids(encoder: Encoder, texts: list[str]) -> None:
    tokenizer = TextTokenizer(encoder.tokenizer, encoder.rules)
    for text, ours, row in zip(texts, tokenizer.encode(texts), encoder.reference_ids(texts).numpy(), strict=True):
        # Compared as far as ours go; what open_clip has beyond that must be padding.
        if list(row[: len(ours)]) != list(ours) or (row[len(ours) :] != encoder.rules.pad_id).any():
            raise CatalogError(
                f"tokenizer.json and open_clip's tokenizer give different ids for {text[:60]!r}.",
                remedy=f"The tokenizer of {encoder.name} cannot be served; choose another encoder.",
            )


def _pixel_difference(encoder: Encoder, rgb: Image.Image) -> float:
    rules: ImageRules = encoder.rules.image
    reference = encoder.reference_pixels(rgb).numpy().transpose(1, 2, 0)
    full = reference * np.array(rules.std, np.float32) + np.array(rules.mean, np.float32)
    return float(np.abs(full - fit(rgb, rules).astype(np.float32) / 255).max())
