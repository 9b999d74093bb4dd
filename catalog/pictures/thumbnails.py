"""Small pictures for people to look at: decoded as safely as for the model, and encoded anew."""

import io

from PIL import Image

from catalog.pictures.images import ImageRules, file_bytes, upright_rgb

SIDE = 96  # pixels of the longer side
_QUALITY = 70


def thumbnail(path: str | None, side: int = SIDE) -> bytes | None:
    """A picture file as a small JPEG of our own, a few kilobytes; None where there is no picture to show.

    Nothing of a vendor's bytes is passed on: no metadata, no second image behind the first.
    """
    data = file_bytes(path)
    rgb = None if data is None else upright_rgb(data, ImageRules(side))
    if rgb is None:
        return None
    rgb.thumbnail((side, side), Image.Resampling.LANCZOS)
    encoded = io.BytesIO()
    Image.frombytes("RGB", rgb.size, rgb.tobytes()).save(encoded, "JPEG", quality=_QUALITY, optimize=True)
    return encoded.getvalue()
