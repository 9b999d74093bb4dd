"""A process that forks one command at a time, so that hundreds of kills pay for the imports once.

Reads a line of JSON a command: words (of the command line) or code (Python), point and log as catalog.failpoints has them,
watched (a folder: what a kill would leave of it goes to log.states, a line a point), after (seconds until it is killed, 0 for
never), output (a file). Answers a line: the exit status, negative for a signal.
"""

import hashlib
import json
import os
import signal
import sys
import traceback
from functools import partial
from importlib import import_module
from pathlib import Path

os.environ["FEEDSHELF_FAILPOINT_LOG"] = os.devnull  # points are watched in this process from its first import on

from catalog import failpoints
from pipelines import cli, ingest, nightly, report, session  # noqa: F401 - loaded before any fork


def note(folder: Path, states: Path, *_: object) -> None:
    """Appends a digest of what a kill would leave here: every file, of one that is not in its place yet only the name."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        found.update(f"{path}\n".encode())
        if path.is_file() and not path.name.startswith("."):
            found.update(hashlib.sha256(path.read_bytes()).digest())
    with states.open("a") as file:
        file.write(f"{found.hexdigest()}\n")


def command(asked: dict) -> int:
    failpoints._said, failpoints._log, failpoints._seen = asked["point"], asked["log"], 0
    if asked["watched"]:
        failpoints._said = ":"
        failpoints._fail_from = partial(note, Path(asked["watched"]), Path(f"{asked['log']}.states"))
    signal.setitimer(signal.ITIMER_REAL, asked["after"])  # its signal ends a process like a kill: nothing is cleaned up
    with Path(asked["output"]).open("w") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    try:
        if asked["code"]:
            cli.explained(lambda: exec(compile(asked["code"], "code", "exec"), {}))
        else:
            sys.argv = ["catalog", *asked["words"]]
            cli.main()
    except SystemExit as ended:
        return int(ended.code or 0)
    except BaseException:
        traceback.print_exc()
        return 70
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def serve() -> None:
    for module in sys.argv[1:]:
        import_module(module)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(command(json.loads(line)))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
