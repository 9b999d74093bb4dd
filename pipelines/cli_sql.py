"""The commands that read what is published, and publish it: `catalog sql`, `catalog publish`."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipelines.command import CURRENT, Here


class Format(StrEnum):
    """How an answer is given."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


def sql(
    query: Annotated[
        str | None,
        typer.Argument(help="Statements, `.tables` or `.describe NAME`; without it, standard input is read."),
    ] = None,
    workspace: Here = CURRENT,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Read the statements from this file.")] = None,
    output: Annotated[Format, typer.Option("--format", "--output", "-o")] = Format.table,
    out: Annotated[Path | None, typer.Option(help="Write the answer here; needed for parquet.")] = None,
) -> None:
    """Asks the published catalogue, read-only: a statement reaches no files, no network, and changes nothing.

    Of several statements a table shows the answer of each; CSV, JSON and Parquet hold the last.
    """
    from catalog.publishing import ask
    from catalog.settings import Workspace

    if query is not None and file is not None:
        raise typer.BadParameter("give statements or --file, not both", param_hint="--file")
    if out is None and output is Format.parquet:
        raise typer.BadParameter("parquet needs --out FILE", param_hint="--format")
    place = Workspace(workspace).require()
    asked = ask.read_query(file) if file else query or sys.stdin.read()
    if out is None:
        typer.echo(ask.ask(place, asked, output=output.value))  # type: ignore[arg-type] # parquet was refused above
    else:
        ask.write(place, asked, out, output=output.value)
        typer.echo(f"The answer is in {out}", err=True)
