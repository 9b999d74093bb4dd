"""Finding the picture a row names, safely, and naming its content; decoding it for the model is not done here."""

import hashlib
import io
import re
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 50_000_000
MIN_SIDE = 2  # a 1x1 picture is a tracking pixel or a placeholder
# No EPS (Pillow starts Ghostscript for it), no SVG (no pixels); JPEG covers the MPO files of cameras.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF")
_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+:|^//")
_DRIVE = re.compile(r"^[A-Za-z]:")


@dataclass(frozen=True)
class Picture:
    """image: absolute path when status is ok, else the text delivered. sha256: of the bytes, None unless ok."""

    image: str | None
    sha256: str | None
    status: str


class Pictures:
    """Pictures below one folder. Content hashes are remembered by path, size and time of change."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._seen: dict[tuple[str, int, int], Picture] = {}

    def find(self, named: str | None) -> Picture:
        """What a cell of the image column leads to.

        status: ok; missing (no such file, or nothing named); remote (a URL, not fetched); refused (absolute, outside
        the folder, or no regular file); unreadable (too large, no picture of a known format, too many pixels, 1x1).
        """
        if not named:
            return Picture(None, None, "missing")
        if _DRIVE.match(named) and not _URL.match(named):
            return Picture(named, None, "refused")
        if _URL.match(named):
            return Picture(named, None, "remote")
        return self._local(named)

    def _local(self, named: str) -> Picture:
        relative = Path(named.replace("\\", "/"))
        if relative.is_absolute() or ".." in relative.parts:
            return Picture(named, None, "refused")
        try:
            path = (self.folder / relative).resolve(strict=True)
            if not path.is_relative_to(self.folder):
                return Picture(named, None, "refused")
            facts = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return Picture(named, None, "missing")
        except (OSError, ValueError, RuntimeError):  # a loop of links, a name too long, no permission
            return Picture(named, None, "refused")
        if not stat.S_ISREG(facts.st_mode):
            return Picture(named, None, "refused")
        return self._remembered(named, path, facts.st_size, facts.st_mtime_ns)

    def _remembered(self, named: str, path: Path, size: int, changed: int) -> Picture:
        key = (str(path), size, changed)
        if key not in self._seen:
            self._seen[key] = _read(path, size)
        found = self._seen[key]
        return found if found.status == "ok" else Picture(named, None, found.status)


def _read(path: Path, size: int) -> Picture:
    if size > MAX_BYTES:
        return Picture(None, None, "unreadable")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError:
        return Picture(None, None, "refused")
    if len(content) > MAX_BYTES or not _is_picture(content):
        return Picture(None, None, "unreadable")
    return Picture(str(path), hashlib.sha256(content).hexdigest(), "ok")


def _is_picture(content: bytes) -> bool:
    """Reads the header only. Any complaint of the decoder counts: what it says of a hostile file is not foreseeable."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
                width, height = picture.size
    except Exception:
        return False
    return min(width, height) >= MIN_SIDE and width * height <= MAX_PIXELS
