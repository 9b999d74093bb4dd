"""A copy of every file that is read, under a name of our own, until it was taken; and where the originals go afterwards."""

import hashlib
from pathlib import Path

from catalog import durable
from catalog.deliveries.inbox import Part, Pending, opened, stamp_of
from catalog.failpoints import reached
from catalog.reading.mapping import PACKED, feed_suffix
from catalog.settings import Workspace

_CHUNK = 1024 * 1024


def stage(workspace: Workspace, waiting: Pending) -> list[Path] | None:
    """A copy of each file under its sha256 in state/staged, safely on disk; None when one is still changing or gone."""
    found = [_staged(workspace, part) for part in waiting.parts]
    return [path for path in found if path] if all(found) else None


def _staged(workspace: Workspace, part: Part) -> Path | None:
    target = staged_path(workspace, part)
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.tmp")
    try:
        copied = _copy(part.path, unfinished)
    except FileNotFoundError:
        return None
    except OSError:
        unfinished.unlink(missing_ok=True)  # a full disk must get its space back
        raise
    if copied != part.sha256:
        unfinished.unlink()
        return None
    reached("ingest.staged")
    unfinished.rename(target)
    durable.sync(target.parent)
    return target


def _copy(path: Path, target: Path) -> str:
    digest = hashlib.sha256()
    with opened(path) as source, target.open("wb") as copy:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            copy.write(chunk)
    durable.sync(target)
    return digest.hexdigest()


def staged_path(workspace: Workspace, part: Part) -> Path:
    """Where the copy of a file goes. Nothing of the vendor's name for it is in it but a known extension."""
    name = part.path.name.lower()
    packed = next((ending for ending in PACKED if name.endswith(ending)), "")
    return workspace.staged / f"{part.sha256}{feed_suffix(part.path)}{packed}"


def kept(workspace: Workspace, folder: Path, part: Part) -> Path | None:
    """Where the bytes of a file that was looked at before still are; None when they are nowhere."""
    done = done_path(folder, part.sha256, part.name)
    return done if done.exists() else next(workspace.staged.glob(f"{part.sha256}.*"), None)


def put_away(waiting: Pending) -> None:
    """Moves the originals to feeds/<vendor>/done, a manifest last; what is gone or has changed stays where it is."""
    for part in (*waiting.parts, *([waiting.manifest_file] if waiting.manifest_file else [])):
        _put_away(part)


def let_go(workspace: Workspace, waiting: Pending) -> None:
    """Removes our copies of what was taken and stands in done/ unaltered, safely on disk: one copy is enough to read it again.

    What was refused or held keeps both. A file whose original is not there as it was read keeps ours.
    """
    for part in waiting.parts:
        original, copy = (
            done_path(workspace.feeds / waiting.vendor, part.sha256, part.name),
            staged_path(workspace, part),
        )
        try:
            whole = stamp_of(original.lstat()) == part.stamp
        except FileNotFoundError:
            continue
        if whole and copy.exists():
            durable.sync(original)  # whoever sent it may not have waited for the disk
            durable.sync(original.parent)
            reached("ingest.let_go")
            copy.unlink()


def done_path(folder: Path, sha256: str, name: str) -> Path:
    """Where a file of a vendor's folder goes once it was looked at."""
    return folder / "done" / f"{sha256[:12]}_{name}"


def _put_away(part: Part) -> None:
    target = done_path(part.path.parent, part.sha256, part.name)
    try:
        if stamp_of(part.path.lstat()) != part.stamp:
            return
    except FileNotFoundError:
        return
    target.parent.mkdir(exist_ok=True)
    reached("ingest.put_away")
    part.path.replace(target)
