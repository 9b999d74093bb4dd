"""An explanation as one HTML file, with the picture under a heat map. No scripts, nothing from outside, all of it escaped."""

import base64
import io
from functools import cache

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from catalog.watch.explanation import Explanation, share

_SIDE = 320  # pixels of the picture on the page
_STRONGEST = 0.6  # how much of a square the strongest colour covers
_FULL = 2.0  # log-odds at which a word has the full colour
_FAINT = 0.2  # log-odds of the strongest square below which its colour is fainter
_FOR, _AGAINST = (44, 160, 120), (200, 60, 50)


def page(found: Explanation, pixels: np.ndarray | None) -> str:
    """The page; `pixels` uint8 (size, size, 3) are what the model sees of the picture, None where it sees none."""
    picture = None
    if pixels is not None and found.seen and found.seen.regions:
        picture = base64.b64encode(heat_map(pixels, np.array(found.seen.regions))).decode()
    return _environment().get_template("explanation.html").render(e=found, picture=picture, share=share, tint=_tint)


def heat_map(pixels: np.ndarray, regions: np.ndarray) -> bytes:
    """A JPEG of a picture (size, size, 3) under the colours of its squares (rows, columns), the strongest one full.

    Where all squares together carry next to nothing, the picture stays as it is.
    """
    scaled = regions / max(float(np.abs(regions).max()), _FAINT)
    size = (_SIDE, _SIDE)
    # smooth between the squares: their edges are the grid's, not the picture's
    alpha = Image.fromarray((255 * _STRONGEST * np.abs(scaled)).astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
    colours = np.where((scaled >= 0)[..., None], _FOR, _AGAINST).astype(np.uint8)
    colour = Image.fromarray(colours).resize(size, Image.Resampling.NEAREST)
    shown = Image.composite(colour, Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC), alpha)
    encoded = io.BytesIO()
    shown.save(encoded, "JPEG", quality=85)
    return encoded.getvalue()


def _tint(log_odds: float) -> str:
    """What stands in rgba(): the colour by the sign, its strength by the size."""
    return f"var(--{'for' if log_odds >= 0 else 'against'}), {min(1.0, abs(log_odds) / _FULL) * 0.55:.2f}"


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("catalog.watch"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
