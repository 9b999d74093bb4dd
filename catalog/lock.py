"""One run at a time: a lock the kernel frees when its holder dies, with the holder's name beside it."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from catalog.errors import Busy, CatalogError


class RunLock:
    """The held lock. `check` refuses to go on when somebody removed the lock file and a later run took over."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._inode = path.stat().st_ino

    def check(self) -> None:
        """Raises CatalogError unless this process still owns the lock: a run that slept must not publish over another."""
        if not self.path.exists() or self.path.stat().st_ino != self._inode:
            raise CatalogError(
                "Another run has taken over this workspace while this one was stopped.",
                remedy="Nothing to do: this run's results stay unpublished and the other run's stand.",
            )


def _holder(path: Path) -> str:
    try:
        facts = json.loads(path.read_text())
        return f"process {facts['pid']} on {facts['host']}"
    except (OSError, ValueError, KeyError):
        return "another process"


@contextmanager
def hold(path: Path) -> Iterator[RunLock]:
    """Holds the lock while inside. Raises Busy (exit status 75) naming pid and host of the holder at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    holder = path.with_suffix(".json")
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise Busy(
            f"{_holder(holder)} is working in this workspace.",
            remedy="Wait until it ends; the next start carries on from where things stand.",
        ) from error
    try:
        holder.write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
        yield RunLock(path)
    finally:
        holder.unlink(missing_ok=True)
        lock.release()
