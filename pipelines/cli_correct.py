"""The command `catalog correct`: what somebody noticed outside the review sheets."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.command import CURRENT, Here, session


def correct(
    file: Path,
    workspace: Here = CURRENT,
    partial: Annotated[
        bool, typer.Option("--partial", help="Take the good rows although others have problems.")
    ] = False,
    by: Annotated[str | None, typer.Option(help="Who says so, where the file has no column who.")] = None,
) -> None:
    """Puts items where a file says they belong (vendor, item_id, category; note, who), whatever stood there before.

    Nothing of it is kept when a row has a problem, unless --partial. The next night moves the items.
    """
    from pipelines import correct as pipeline

    with session(workspace) as place, place.single("correct", str(file)) as job:
        report = pipeline.run(job, file, partial=partial, who=by)
    typer.echo(", ".join(f"{name} {number}" for name, number in report.counts.items()))
    for problem in report.problems:
        typer.echo(str(problem), err=True)
    if report.problems and not partial:
        typer.echo("Nothing was kept. Correct these rows, or take the others with --partial.", err=True)
        raise typer.Exit(1)
