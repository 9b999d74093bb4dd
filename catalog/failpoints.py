"""Named points at which a test may kill the process; they cost one set lookup in normal runs.

`FEEDSHELF_FAILPOINT="publish:3"` kills this process (SIGKILL, no clean-up) the third time a point whose name starts
with `publish` is reached; `FEEDSHELF_FAILPOINT_LOG=FILE` appends the name of every point reached, so that a test can
count the points of each stage first and then kill at every one of them.
"""

import os
import signal
from pathlib import Path

_target, _, _nth = os.environ.get("FEEDSHELF_FAILPOINT", "").partition(":")
_log = os.environ.get("FEEDSHELF_FAILPOINT_LOG")
_seen = 0


def reached(name: str) -> None:
    """Marks a point between two writes, e.g. `reached("ingest.items")`."""
    if _log:
        with Path(_log).open("a") as file:
            file.write(f"{name}\n")
    if _target and name.startswith(_target):
        _die_at_the_nth()


def _die_at_the_nth() -> None:
    global _seen  # noqa: PLW0603 - a counter of this process, used by tests only
    _seen += 1
    if _seen == int(_nth or 1):
        os.kill(os.getpid(), signal.SIGKILL)
