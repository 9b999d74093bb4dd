"""Commands in children that may be killed, or whose disk may fail, at the n-th point they reach; and what they leave."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

ROOT = Path(__file__).parents[1]
VARYING = {"pid", "sha256", "folder", "image", "root"}  # clock times are left out by their type
# Names made of a run's number or the time, under which the second start works: a command started twice is two runs.
APART = frozenset({"run_id", "received_in", "body", "certificate_id", "export_id", "token", "group_token", "file_name"})
OF_RUNS = ("runs", "run_ends", "stages", "publications", "run_log")
DURATIONS = {"run_stages", "time_to_category"}  # how long things took is no outcome


class Children:
    """Runs one command after the other, each in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], output: Path) -> None:
        self._process, self._output = process, output

    def run(
        self,
        *words: object,
        code: str = "",
        point: str | None = None,
        log: Path | None = None,
        watched: Path | None = None,
        after: float = 0.0,
    ) -> int:
        """The exit status, -9 when it was killed at a point; with `after` seconds it is killed then (-14), wherever it is."""
        asked = {
            "words": [str(word) for word in words],
            "code": code,
            "point": point,
            "log": str(log or os.devnull),
            "watched": str(watched or ""),
            "after": after,
        }
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked | {"output": str(self._output)}) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    @property
    def folder(self) -> Path:
        """Where said.txt stands, which holds what the last command printed."""
        return self._output.parent

    @property
    def child(self) -> int:
        """The number of the process in which a command is at work."""
        return int(Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()[0])

    @property
    def said(self) -> str:
        """What the last command printed."""
        return self._output.read_text(errors="replace")


@contextmanager
def children(folder: Path, *loaded: str) -> Iterator[Children]:
    """loaded: modules that commands need, beside those that all do."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.crash_child", *loaded],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Children(process, folder / "said.txt")
        assert process.stdin is not None
        process.stdin.close()


def tables(file: Path, *, without: frozenset[str] = frozenset(), views: bool = True) -> dict[str, list[str]]:
    """Every table (and view) of a database without its clock times and the columns of `without`, rows sorted."""
    kinds = ("BASE TABLE", "VIEW") if views else ("BASE TABLE",)
    with duckdb.connect(str(file), read_only=True) as con:
        listed = con.execute("SELECT table_name FROM information_schema.tables WHERE table_type IN ?", [list(kinds)])
        content = {}
        for name in {n for (n,) in listed.fetchall()} - DURATIONS:
            found = con.execute(f'SELECT * FROM "{name}"')
            kept = [
                place
                for place, (column, kind, *_) in enumerate(found.description)
                if column not in VARYING | without and "TIMESTAMP" not in str(kind)
            ]
            content[name] = sorted(repr(tuple(row[place] for place in kept)) for row in found.fetchall())
        return content


def told_apart(points: list[str], states: list[str]) -> list[int]:
    """Numbers of the points at which the disk, or the stage at work, is another than at all points before them."""
    stages = [point.partition(".")[0] for point in points]
    first = {found: n for n, found in reversed(list(enumerate(zip(stages, states, strict=True), 1)))}
    return sorted(first.values())


def first_difference(found: dict[str, list[str]], expected: dict[str, list[str]]) -> str:
    """One line of what differs, empty when nothing does: pytest's own would be megabytes."""
    for name in sorted(expected.keys() | found.keys()):
        here, there = found.get(name, []), expected.get(name, [])
        if here != there:
            more = [*sorted(set(here) - set(there))[:1], f"{len(here)} rows"]
            less = [*sorted(set(there) - set(here))[:1], f"{len(there)} rows"]
            return f"{name}: found {' '.join(more)}; expected {' '.join(less)}"
    return ""
