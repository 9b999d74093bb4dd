"""Named points at which a test may kill the process or fail its disk; in normal runs each is a call that does nothing.

`FEEDSHELF_FAILPOINT="publish:3"` kills this process (SIGKILL, no clean-up) the third time a point whose name starts
with `publish` is reached; `":3"` counts the points of every name. `"disk.:3:ENOSPC"` raises that OSError there instead,
from then on at every such point: a disk that is full stays full; `":3:STOP"` puts the process to sleep (SIGSTOP) until
somebody wakes it. `FEEDSHELF_FAILPOINT_LOG=FILE` appends the name of every
point reached, so that a test can count the points of each stage first and then stop at every one of them.
"""

import errno
import os
import signal
from collections.abc import Callable
from pathlib import Path

_said = os.environ.get("FEEDSHELF_FAILPOINT")
_log = os.environ.get("FEEDSHELF_FAILPOINT_LOG")
_seen = 0


def _watched(name: str) -> None:
    """Marks a point between two writes, e.g. `reached("ingest.items")`."""
    if _log:
        with Path(_log).open("a") as file:
            file.write(f"{name}\n")
    if _said is None:
        return
    target, _, rest = _said.partition(":")
    nth, _, how = rest.partition(":")
    if name.startswith(target):
        _fail_from(int(nth or 1), how)


def _fail_from(nth: int, how: str) -> None:
    global _seen  # noqa: PLW0603 - a counter of this process, used by tests only
    _seen += 1
    if how == "STOP":
        if _seen == nth:
            os.kill(os.getpid(), signal.SIGSTOP)
    elif how and _seen >= nth:
        code = getattr(errno, how)
        raise OSError(code, os.strerror(code))
    elif not how and _seen == nth:
        os.kill(os.getpid(), signal.SIGKILL)


def _ignored(_name: str) -> None:
    """Nobody watches."""


reached: Callable[[str], None] = _watched if _said is not None or _log else _ignored
