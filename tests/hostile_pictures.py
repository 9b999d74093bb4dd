"""Pictures as vendors and attackers make them, drawn in code: usable ones, and bytes with the fault they have."""

import io
import struct
import zlib

import numpy as np
from PIL import Image


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds no pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def noise(size: int = 64) -> Image.Image:
    values = np.random.default_rng(3).integers(0, 256, (size, size, 3), dtype=np.uint8)
    return Image.fromarray(values)


def plain(colour: str = "red", size: tuple[int, int] = (8, 8)) -> bytes:
    """A small PNG of one colour; each colour is another content."""
    return encoded(Image.new("RGB", size, colour), "PNG")


def with_thumbnail(content: bytes) -> bytes:
    """A JPEG whose EXIF block holds a whole small JPEG, end mark included."""
    inner = encoded(noise(16), "JPEG")
    body = b"Exif\0\0" + inner
    return content[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + content[2:]


def animated() -> bytes:
    frames = [Image.new("P", (8, 8), n) for n in range(3)]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])


def rotated() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(noise(), "JPEG", exif=exif)


def many_scans(side: int, times: int) -> bytes:
    """A progressive JPEG whose last scan, of a few bytes, comes again and again: each takes as long as the whole picture."""
    content = encoded(Image.new("RGB", (side, side)), "JPEG", progressive=True)
    last = content[content.rfind(b"\xff\xda") : -2]
    return content[:-2] + last * times + content[-2:]


JPEG, PNG, WEBP = encoded(noise(), "JPEG"), encoded(noise(), "PNG"), encoded(noise(), "WEBP")

USABLE = {
    "jpeg": JPEG,
    "progressive": encoded(noise(), "JPEG", progressive=True),
    "thumbnail": with_thumbnail(JPEG),
    "some scans": many_scans(64, 100),
    "scans in what is no picture": JPEG + b"\xff\xda\x00\x02" * 300_000,
    "trailer": JPEG + b"made by a telephone" * 9,
    "no end mark": PNG[:-12],
    "cmyk": encoded(noise().convert("CMYK"), "JPEG"),
    "rotated": rotated(),
    "png": PNG,
    "16 bit": encoded(Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8) * 900), "PNG"),
    "transparent": encoded(Image.new("RGBA", (8, 8), (255, 0, 0, 0)), "PNG"),
    "animated": animated(),
    "webp": WEBP,
    "bmp": encoded(noise(), "BMP"),
    "two pixels": encoded(Image.new("RGB", (2, 2)), "PNG"),
}
FAULTY = {
    "empty": (b"", "not_an_image"),
    "text": (b"not a picture", "not_an_image"),
    "page": (b"<!doctype html><title>Log in</title>", "not_an_image"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not_an_image"),
    "eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not_an_image"),
    "tiff": (encoded(noise(), "TIFF"), "not_an_image"),
    "head only": (b"\xff\xd8\xff\xe0", "not_an_image"),
    "bomb": (png_header(60_000, 60_000), "too_many_pixels"),
    "large": (png_header(8_000, 8_000), "too_many_pixels"),
    "many scans": (many_scans(4_000, 2_000), "too_many_pixels"),
    "dot": (plain(size=(1, 1)), "too_small"),
    "line": (plain(size=(600, 1)), "too_small"),
    "cut jpeg": (JPEG[: len(JPEG) // 2], "truncated"),
    "no end mark": (JPEG[:-2], "truncated"),
    "cut progressive": (USABLE["progressive"][:-200], "truncated"),
    "cut with thumbnail": (with_thumbnail(JPEG)[:-300], "truncated"),
    "cut png": (PNG[: len(PNG) // 2], "truncated"),
    "cut webp": (WEBP[:-50], "not_an_image"),
}
