"""Pictures in a ZIP archive beside the feed: members found by their exact names, read in bounded pieces."""

import os
import struct
import tomllib
import zipfile
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from catalog.pictures.picture_content import fault

DEFAULT = "images.zip"
_DIRECTORY_LIMIT = 256 * 1024 * 1024  # bytes of an archive's table of contents, which is read whole
_EXPANSION_LIMIT = 100  # times the archive's size that all members read from it may have together
_EXPANSION_FREE = 64 * 1024 * 1024
_CHUNK = 64 * 1024
_END = struct.Struct("<4s4H2LH")
_END64_PLACE = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")


def is_archive(mapping: Path, path: Path) -> bool:
    """True for the file beside a vendor's feeds that holds their pictures, by the vendor's form or its usual name."""
    if path.suffix.lower() != ".zip":
        return False
    try:
        rules = tomllib.loads(mapping.read_text(encoding="utf-8-sig")).get("rules", {})
    except (OSError, ValueError):  # no form, or one that is refused with its feed
        rules = {}
    return path.name in (DEFAULT, isinstance(rules, dict) and rules.get("image_archive"))


class MemberRefused(Exception):
    """A member that is no picture to use; `reason` is one code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Archive:
    """One archive. A member is named as if the archive stood unpacked beside the feed, or in a folder of its own name.

    `broken`: why none of it can be read, as one code; None otherwise.
    """

    def __init__(self, path: Path, *, max_bytes: int) -> None:
        self._folder = path.stem
        self._max_bytes = max_bytes
        self._members: dict[str, zipfile.ZipInfo] = {}
        self._repeated: set[str] = set()
        self._zip: zipfile.ZipFile | None = None
        self._left = 0
        self.broken: str | None = None
        try:
            self._open(path)
        except MemberRefused as error:
            self.broken = error.reason
        except Exception:  # whatever a hostile archive makes the reader say, it is no archive
            self.broken = "archive_broken"

    def _open(self, path: Path) -> None:
        if path.is_symlink() or not path.is_file():
            raise MemberRefused("archive_refused")
        with path.open("rb") as file:
            if _directory_bytes(file) > _DIRECTORY_LIMIT:
                raise MemberRefused("archive_too_large")
        self._zip = zipfile.ZipFile(path)
        self._left = _EXPANSION_FREE + _EXPANSION_LIMIT * path.stat().st_size
        names = [_plain(info.filename) for info in self._zip.infolist()]
        self._repeated = {name for name, times in Counter(names).items() if times > 1}
        # Names that lead elsewhere stay out: nothing is ever written under a member's name, nor found by one.
        self._members = {
            name: info
            for name, info in zip(names, self._zip.infolist(), strict=True)
            if name and not info.is_dir() and ".." not in PurePosixPath(name).parts and not name.startswith("/")
        }

    def close(self) -> None:
        """Closes the file."""
        if self._zip is not None:
            self._zip.close()

    def read(self, named: str) -> bytes | None:
        """The picture of this name; None when there is none. Raises MemberRefused with the reason it cannot be used."""
        name = self._name(named)
        if name is None:
            return None
        if name in self._repeated:  # which of them is meant nobody knows, and the wrong one is worse than none
            raise MemberRefused("ambiguous_member")
        info = self._members[name]
        if info.flag_bits & 1:
            raise MemberRefused("encrypted")
        try:
            content = self._unpacked(info)
        except MemberRefused:
            raise
        except Exception as error:  # a wrong checksum, a method this Python lacks, overlapping members
            raise MemberRefused("archive_broken") from error
        wrong = fault(content)
        if wrong:
            raise MemberRefused(wrong)
        return content

    def _name(self, named: str) -> str | None:
        plain = _plain(named)
        inside = plain.removeprefix(f"{self._folder}/")
        return next((name for name in (plain, inside, f"{self._folder}/{plain}") if name in self._members), None)

    def _unpacked(self, info: zipfile.ZipInfo) -> bytes:
        """At most `max_bytes` of a member, whatever its header says. A bomb is noticed while it unfolds."""
        if self._zip is None or info.file_size > self._max_bytes:
            raise MemberRefused("too_large")
        content = bytearray()
        with self._zip.open(info) as member:
            while part := member.read(_CHUNK):
                content += part
                self._left -= len(part)
                if len(content) > self._max_bytes:
                    raise MemberRefused("too_large")
                if self._left < 0:
                    raise MemberRefused("archive_bomb")
        return bytes(content)


def _plain(name: str) -> str:
    """The name with `/` between folders and without `./`; an absolute one keeps its first slash."""
    name = name.replace("\\", "/")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return ("/" if name.startswith("/") else "") + "/".join(parts)


def _directory_bytes(file: BinaryIO) -> int:
    """Size of the table of contents, as the end of a ZIP file states it. Raises MemberRefused when it is none."""
    size = file.seek(0, os.SEEK_END)
    tail_at = max(0, size - _END.size - 0xFFFF)
    file.seek(tail_at)
    tail = file.read()
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) - place < _END.size:
        raise MemberRefused("archive_broken")
    stated = _END.unpack_from(tail, place)[5]
    locator_at = tail_at + place - _END64_PLACE.size
    if locator_at >= 0:
        file.seek(locator_at)
        mark, _, end64_at, _ = _END64_PLACE.unpack(file.read(_END64_PLACE.size))
        if mark == b"PK\x06\x07" and end64_at + _END64.size <= size:
            file.seek(end64_at)
            stated = max(stated if stated != 0xFFFFFFFF else 0, _END64.unpack(file.read(_END64.size))[8])
    return stated
