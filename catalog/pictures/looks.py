"""A few numbers that say how a picture looks, cheap enough for a sample of every delivery."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from catalog.pictures.images import FORMATS, ImageRules, file_bytes, upright_rgb

_SIDE = 128  # pixels that a picture is reduced to before it is looked at


@dataclass(frozen=True)
class Look:
    """`brightness`: mean grey level, 0 to 255. `sharpness`: mean absolute difference of neighbouring pixels from the mean
    of their neighbours, in grey levels. `pixels`: of the picture as it came."""

    brightness: float
    sharpness: float
    pixels: int


def look(path: str | None) -> Look | None:
    """How a picture file looks; None where there is none to look at. Never raises on what a vendor may deliver."""
    data = file_bytes(path)
    rgb = upright_rgb(data, ImageRules(_SIDE)) if data is not None else None
    if rgb is None or data is None:
        return None
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        pixels = image.width * image.height
    grey = np.asarray(rgb.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BILINEAR), np.float64)
    inner = 4 * grey[1:-1, 1:-1] - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]
    return Look(round(float(grey.mean()), 3), round(float(np.abs(inner).mean()) / 4, 4), pixels)
