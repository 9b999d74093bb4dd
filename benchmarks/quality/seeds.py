"""Figures of cells as means over the seeds that were measured."""

from collections.abc import Callable
from dataclasses import replace
from statistics import fmean
from typing import Any

from benchmarks.quality.cells import SEEDS, Cell

Measured = dict[Cell, dict[str, Any]]


def count(measured: Measured, cell: Cell) -> int:
    """How many seeds of a cell were measured."""
    return sum(replace(cell, seed=seed) in measured for seed in SEEDS)


def mean(measured: Measured, cell: Cell, value: Callable[[dict[str, Any]], float | None]) -> float | None:
    """The mean over the seeds measured of one figure; None when none has it."""
    lines = [measured.get(replace(cell, seed=seed)) for seed in SEEDS]
    found = [value(line["figures"]) for line in lines if line is not None]
    known = [number for number in found if number is not None]
    return fmean(known) if known else None


def figure(measured: Measured, cell: Cell, *names: str) -> float | None:
    """The mean of the figure that stands below these names."""

    def down(figures: dict[str, Any]) -> float | None:
        found: Any = figures
        for name in names:
            found = None if found is None else found.get(name)
        return found

    return mean(measured, cell, down)
