"""Whether bytes are a picture this program can use, told from their structure; decoding is done where it is needed."""

import io
import warnings

from PIL import Image

from catalog.pictures.images import FORMATS, first_scan, too_large

MIN_SIDE = 2  # a 1x1 picture is a tracking pixel or a placeholder
_PNG_END = b"IEND\xaeB`\x82"
_END_OF_IMAGE = b"\xff\xd9"
_WORKING_SIZE = (64, 64)


def fault(content: bytes) -> str | None:
    """Why these bytes are no usable picture, as one code; None when they are one.

    not_an_image (nothing Pillow reads as one of FORMATS: SVG and EPS too), too_many_pixels (also as a JPEG of
    hundreds of scans), too_small, truncated.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
                (width, height), kind, large = picture.size, picture.format, too_large(picture, content)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        return "too_many_pixels"
    except Exception:  # any complaint counts: what a decoder says of a hostile file is not foreseeable
        return "not_an_image"
    if large:
        return "too_many_pixels"
    if min(width, height) < MIN_SIDE:
        return "too_small"
    # A PNG may lack no more than its end mark: what looks cut is decoded to know.
    return "truncated" if _looks_cut(content, kind or "") and not _decodes(content) else None


def _looks_cut(content: bytes, kind: str) -> bool:
    if kind in ("JPEG", "MPO"):
        return content.find(_END_OF_IMAGE, first_scan(content)) < 0
    return kind == "PNG" and _PNG_END not in content


def _decodes(content: bytes) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
                picture.draft(None, _WORKING_SIZE)
                picture.load()
    except Exception:  # as above
        return False
    return True
