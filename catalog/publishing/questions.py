"""What the pages ask: one statement a file of sql/report, its answer, and its text as it runs in `catalog sql`."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from typing import Any

import polars as pl

from catalog.store import literal

Ask = Callable[[str], pl.DataFrame]
NOTHING = "\N{EN DASH}"
_LONGEST = 120


@dataclass(frozen=True)
class Question:
    """A statement that stands alone, and what it answered."""

    name: str
    sql: str
    rows: pl.DataFrame

    @property
    def records(self) -> list[dict[str, Any]]:
        """The rows, one dict each."""
        return self.rows.to_dicts()

    @property
    def cells(self) -> list[list[str]]:
        """The rows as they are shown beside the statement."""
        return [[cell(value) for value in row] for row in self.rows.iter_rows()]


def names() -> list[str]:
    """Every question there is."""
    files = resources.files("sql").joinpath("report").iterdir()
    return sorted(file.name.removesuffix(".sql") for file in files if file.name.endswith(".sql"))


def put(ask: Ask, name: str, run_id: str = "") -> Question:
    """Puts the question of that name, about a run where it speaks of one.

    The run's id stands in the text: a reader copies one statement, and values the program made need no parameter.
    """
    text = resources.files("sql").joinpath("report", f"{name}.sql").read_text(encoding="utf-8")
    sql = text.strip().removesuffix(";").replace("$run_id", literal(run_id))
    return Question(name, sql, ask(sql))


def cell(value: object) -> str:
    """One value of an answer, as text."""
    if value is None:
        return NOTHING
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    text = json.dumps(list(value), ensure_ascii=False) if isinstance(value, list | pl.Series) else str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
