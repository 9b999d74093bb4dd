"""Pictures for people to look at: decoded as safely as for the model, and encoded anew."""

import hashlib
import io

from PIL import Image

from catalog.pictures.images import ImageRules, file_bytes, upright_rgb

MEDIA_TYPE = "image/jpeg"
SIDE = 96  # pixels of the longer side, on a sheet
_QUALITY = {True: 70, False: 85}  # of pictures no larger than that, of larger ones


def thumbnail(path: str | None, side: int = SIDE, *, sha256: str | None = None) -> bytes | None:
    """A picture file as a JPEG of our own whose longer side has at most `side` pixels; None where there is none to show.

    Nothing of a vendor's bytes is passed on: no metadata, no second image behind the first. With `sha256`, a file whose
    content is another by now is not shown: it may be another product's.
    """
    data = file_bytes(path)
    if data is None or (sha256 is not None and hashlib.sha256(data).hexdigest() != sha256):
        return None
    rgb = upright_rgb(data, ImageRules(side))
    if rgb is None:
        return None
    rgb.thumbnail((side, side), Image.Resampling.LANCZOS)
    encoded = io.BytesIO()
    bare = Image.frombytes("RGB", rgb.size, rgb.tobytes())
    bare.save(encoded, "JPEG", quality=_QUALITY[side <= SIDE], optimize=True)
    return encoded.getvalue()
