"""From a picture file to the image tower's input: one decoding and preprocessing for training and serving.

A bad picture is data, never an exception: it counts as missing and says so.
"""

import hashlib
import io
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

Status = Literal["used", "missing", "unreadable"]
Reduction = Literal["square", "fitted"]
# What product pictures come in. Others stay closed: Pillow starts Ghostscript for EPS.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF")
MAX_PIXELS = 50_000_000
MAX_BYTES = 64 * 1024 * 1024
# What decoding a JPEG may cost: each of its scans, of a few bytes, goes over all of the picture once more.
MAX_PIXELS_OF_SCANS = 20 * MAX_PIXELS
_ORIENTATION_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_INTERPOLATION = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
_WHITE = (255, 255, 255)
_SCAN, _START_OF_SCAN = b"\xff\xda", 0xDA
_STANDALONE = {0x01, *range(0xD0, 0xD9)}  # JPEG markers without a length
_MARKER = re.compile(rb"\xff+[^\x00\x01\xd0-\xd7\xff]")  # one that ends the compressed bytes of a scan


@dataclass(frozen=True)
class ImageRules:
    """How a decoded picture becomes a tensor; part of the bundle (preprocess.json).

    `mode`: squash (ignore the aspect), shortest (centre crop) or longest (pad with white), as open_clip names them.
    `reduction`: how far a large picture is reduced while it is decoded: "fitted" to no less than what it is fitted to,
    "square" (JPEG only, bundles of before) to no less than twice the square.
    """

    size: int
    mode: str = "squash"
    interpolation: str = "bicubic"
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    reduction: Reduction = "fitted"

    def to_dict(self) -> dict:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "ImageRules":
        """The rules written by `to_dict`; those of before name no reduction."""
        both = {"mean": tuple(values["mean"]), "std": tuple(values["std"])}
        return cls(**{"reduction": "square", **values, **both})


@dataclass(frozen=True)
class Picture:
    """One picture, read. `key` is the sha256 of the file's bytes; `pixels` uint8 (size, size, 3) when it was used."""

    status: Status
    key: str | None = None
    pixels: np.ndarray | None = None


def file_bytes(path: str | None) -> bytes | None:
    """The bytes of a picture file; None when there is no path, no such file, or it is larger than `MAX_BYTES`."""
    if not path:
        return None
    try:
        file = Path(path)
        return file.read_bytes() if file.stat().st_size <= MAX_BYTES else None
    except (OSError, ValueError):
        return None


def read_picture(path: str | None, rules: ImageRules) -> Picture:
    """Reads, decodes and fits one picture. Never raises on what a vendor may deliver."""
    if not path:
        return Picture("missing")
    data = file_bytes(path)
    if data is None:
        return Picture("missing" if not _exists(path) else "unreadable")
    key = hashlib.sha256(data).hexdigest()
    pixels = decode(data, rules)
    return Picture("unreadable", key) if pixels is None else Picture("used", key, pixels)


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):
        return False


def too_large(image: Image.Image, data: bytes) -> bool:
    """True of a picture, opened and not yet decoded, that would take too much memory or time to decode."""
    pixels = image.width * image.height
    if pixels > MAX_PIXELS or image.format not in ("JPEG", "MPO"):
        return pixels > MAX_PIXELS
    if pixels * data.count(_SCAN) <= MAX_PIXELS_OF_SCANS:  # no more of them, found at a hundredth of the cost
        return False
    return pixels * scans(data, MAX_PIXELS_OF_SCANS // pixels + 1) > MAX_PIXELS_OF_SCANS


def scans(data: bytes, most: int) -> int:
    """How many scans a JPEG has, counted up to `most`; those of a thumbnail or of a picture behind it are none."""
    place, found = first_scan(data), 0
    while place < len(data) and found < most:
        if data[place + 1] == _START_OF_SCAN:
            found += 1
            after = _MARKER.search(data, place + 2)
            place = _segment(data, after.end() - 2) if after else len(data)
        else:
            place = _next_segment(data, place)
    return found


def first_scan(data: bytes) -> int:
    """Where the first scan of a JPEG begins, past a thumbnail with an end mark of its own; the length when there is none."""
    place = _segment(data, 2)
    while place < len(data) and data[place + 1] != _START_OF_SCAN:
        place = _next_segment(data, place)
    return place


def _next_segment(data: bytes, place: int) -> int:
    """Where the segment after the one at `place` begins; the length where none does, as behind the end mark."""
    marker = data[place + 1]
    if marker == 0xFF:  # fill byte
        place += 1
    elif marker == 0xD9:
        return len(data)
    elif marker in _STANDALONE:
        place += 2
    else:
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return _segment(data, place)


def _segment(data: bytes, place: int) -> int:
    """The place, where a segment may begin there; else the length."""
    return place if place + 4 <= len(data) and data[place] == 0xFF else len(data)


def decode(data: bytes, rules: ImageRules) -> np.ndarray | None:
    """uint8 (size, size, 3) of an encoded picture; None when it cannot be decoded or has too many pixels."""
    image = upright_rgb(data, rules)
    return None if image is None else fit(image, rules)


def upright_rgb(data: bytes, rules: ImageRules) -> Image.Image | None:
    """An encoded picture as RGB, turned as its EXIF says, transparency on white; None where `decode` says None."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if too_large(image, data):
                return None
            least = _least_size(image, rules)
            image.draft(None, least)
            image.decodermaxblock = max(image.decodermaxblock, len(data))  # in one piece: it lies in memory already
            rgb = _on_white(_upright(image))
            rgb.load()  # an RGB picture is read lazily, and its bytes are closed here
            return rgb if rules.reduction == "square" else _reduced(rgb, rules)
    except (
        Exception
    ):  # decoders raise anything on broken bytes (struct, zlib, SyntaxError, MemoryError): data, not a bug
        return None


def _least_size(image: Image.Image, rules: ImageRules) -> tuple[int, int]:
    """Width and height below which nothing is reduced while it is decoded: the last step is `fit`."""
    if rules.reduction == "square":
        return 2 * rules.size, 2 * rules.size
    return _fitted(image.width, image.height, rules)


def _reduced(rgb: Image.Image, rules: ImageRules) -> Image.Image:
    """Averaged over squares of whole pixels: fitting a picture costs as much as reading it, and grows with its size."""
    width, height = _least_size(rgb, rules)
    times = min(rgb.width // width, rgb.height // height)
    return rgb.reduce(times) if times > 1 else rgb


def fit(rgb: Image.Image, rules: ImageRules) -> np.ndarray:
    """uint8 (size, size, 3) of an RGB picture, as open_clip's transform of the same mode does it, to the pixel."""
    size, resample = rules.size, _INTERPOLATION[rules.interpolation]
    width, height = _fitted(rgb.width, rgb.height, rules)
    resized = rgb.resize((width, height), resample)
    if (width, height) == (size, size):
        return np.asarray(resized)
    return _on_canvas(np.asarray(resized), size)


def _on_canvas(pixels: np.ndarray, size: int) -> np.ndarray:
    """uint8 (size, size, 3) of (height, width, 3), centred: what is too long is cut off, what is left over is white."""
    height, width = pixels.shape[:2]
    top, left = _offset(size, height), _offset(size, width)
    canvas = np.full((size, size, 3), 255, np.uint8)
    inside = pixels[max(0, -top) : size - top, max(0, -left) : size - left]
    canvas[max(0, top) :, max(0, left) :][: inside.shape[0], : inside.shape[1]] = inside
    return canvas


def _fitted(width: int, height: int, rules: ImageRules) -> tuple[int, int]:
    """Width and height after resizing. Rounding down (shortest) and to the nearest (longest) are open_clip's."""
    size = rules.size
    if rules.mode == "squash":
        return size, size
    if rules.mode == "longest":
        ratio = max(width, height) / size
        return max(1, round(width / ratio)), max(1, round(height / ratio))
    longer = int(size * max(width, height) / min(width, height))
    return (size, longer) if width <= height else (longer, size)


def _offset(size: int, length: int) -> int:
    """Where a side of `length` starts on a canvas of `size`: padded rounding down, cropped rounding to the nearest."""
    return (size - length) // 2 if length <= size else -round((length - size) / 2.0)


def to_tensor(pixels: np.ndarray, rules: ImageRules) -> np.ndarray:
    """float32 (n, 3, size, size), normalized, of uint8 (n, size, size, 3)."""
    mean, std = np.array(rules.mean, np.float32) * 255, np.array(rules.std, np.float32) * 255
    tensor = np.empty((len(pixels), 3, *pixels.shape[1:3]), np.float32)
    tensor[:] = pixels.transpose(0, 3, 1, 2)
    tensor -= mean[:, None, None]
    tensor /= std[:, None, None]
    return tensor


def _upright(image: Image.Image) -> Image.Image:
    try:
        turn = _TURNS.get(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # a broken EXIF block says nothing about the picture itself
        turn = None
    return image.transpose(turn) if turn is not None else image


def _on_white(image: Image.Image) -> Image.Image:
    """RGB: 16-bit grey scaled down (convert() would clip it to white), transparency laid on white."""
    if image.mode.startswith(("I", "F")):
        values = np.asarray(image, dtype=np.float64)
        values = values / 257.0 if values.max(initial=0) > 255 else values
        return Image.fromarray(values.clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        ground = Image.new("RGBA", layer.size, (*_WHITE, 255))
        return Image.alpha_composite(ground, layer).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")
