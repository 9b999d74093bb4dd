"""Runs missing cells one after the other, each in a process of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator

from benchmarks.quality.cells import Cell, latest, planned, read
from benchmarks.quality.measure import Surroundings


def wanted(fixed: dict[str, object]) -> list[Cell]:
    """The planned cells that agree with what was fixed; a cell that is named in full need not be planned."""
    found = [cell for cell in planned() if all(getattr(cell, name) == value for name, value in fixed.items())]
    if not found and {"set", "split", "method"} <= set(fixed):
        return [Cell(**fixed)]  # type: ignore[arg-type]
    return found


def run(
    cells: Iterable[Cell], around: Surroundings, *, again: bool = False, seconds: float = float("inf")
) -> Iterator[tuple[Cell, int]]:
    """Yields each cell with the exit status of its process. None starts once `seconds` have passed."""
    known = set() if again else set(latest(read(around.lines)))
    started = time.monotonic()
    for cell in cells:
        if cell not in known and time.monotonic() - started < seconds:
            yield cell, subprocess.run(_command(cell, around), env=_environment(around), check=False).returncode


def _command(cell: Cell, around: Surroundings) -> list[str]:
    named = {
        "--set": cell.set,
        "--split": cell.split,
        "--method": cell.method,
        "--seed": cell.seed,
        "--share": cell.share,
        "--data": around.data,
        "--cache": around.cache,
        "--lines": around.lines,
        "--threads": around.threads,
    }
    options = [str(word) for pair in named.items() for word in pair]
    return [sys.executable, "-m", "benchmarks.quality", "cell", *options]


def _environment(around: Surroundings) -> dict[str, str]:
    """Without limits of their own, BLAS and torch start a thread a core in each of several libraries."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return os.environ | dict.fromkeys(names, str(around.threads))
