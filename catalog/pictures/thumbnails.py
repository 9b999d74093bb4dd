"""Pictures for people to look at: decoded and encoded anew, so that no byte a vendor sent reaches a browser."""

import hashlib
import io

import numpy as np
from PIL import Image

from catalog.pictures.images import ImageRules, file_bytes, upright_rgb

MEDIA_TYPE = "image/jpeg"
_QUALITY = 85


def thumbnail(path: str | None, sha256: str | None, side: int) -> bytes | None:
    """A picture file as JPEG whose longer side has at most `side` pixels; None when there is nothing to show.

    A file whose content is no longer the one named by `sha256` is not shown: it may be another product's by now.
    """
    content = file_bytes(path)
    if content is None or sha256 is None or hashlib.sha256(content).hexdigest() != sha256:
        return None
    rgb = upright_rgb(content, ImageRules(size=side))
    return None if rgb is None else _encoded(rgb, side)


def _encoded(rgb: Image.Image, side: int) -> bytes:
    if max(rgb.size) > side:
        rgb.thumbnail((side, side), Image.Resampling.LANCZOS)
    # Made of pixels alone: comments, profiles and whatever else the file carried stay behind.
    bare = Image.fromarray(np.asarray(rgb))
    written = io.BytesIO()
    bare.save(written, "JPEG", quality=_QUALITY)
    return written.getvalue()
