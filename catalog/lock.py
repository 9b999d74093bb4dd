"""One run at a time: a lock the kernel frees when its holder dies, with the holder's name beside it.

Holders are of two kinds. A run holds it until it is done; whoever comes meanwhile is refused at once. A page holds it
for the moments of one request, and says that it is only passing: a run that meets it waits instead of giving the
night up.
"""

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from catalog.errors import Busy, CatalogError

_PASSING = 60.0  # a page lets go after each request, so this long only when many people work on it at once
_UNSIGNED = 1.0
_LOOK_AGAIN = 0.02


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


def _facts(holder: Path) -> dict | None:
    """Who holds the lock; None in the instants in which a holder has not yet signed, or no more."""
    try:
        return json.loads(holder.read_text())
    except (OSError, ValueError):
        return None


def _name(facts: dict | None) -> str:
    return f"process {facts['pid']} on {facts['host']}" if facts else "another process"


@contextmanager
def hold(path: Path, *, passing: bool = False, patience: float = 0.0) -> Iterator[RunLock]:
    """Holds the lock while inside. Raises Busy (exit status 75) naming pid and host of the holder.

    A run that holds it is waited for `patience` seconds; what only passes, or has not signed yet, for longer.
    `passing`: this holder is one of those, and lets go within moments.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    holder = path.with_suffix(".json")
    lock = FileLock(path, timeout=0)
    _acquire(lock, holder, patience)
    try:
        holder.write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "passing": passing}))
        yield RunLock(path)
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _acquire(lock: FileLock, holder: Path, patience: float) -> None:
    started = time.monotonic()
    while True:
        try:
            lock.acquire()
            return
        except Timeout as error:
            facts = _facts(holder)
            if time.monotonic() - started >= max(patience, _worth_waiting(facts)):
                raise Busy(
                    f"{_name(facts)} is working in this workspace.",
                    remedy="Wait until it ends; the next start carries on from where things stand.",
                ) from error
        time.sleep(_LOOK_AGAIN)


def _worth_waiting(facts: dict | None) -> float:
    """Seconds."""
    if facts is None:
        return _UNSIGNED
    return _PASSING if facts.get("passing") else 0.0
