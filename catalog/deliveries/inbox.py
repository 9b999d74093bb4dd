"""The inbox: which deliveries wait in feeds/<vendor>/, and which of them are whole, in order and fit to be read."""

import errno
import hashlib
import os
import re
import stat
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path

from catalog.deliveries import manifest as manifests
from catalog.deliveries.manifest import Manifest
from catalog.errors import CatalogError
from catalog.pictures.archives import is_archive
from catalog.reading.mapping import EXTENSIONS, FORMATS, PACKED, feed_suffix
from catalog.settings import Feeds, Workspace

VENDOR = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
# Refused for what they are, not for how they were read: only other files help.
NOT_READ_AGAIN = frozenset({"symlink", "bad_vendor_name", "bad_manifest", "manifest_mismatch"})
# Feeds by their names, which this version does not read: they are refused aloud, other files are none of ours.
_FOREIGN = {".7z", ".rar", ".bz2", ".xz", ".ods", ".xlsb", *PACKED}
_UNFINISHED = {".part", ".tmp", ".filepart", ".crdownload"}
_DATE = re.compile(
    r"(?<!\d)(20\d\d)[-_.]?(0[1-9]|1[0-2])[-_.]?([0-2]\d|3[01])(?:[-_.T ]?([01]\d|2[0-3])[-_.:]?([0-5]\d)([0-5]\d)?)?(?!\d)"
)
_BACK = "Then move the files back (`mv`) from the folder done/ beside them."
_SENT_AGAIN = (
    "Ask the vendor to send it again, or if the files are right, move them back from done/ (`mv`) without the manifest."
)
Stamp = tuple[int, int, int]
Look = dict[Path, os.stat_result]


@dataclass(frozen=True)
class Part:
    """One file of a delivery: the vendor's name for it, where it stands and what it was when it was looked at.

    stamp: inode, bytes, time of change in ns.
    """

    name: str
    path: Path
    sha256: str
    bytes: int
    stamp: Stamp


@dataclass(frozen=True)
class Pending:
    """One delivery that waits: a file, or the files a manifest names (then `path` is the manifest's).

    sha256: of the file; of the files' sha256 where they are several. dated: by manifest, else by name, else by change.
    refusal: (reason, sentence) if it is not to be read; waits: why it is left for a later run.
    origin: the delivery that a person had read once more; released: its guards have been overruled.
    """

    vendor: str
    path: Path
    sha256: str
    bytes: int
    dated: datetime
    parts: tuple[Part, ...]
    refusal: tuple[str, str] | None = None
    waits: str | None = None
    manifest: Manifest | None = None
    manifest_file: Part | None = None
    origin: str | None = None
    released: bool = False

    @property
    def key(self) -> tuple[str, ...]:
        """Names it in a run's plan."""
        return (self.vendor, self.path.name, self.sha256, *([self.origin] if self.origin else []))


def pending(workspace: Workspace, limits: Feeds | None = None) -> list[Pending]:
    """What can be taken from all inboxes: by vendor, then by date, then by name.

    Subfolders, hidden and unfinished files wait, and so does what its manifest says is not whole.
    """
    return [waiting for waiting in inbox(workspace, limits) if waiting.waits is None]


def inbox(workspace: Workspace, limits: Feeds | None = None) -> list[Pending]:
    """All deliveries in all inboxes, those that wait too. Without limits, files are taken as settled."""
    seen = _settled(workspace, limits.settle_seconds if limits else 0)
    patience = (limits or Feeds()).patience
    folders: defaultdict[Path, Look] = defaultdict(dict)
    for path, facts in seen.items():
        folders[path.parent][path] = facts
    found: list[Pending] = []
    for folder, files in folders.items():
        archives = {path.name: path for path in files if is_archive(_form(workspace, folder), path)}
        found += _deliveries(folder, files, archives, patience)
    return sorted(_told_apart(found), key=lambda waiting: (waiting.vendor, waiting.dated, waiting.path.name))


def _settled(workspace: Workspace, seconds: float) -> Look:
    """The files that do not change while they are watched: those younger than `seconds` are looked at again."""
    first = _look(workspace)
    age = time.time() - max((facts.st_mtime for facts in first.values()), default=0)
    if age >= seconds:
        return first
    time.sleep(min(seconds, seconds - age))  # a clock ahead of ours must not make a run wait for long
    second = _look(workspace)
    return {path: facts for path, facts in second.items() if path in first and stamp_of(first[path]) == stamp_of(facts)}


def _look(workspace: Workspace) -> Look:
    found: Look = {}
    for path in workspace.feeds.glob("*/*"):
        unfinished = path.name.startswith(".") or path.suffix.lower() in _UNFINISHED
        if path.parent.name.startswith(".") or unfinished or not (path.is_file() or path.is_symlink()):
            continue
        beside = path.name.endswith(manifests.SUFFIX) or is_archive(_form(workspace, path.parent), path)
        if beside or _suffix(path) in {*EXTENSIONS, *_FOREIGN}:
            found[path] = path.lstat()
    return found


def _form(workspace: Workspace, folder: Path) -> Path:
    return workspace.vendors / f"{folder.name}.toml"


def _suffix(path: Path) -> str:
    return feed_suffix(path) or path.suffix.lower()


def _deliveries(folder: Path, files: Look, archives: dict[str, Path], patience: float) -> Iterator[Pending]:
    """Those of one vendor: what manifests name goes together, every other file is a delivery of its own.

    Archives of pictures are none; one that a manifest names must be whole before the rest is taken, and stays.
    """
    names = {
        path.name: path for path in files if not path.name.endswith(manifests.SUFFIX) and path.name not in archives
    }
    for path in sorted(files):
        if not path.name.endswith(manifests.SUFFIX):
            continue
        ripe = time.time() - files[path].st_mtime >= patience
        try:
            read = manifests.read_manifest(path, sorted(names))
        except CatalogError as error:
            together = [path, *(names.pop(name) for name in _perhaps_named(path, names))]
            bad = _delivery(folder.name, path, _parts(together), refusal=("bad_manifest", f"{error} {_BACK}"))
            yield bad if ripe else replace(bad, refusal=None, waits=str(error))
            continue
        claimed = [names.pop(file.name) for file in read.files if file.name in names]
        beside = _parts(archives[file.name] for file in read.files if file.name in archives)
        yield _with_manifest(_part(path), read, _parts(claimed), patience, beside)
    for part in _parts(names.values()):
        yield _delivery(folder.name, part.path, [part])


def _perhaps_named(path: Path, names: dict[str, Path]) -> list[str]:
    """The files an unreadable manifest may be about: taken one by one, parts of a full delivery would retire each other."""
    stem = path.name.removesuffix(manifests.SUFFIX)
    return [name for name in names if name.startswith(stem)] or list(names)


def _with_manifest(file: Part, manifest: Manifest, parts: list[Part], patience: float, beside: list[Part]) -> Pending:
    path = parts[0].path if len(manifest.files) - len(beside) == len(parts) == 1 else file.path
    found = _delivery(file.path.parent.name, path, parts or [file], manifest=manifest, manifest_file=file)
    wrong = manifests.damage(manifest, {part.name: (part.bytes, part.sha256) for part in (*parts, *beside)})
    if not wrong or found.refusal:
        return found
    said = f"What came is not what {file.path.name} promises: {wrong}."
    changed = max(part.stamp[2] for part in (file, *parts, *beside)) / 1e9
    if time.time() - changed < patience:
        return replace(found, waits=f"{said} It is left to be completed until feeds.manifest_patience has passed.")
    return replace(found, refusal=("manifest_mismatch", f"{said} {_SENT_AGAIN}"))


def _delivery(
    vendor: str,
    path: Path,
    parts: list[Part],
    *,
    refusal: tuple[str, str] | None = None,
    manifest: Manifest | None = None,
    manifest_file: Part | None = None,
) -> Pending:
    sha256 = parts[0].sha256 if len(parts) == 1 else set_sha256([part.sha256 for part in parts])
    changed = datetime.fromtimestamp(max(part.stamp[2] for part in parts) / 1e9, UTC)
    return Pending(
        vendor=vendor,
        path=path,
        sha256=sha256,
        bytes=sum(part.bytes for part in parts),
        dated=(manifest.dated if manifest else None) or named_date(path.name) or changed,
        parts=tuple(parts),
        refusal=refusal or next((why for part in parts if (why := _refusal(vendor, part.path))), None),
        manifest=manifest,
        manifest_file=manifest_file,
    )


def set_sha256(parts: list[str]) -> str:
    """The name of several files together."""
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def _parts(paths: Iterable[Path]) -> list[Part]:
    """Those that are still there."""
    found = []
    for path in paths:
        with suppress(FileNotFoundError):
            found.append(_part(path))
    return found


def _part(path: Path) -> Part:
    facts = path.lstat()
    content = str(path.readlink()).encode() if path.is_symlink() else None
    sha256 = hashlib.sha256(content).hexdigest() if content is not None else _sha256(path)
    return Part(path.name, path, sha256, facts.st_size, stamp_of(facts))


def _refusal(vendor: str, path: Path) -> tuple[str, str] | None:
    if not VENDOR.match(vendor):
        return "bad_vendor_name", (
            "Name the vendor's folder with letters, digits, point, underscore and hyphen only (`mv`), and put the file "
            "from its folder done/ into it."
        )
    if path.is_symlink():
        return "symlink", "The file is a link to elsewhere and is not followed. Deliver the file itself (`cp -L`)."
    if _suffix(path) in _FOREIGN:
        known = ", ".join(FORMATS)
        return (
            "unknown_format",
            f"{_suffix(path)} is not read by this version. Known formats: {known}, each also as .gz, .zip or .zst.",
        )
    return None


def _told_apart(found: list[Pending]) -> list[Pending]:
    """Refuses different deliveries of one vendor with the same time: taken in the wrong order, the old one would stand."""
    times: defaultdict[tuple[str, datetime], set[str]] = defaultdict(set)
    for waiting in found:
        if not (waiting.refusal or waiting.waits):
            times[waiting.vendor, waiting.dated].add(waiting.sha256)
    return [
        replace(waiting, refusal=("equal_times", _same_time(waiting)))
        if len(times[waiting.vendor, waiting.dated]) > 1 and not (waiting.refusal or waiting.waits)
        else waiting
        for waiting in found
    ]


def _same_time(waiting: Pending) -> str:
    return (
        f"Another file of {waiting.vendor} has the same time ({waiting.dated:%Y-%m-%d %H:%M:%S} UTC), so which of them is "
        "newer is not known, and none was taken. Ask the vendor for the time in the files' names or for a manifest with "
        "delivered_at; these may be read in the order in which you retry them."
    )


def named_date(name: str) -> datetime | None:
    """The date (and time) in a file's name, as 2026-03-12 or 20260312T0430; None when there is none."""
    for found in _DATE.finditer(name):
        try:
            year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
            return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        except ValueError:
            continue
    return None


def stamp_of(facts: os.stat_result) -> Stamp:
    """What changes when a file does."""
    return facts.st_ino, facts.st_size, facts.st_mtime_ns


def opened(path: Path) -> BufferedReader:
    """A file of a vendor's folder itself: whoever may write there could put a link, or a pipe, in its place after it was
    looked at.

    Raises FileNotFoundError when it is no file any more.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise FileNotFoundError(errno.ENOENT, "It is a link by now", str(path)) from error
        raise
    file = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise FileNotFoundError(errno.ENOENT, "It is no file by now", str(path))
    return file


def _sha256(path: Path) -> str:
    with opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
