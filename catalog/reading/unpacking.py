"""Compression of a delivered file: seen by its content, checked as a whole before any row is taken, bounded."""

import gzip
import io
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfileobj
from typing import BinaryIO, Literal

import pyarrow as pa

from catalog.errors import FeedRefused

MAX_INFLATION = 200  # text compresses 5 to 20 times; a bomb about 1,000 times
SMALL = 64 * 1024 * 1024  # below this size no inflation does harm
MAX_DIRECTORY = 16 * 1024 * 1024  # bytes of a ZIP file's list of contents, which is held in memory
Packing = Literal["gzip", "zip", "zstd"]
_CHUNK = 1024 * 1024
_OFFICE = "[Content_Types].xml"
_END_OF_ZIP = b"PK\x05\x06"


def packing(path: Path) -> Packing | None:
    """How the content is packed, whatever the name says. A workbook (XLSX) is a ZIP file, but not a packed one."""
    with path.open("rb") as file:
        first = file.read(4)
    if first.startswith(b"\x1f\x8b"):
        return "gzip"
    if first == b"\x28\xb5\x2f\xfd":
        return "zstd"
    if first in (b"PK\x03\x04", _END_OF_ZIP) and not _is_workbook(path):
        return "zip"
    return None


def _is_workbook(path: Path) -> bool:
    try:
        with opened_zip(path) as archive:
            return _OFFICE in archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False


def opened_zip(path: Path) -> zipfile.ZipFile:
    """The archive. Raises BadZipFile when its list of contents is too long to hold, or when anything follows the end of
    the archive: it may be a second, unseen one."""
    with path.open("rb") as file:
        file.seek(0, io.SEEK_END)
        file.seek(max(0, file.tell() - 22 - 0xFFFF))
        tail = file.read()
    at = tail.rfind(_END_OF_ZIP)
    if at < 0 or at + 22 > len(tail) or at + 22 + int.from_bytes(tail[at + 20 : at + 22], "little") != len(tail):
        raise zipfile.BadZipFile("something follows its end, or its end is missing")
    if int.from_bytes(tail[at + 12 : at + 16], "little") > MAX_DIRECTORY:
        raise zipfile.BadZipFile(f"its list of contents is longer than {MAX_DIRECTORY:,} bytes")
    return zipfile.ZipFile(path)


def open_plain(path: Path) -> BinaryIO:
    """The file's bytes without compression. A packed file is read to its end once before.

    Raises FeedRefused when it is truncated, damaged, followed by something else, a bomb, or a ZIP file that does not
    hold exactly one file.
    """
    kind = packing(path)
    if kind is None:
        return path.open("rb")
    _check(path, kind)
    return _opened(path, kind)


@contextmanager
def seekable(path: Path) -> Iterator[Path]:
    """A path to the plain file: the file itself, or an unpacked copy that is deleted afterwards."""
    if packing(path) is None:
        yield path
        return
    beside = path.parent if os.access(path.parent, os.W_OK) else None  # where the feed fits, its content may fit too
    with tempfile.NamedTemporaryFile(dir=beside, prefix=".unpacked-") as unpacked:
        with open_plain(path) as packed:
            copyfileobj(packed, unpacked, _CHUNK)
        unpacked.flush()
        yield Path(unpacked.name)


def _opened(path: Path, kind: Packing) -> BinaryIO:
    if kind == "gzip":
        return gzip.open(path, "rb")  # type: ignore[return-value]
    if kind == "zstd":
        return io.BufferedReader(pa.CompressedInputStream(pa.OSFile(str(path), "rb"), "zstd"), _CHUNK)
    with opened_zip(path) as archive:
        return archive.open(data_member(path, archive))  # type: ignore[return-value]


def _check(path: Path, kind: Packing) -> None:
    """Reads a packed file to its end once: a reader that stops early would lose rows without a word."""
    size, plain = path.stat().st_size, 0
    try:
        with _opened(path, kind) as file:
            while chunk := file.read(_CHUNK):
                plain += len(chunk)
                if plain > SMALL and plain > MAX_INFLATION * size:
                    raise bomb(kind)
    except (OSError, EOFError, ValueError, NotImplementedError, zlib.error, zipfile.BadZipFile) as error:
        raise FeedRefused(
            f"broken_{kind}",
            f"The {kind} file is truncated or damaged after {plain:,} bytes ({_first_line(error)}).",
            remedy="Ask the vendor to send it again; nothing of it was taken.",
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def bomb(kind: str) -> FeedRefused:
    """The refusal of a file that unpacks to far more than any feed does."""
    return FeedRefused(
        f"{kind}_bomb",
        f"The file grows to more than {MAX_INFLATION} times its size when unpacked.",
        remedy="Ask the vendor to send it uncompressed.",
    )


def data_member(path: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """The one file in a ZIP archive. Folders, hidden files and what macOS adds do not count."""
    # not is_dir(): it breaks at a name that begins with NUL, of which nothing is left
    found = [
        member for member in archive.infolist() if not member.filename.endswith("/") and not _hidden(member.filename)
    ]
    if len(found) != 1:
        names = ", ".join(member.filename for member in found[:10])[:500] or "no file"
        more = f" and {len(found) - 10} more" if len(found) > 10 else ""
        raise FeedRefused(
            "zip_members",
            f"The ZIP file must hold exactly one file; it holds {names}{more}.",
            remedy="Ask the vendor for one feed in one ZIP file, or unpack it and deliver the feed itself.",
        )
    member = found[0]
    if member.flag_bits & 1:
        raise FeedRefused(
            "broken_zip",
            f"{member.filename} in the ZIP file is encrypted.",
            remedy="Ask the vendor to send it without a password.",
        )
    if member.file_size > SMALL and member.file_size > MAX_INFLATION * path.stat().st_size:
        raise bomb("zip")
    return member


def _hidden(name: str) -> bool:
    return name.startswith("__MACOSX/") or name.rpartition("/")[2].startswith(".")


def member_name(path: Path) -> str | None:
    """The name of the one file in a ZIP archive, or None when there is no such thing."""
    try:
        if path.is_symlink() or not path.is_file() or packing(path) != "zip":
            return None
        with opened_zip(path) as archive:
            return data_member(path, archive).filename
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile, FeedRefused):
        return None
