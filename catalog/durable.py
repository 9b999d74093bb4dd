"""Files that are on the disk whole or not at all, also when the power goes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from catalog.failpoints import reached


def sync(path: Path) -> None:
    """Waits until the bytes of a file are on the disk, or of a folder the names in it: a rename is lasting only then."""
    reached("disk.sync")
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write(target: Path, content: bytes) -> None:
    """Replaces a file, making its folder: a reader sees the old file or the new one, never half of it."""
    with replacing(target) as file:
        file.write(content)


@contextmanager
def replacing(target: Path) -> Iterator[IO[bytes]]:
    """The same for content that comes in pieces: an open file, which takes the target's place when the block is left."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.tmp")
    try:
        with unfinished.open("wb") as file:
            yield file
        sync(unfinished)
        unfinished.replace(target)
    except BaseException:
        unfinished.unlink(missing_ok=True)  # a full disk must get its space back
        raise
    sync(target.parent)
