"""Answering an analyst's SQL from the published file, locked down: read-only, no other files, no settings."""

import json
import math
import re
from datetime import date, datetime, time
from decimal import Decimal
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Literal

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

from catalog import durable
from catalog.errors import CatalogError
from catalog.publishing import dictionary
from catalog.publishing.reader import Reader, reading
from catalog.settings import Workspace

Output = Literal["table", "csv", "json"]
_LONGEST = 100
_DAY = {"ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
_DAYS = (-719_162, 2_932_896)  # since 1970: the first of year 1, the last of year 9999
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def ask(workspace: Workspace, query: str | None = None, output: Output = "table", *, rows: int | None = None) -> str:
    """The answer as text. `.tables`, as no query, lists what there is; `.describe NAME` says what its columns hold.

    Of several statements a table shows the answer of each, CSV and JSON hold the last. `rows` cuts each answer. Raises
    CatalogError when nothing is published yet, or a statement is wrong or not allowed; then nothing is answered.
    """
    asked = (query or ".tables").strip()
    with reading(workspace.published_db) as reader:
        found = _found(reader, asked)
    last = found[-1] if rows is None else found[-1].head(rows)
    if output == "csv":
        return _flat(last).write_csv()
    if output == "json":
        return _as_json(last.to_dicts(), indent=1) + "\n"
    # half an explanation explains nothing: what `.tables` and `.describe` say is not cut as titles are
    longest = 1_000 if asked.startswith(".") else _LONGEST
    return "\n".join(_table(one if rows is None else one.head(rows), one.height, longest=longest) for one in found)


def write(workspace: Workspace, query: str, target: Path, output: Output | Literal["parquet"]) -> None:
    """Writes the answer to a file, whole or not at all: of several, Parquet, CSV and JSON hold the last. Raises as `ask`."""
    if output != "parquet":
        durable.write(target, ask(workspace, query, output=output).encode())
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.tmp")
    try:
        with reading(workspace.published_db) as reader:
            reader.parquet(query, unfinished)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def read_query(file: Path) -> str:
    """The statements a file holds. Raises CatalogError when it cannot be read."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogError(f"{file} cannot be read: {error}.", remedy="Name a text file in UTF-8.") from error


def _found(reader: Reader, query: str) -> list[pl.DataFrame]:
    """The answers, at least one; where nothing was asked it is empty."""
    word, _, name = query.rstrip("; \n").partition(" ")
    if word == ".tables":
        return [reader.query(dictionary.LISTED)]
    if word == ".describe" and name:
        found = dictionary.entry(reader.query, name.strip())
        rows = [(found.name, found.kind, found.holds)] + [(c.name, c.kind, c.holds) for c in found.columns]
        return [pl.DataFrame(rows, schema=["name", "type", "holds"], orient="row")]
    if word.startswith("."):
        raise CatalogError(
            f"{word} is not understood.", remedy="Use `.tables`, `.describe NAME` or a statement in SQL."
        )
    return [_with_times(answer) for answer in reader.answers(query)] or [pl.DataFrame()]


def _with_times(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame itself; CatalogError where a day or time is none of the years 1 to 9999, as infinity is none."""
    for name, kind in frame.schema.items():
        a_day = 1 if kind == pl.Date else _DAY.get(kind.time_unit or "") if isinstance(kind, pl.Datetime) else None
        numbers = frame[name].drop_nulls().to_physical() if a_day else None
        if a_day and numbers is not None and not (numbers // a_day).is_between(*_DAYS).all():
            raise CatalogError(
                f"{name} holds a time outside of the years 1 to 9999.", remedy=f"Ask for its text: {name}::VARCHAR."
            )
    return frame


def shown(frame: pl.DataFrame, rows: int | None = None) -> str:
    """A frame as the table that answers are shown in; `rows` cuts it."""
    return _table(frame if rows is None else frame.head(rows), frame.height)


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Lists and structs as JSON text, which CSV has no other place for."""
    nested = [name for name, kind in frame.schema.items() if kind.is_nested()]
    return frame.with_columns(
        pl.Series(name, [None if v is None else _json(v) for v in frame[name]], dtype=pl.String) for name in nested
    )


def _json(value: object) -> str:
    return _as_json(_plain(value) if isinstance(value, pl.Series) else value)


def _as_json(value: object, indent: int | None = None) -> str:
    """JSON that any reader takes: it has no word for NaN and infinity, which become null."""
    write = partial(json.dumps, default=_plain, ensure_ascii=False, indent=indent, allow_nan=False)
    try:
        return write(value)
    except ValueError:
        return write(_finite(value))


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list | pl.Series):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: object) -> object:
    """What JSON has no form for: sums of integers come as decimals without a fraction, times as ISO text."""
    if isinstance(value, pl.Series):
        return value.to_list()
    if isinstance(value, Decimal):
        return int(value) if value.as_tuple().exponent == 0 else float(value)
    return value.isoformat() if isinstance(value, date | time) else str(value)


def _table(frame: pl.DataFrame, height: int, *, longest: int = _LONGEST) -> str:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, kind in frame.schema.items():
        table.add_column(Text(name), justify="right" if kind.is_numeric() else "left", overflow="fold")
    for row in frame.iter_rows():
        table.add_row(*(Text(_cell(value, longest)) for value in row))
    console = Console(file=StringIO(), width=max(40, len(frame.columns) * (longest + 2)), color_system=None)
    console.print(table)
    lines = [line.rstrip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]
    cut = f", {frame.height:,} shown" if frame.height < height else ""
    return "\n".join([*lines, f"({height:,} {'row' if height == 1 else 'rows'}{cut})"]) + "\n"


def _cell(value: object, longest: int) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    text = _json(value) if isinstance(value, (list, dict, pl.Series)) else str(value)
    text = _CONTROL.sub(" ", text)  # a title with escape codes must not drive the reader's terminal
    return text if len(text) <= longest else text[: longest - 1] + "…"
