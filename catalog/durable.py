"""Files that are on the disk whole or not at all, also when the power goes."""

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Waits until the bytes of a file are on the disk, or of a folder the names in it: a rename is lasting only then."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write(target: Path, content: bytes) -> None:
    """Replaces a file, making its folder: a reader sees the old file or the new one, never half of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.tmp")
    try:
        unfinished.write_bytes(content)
        sync(unfinished)
        unfinished.replace(target)
    except BaseException:
        unfinished.unlink(missing_ok=True)  # a full disk must get its space back
        raise
    sync(target.parent)
