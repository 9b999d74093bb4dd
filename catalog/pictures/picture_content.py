"""Whether bytes are a picture this program can use, told from their structure; decoding is done where it is needed."""

import io
import warnings

from PIL import Image

from catalog.pictures.images import FORMATS, MAX_PIXELS

MIN_SIDE = 2  # a 1x1 picture is a tracking pixel or a placeholder
_PNG_END = b"IEND\xaeB`\x82"
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, b"\xff\xd9"
_STANDALONE = {0x01, *range(0xD0, 0xD9)}  # JPEG markers without a length
_WORKING_SIZE = (64, 64)


def fault(content: bytes) -> str | None:
    """Why these bytes are no usable picture, as one code; None when they are one.

    not_an_image (nothing Pillow reads as one of FORMATS: SVG and EPS too), too_many_pixels, too_small, truncated.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
                (width, height), kind = picture.size, picture.format
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        return "too_many_pixels"
    except Exception:  # any complaint counts: what a decoder says of a hostile file is not foreseeable
        return "not_an_image"
    if width * height > MAX_PIXELS:
        return "too_many_pixels"
    if min(width, height) < MIN_SIDE:
        return "too_small"
    # A PNG may lack no more than its end mark: what looks cut is decoded to know.
    return "truncated" if _looks_cut(content, kind or "") and not _decodes(content) else None


def _looks_cut(content: bytes, kind: str) -> bool:
    if kind in ("JPEG", "MPO"):
        return content.find(_END_OF_IMAGE, _first_scan(content)) < 0
    return kind == "PNG" and _PNG_END not in content


def _first_scan(content: bytes) -> int:
    """Where the first scan of a JPEG begins, past a thumbnail with an end mark of its own; the length when there is none."""
    place = 2
    while place + 4 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker == _START_OF_SCAN:
            return place
        if marker == 0xFF:  # fill byte
            place += 1
        elif marker in _STANDALONE:
            place += 2
        else:
            place += 2 + int.from_bytes(content[place + 2 : place + 4], "big")
    return len(content)


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
