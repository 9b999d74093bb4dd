"""Backups: a folder with every file of a workspace that cannot be made again, and a manifest that names each by its sha256.

A backup is there whole or not at all: files are copied and synced beside its place, the manifest comes last, one rename puts
it there. Restoring reads all of it before anything is touched, and never writes into a workspace: an old one is moved aside.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from catalog import durable
from catalog.errors import CatalogError
from catalog.failpoints import reached
from catalog.jobs import now

MANIFEST = "backup.json"
FORMAT = 1
_CHUNK = 1024 * 1024
# Made again from the rest, or of the moment.
_LEFT_OUT = {"state/embeddings", "state/shards", "state/spill", "state/training", "state/run.lock", "state/run.json"}


@dataclass(frozen=True)
class Kept:
    """One file of a backup; path from the workspace's root, with / on every system."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a backup holds. schema: the highest migration of its work database; program: the version that wrote it."""

    workspace_id: str
    schema: int
    program: str
    written_at: str
    files: tuple[Kept, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.bytes for file in self.files)

    def to_json(self) -> bytes:
        """The manifest with a checksum of itself."""
        content = {"format": FORMAT, **asdict(self)}
        return json.dumps({**content, "sha256": _checksum(content)}, indent=1).encode() + b"\n"

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """The manifest of a backup. Raises CatalogError when there is none, or it is not what was written."""
        try:
            content: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
            checksum, form = content.pop("sha256"), content["format"]
            files = tuple(Kept(**file) for file in content["files"])
        except FileNotFoundError as error:
            raise CatalogError(
                f"{folder} is no backup: it has no {MANIFEST}.", remedy="Name the folder that catalog backup wrote."
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise CatalogError(f"{folder / MANIFEST} is damaged.", remedy=_OTHER) from error
        if checksum != _checksum(content):
            raise CatalogError(f"{folder / MANIFEST} is damaged: its checksum differs.", remedy=_OTHER)
        if form != FORMAT:
            raise CatalogError(
                f"{folder} was written by a newer version (form {form}).", remedy="Upgrade this installation first."
            )
        for file in files:
            path = PurePosixPath(file.path)
            if path.is_absolute() or ".." in path.parts:
                raise CatalogError(f"{folder} names a file outside of itself: {file.path}.", remedy=_OTHER)
        return cls(content["workspace_id"], content["schema"], content["program"], content["written_at"], files)


_OTHER = "Nothing was changed. Take another backup."


def _checksum(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Facts:
    """What a manifest says beside its files."""

    workspace_id: str
    schema: int
    program: str


def write(root: Path, target: Path, facts: Facts) -> Path:
    """Writes a backup below `target` and returns its folder. The workspace must be held, its work database closed.

    Raises CatalogError when target lies in the workspace, or the disk has no room or cannot be written.
    """
    target = target.resolve()
    if target == root or root in target.parents:
        raise CatalogError(
            f"{target} lies in the workspace itself.", remedy="Name a folder elsewhere, best on another disk."
        )
    written_at = now()
    folder = target / f"{root.name}-{_stamp(written_at)}"
    unfinished = target / f".{folder.name}.tmp"
    try:
        target.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(target, root.name)
        _require_room(root, target)
        files = tuple(_copy(root, unfinished, path) for path in sorted(_to_keep(root)))
        manifest = Manifest(**asdict(facts), written_at=written_at.isoformat(), files=files)
        reached("backup.manifest")
        durable.write(unfinished / MANIFEST, manifest.to_json())
        _sync_folders(unfinished)
        reached("backup.rename")
        unfinished.rename(folder)
        durable.sync(target)
    except OSError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise CatalogError(
            f"The backup could not be written to {target}: {error.strerror or error}.",
            remedy="Make room or give write permission there, then run the command again.",
        ) from error
    return folder


def _stamp(when: datetime) -> str:
    return when.strftime("%Y%m%dT%H%M%S.%fZ")


def _remove_leftovers(target: Path, name: str) -> None:
    for left in target.glob(f".{name}-*.tmp"):
        shutil.rmtree(left, ignore_errors=True)


def _to_keep(root: Path) -> Iterator[str]:
    """Paths of files from the root; links are left out: what they point to is not the workspace's."""
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        for entry in os.scandir(root / folder):
            path = f"{folder}/{entry.name}" if folder else entry.name
            if path in _LEFT_OUT or entry.is_symlink() or _temporary(entry.name):
                continue
            if entry.is_dir():
                waiting.append(path)
            elif entry.is_file():
                yield path


def _temporary(name: str) -> bool:
    return name.startswith(".tmp-") or (name.startswith(".") and name.endswith((".tmp", ".part")))


def _require_room(root: Path, target: Path) -> None:
    wanted = sum((root / path).stat().st_size for path in _to_keep(root))
    free = shutil.disk_usage(target).free
    if free < wanted:
        raise CatalogError(
            f"The backup takes {wanted / 2**30:.2f} GiB, {target} has {free / 2**30:.2f} GiB free.",
            remedy="Make room there, or look what can go here: catalog prune --dry-run",
        )


def _copy(source: Path, target: Path, path: str) -> Kept:
    """Copies one file and waits until its bytes are on the disk."""
    place = target / path
    place.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with (source / path).open("rb") as original, place.open("wb") as copy:
        while chunk := original.read(_CHUNK):
            digest.update(chunk)
            copy.write(chunk)
            size += len(chunk)
    shutil.copystat(source / path, place)
    durable.sync(place)
    reached("backup.file")
    return Kept(path, size, digest.hexdigest())


def _sync_folders(folder: Path) -> None:
    for path in [folder, *(found for found in folder.rglob("*") if found.is_dir())]:
        durable.sync(path)


def verify(folder: Path) -> Manifest:
    """Reads every file of a backup. Raises CatalogError that names the first one that is missing or not what it was."""
    manifest = Manifest.read(folder)
    for file in manifest.files:
        path = folder / file.path
        if not path.is_file() or path.is_symlink():
            raise CatalogError(f"The backup {folder} is damaged: {file.path} is missing.", remedy=_OTHER)
        with path.open("rb") as content:
            if hashlib.file_digest(content, "sha256").hexdigest() != file.sha256:
                raise CatalogError(f"The backup {folder} is damaged: {file.path} is not what it was.", remedy=_OTHER)
    return manifest


def unpack(folder: Path, manifest: Manifest, target: Path) -> Path:
    """A new workspace beside `target`, whole and on the disk, and its path; `put_in_place` then makes it the workspace.

    Raises CatalogError when the disk is full, or a file changed since it was verified.
    """
    unfinished = target.with_name(f".{target.name}.restoring.tmp")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        for file in manifest.files:
            if _copy(folder, unfinished, file.path) != file:
                raise CatalogError(f"{folder / file.path} changed while it was read.", remedy=_OTHER)
        _sync_folders(unfinished)
    except (OSError, CatalogError) as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        if isinstance(error, CatalogError):
            raise
        raise CatalogError(
            f"{target} could not be written: {error.strerror or error}.",
            remedy="Make room or give write permission there, then run the command again.",
        ) from error
    return unfinished


def put_in_place(unfinished: Path, target: Path) -> Path | None:
    """Two renames; returns where what stood there is now. Killed between them, both are still there."""
    aside = None
    if target.exists():
        aside = target.with_name(f"{target.name}.before-{_stamp(now())}")
        target.rename(aside)
        reached("restore.aside")
    unfinished.rename(target)
    durable.sync(target.parent)
    return aside
