"""The inbox: which files wait in feeds/<vendor>/, a copy of each under a name of our own, and where they go afterwards."""

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from catalog.archives import is_archive
from catalog.failpoints import reached
from catalog.mapping import EXTENSIONS, FORMATS
from catalog.settings import Workspace

VENDOR = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
# Feeds by their names, which this version does not read: they are refused aloud, other files are none of ours.
_FOREIGN = {".json", ".xlsx", ".xls", ".xml", ".zip", ".7z", ".rar", ".bz2", ".xz", ".zst"}
_UNFINISHED = {".part", ".tmp", ".filepart", ".crdownload"}
_DATE = re.compile(
    r"(?<!\d)(20\d\d)[-_.]?(0[1-9]|1[0-2])[-_.]?([0-2]\d|3[01])(?:[-_.T ]?([01]\d|2[0-3])[-_.:]?([0-5]\d)([0-5]\d)?)?(?!\d)"
)
_CHUNK = 1024 * 1024
Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class Pending:
    """One file that waits. `dated`: by its name, else by its change; `refusal`: (reason, sentence) if not to be read."""

    vendor: str
    path: Path
    sha256: str
    bytes: int
    dated: datetime
    stamp: Stamp
    refusal: tuple[str, str] | None = None


def pending(workspace: Workspace) -> list[Pending]:
    """The files in all inboxes: by vendor, then by date, then by name. Subfolders, hidden and unfinished files wait."""
    found = [
        waiting
        for folder in _inboxes(workspace)
        for waiting in _files(folder)
        if not is_archive(workspace.vendors / f"{folder.name}.toml", waiting.path)
    ]
    return sorted(found, key=lambda waiting: (waiting.vendor, waiting.dated, waiting.path.name))


def _inboxes(workspace: Workspace) -> Iterator[Path]:
    if workspace.feeds.is_dir():
        for folder in workspace.feeds.iterdir():
            if folder.is_dir() and not folder.name.startswith("."):
                yield folder


def _files(folder: Path) -> Iterator[Pending]:
    for path in folder.iterdir():
        if path.name.startswith(".") or path.suffix.lower() in _UNFINISHED or not (path.is_file() or path.is_symlink()):
            continue
        suffix = Path(path.name.lower().removesuffix(".gz")).suffix
        if suffix in EXTENSIONS or suffix in _FOREIGN:
            yield _waiting(folder.name, path, suffix)


def _waiting(vendor: str, path: Path, suffix: str) -> Pending:
    facts = path.lstat()
    refusal = _refusal(vendor, path, suffix)
    content = str(path.readlink()).encode() if path.is_symlink() else None
    sha256 = hashlib.sha256(content).hexdigest() if content is not None else _sha256(path)
    changed = datetime.fromtimestamp(facts.st_mtime, UTC)
    return Pending(vendor, path, sha256, facts.st_size, named_date(path.name) or changed, _stamp(facts), refusal)


def _refusal(vendor: str, path: Path, suffix: str) -> tuple[str, str] | None:
    if not VENDOR.match(vendor):
        return "bad_vendor_name", "Name the vendor's folder with letters, digits, point, underscore and hyphen only."
    if path.is_symlink():
        return "symlink", "The file is a link to elsewhere and is not followed. Deliver the file itself."
    if suffix in _FOREIGN:
        known = ", ".join(FORMATS)
        return "unknown_format", f"{suffix} is not read by this version. Known formats: {known}, each also as .gz."
    return None


def named_date(name: str) -> datetime | None:
    """The date (and time) in a file's name, as 2026-03-12 or 20260312T0430; None when there is none."""
    for found in _DATE.finditer(name):
        try:
            year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
            return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        except ValueError:
            continue
    return None


def _stamp(facts: os.stat_result) -> Stamp:
    return facts.st_ino, facts.st_size, facts.st_mtime_ns


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def stage(workspace: Workspace, waiting: Pending) -> Path | None:
    """A copy of the file under its sha256 in state/staged, safely on disk; None when it is still changing or gone."""
    target = staged_path(workspace, waiting)
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.tmp")
    try:
        copied = _copy(waiting.path, unfinished)
    except FileNotFoundError:
        return None
    if copied != waiting.sha256:
        unfinished.unlink()
        return None
    reached("ingest.staged")
    unfinished.rename(target)
    _sync_folder(target.parent)
    return target


def _copy(path: Path, target: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as source, target.open("wb") as copy:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            copy.write(chunk)
        copy.flush()
        os.fsync(copy.fileno())
    return digest.hexdigest()


def staged_path(workspace: Workspace, waiting: Pending) -> Path:
    """Where the copy of a file stands. Nothing of the vendor's name is in it but a known extension."""
    name = waiting.path.name.lower()
    packed = ".gz" if name.endswith(".gz") else ""
    return workspace.staged / f"{waiting.sha256}{Path(name.removesuffix('.gz')).suffix}{packed}"


def put_away(waiting: Pending) -> Path:
    """Moves the original to feeds/<vendor>/done; does nothing when it is gone or another file stands in its place."""
    target = waiting.path.parent / "done" / f"{waiting.sha256[:12]}_{waiting.path.name}"
    try:
        if _stamp(waiting.path.lstat()) != waiting.stamp:
            return target
    except FileNotFoundError:
        return target
    target.parent.mkdir(exist_ok=True)
    reached("ingest.put_away")
    waiting.path.replace(target)
    return target


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
