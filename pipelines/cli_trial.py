"""The command `catalog trial`."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.command import CURRENT, Here


def trial(
    file: Annotated[
        Path | None, typer.Argument(help="Products with category_path and labelled_at: when each got its category.")
    ] = None,
    workspace: Here = CURRENT,
    shadow: Annotated[bool, typer.Option("--shadow", help="Sum up what nights in the shadow found.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="All figures as JSON.")] = False,
    page: Annotated[Path | None, typer.Option("--report", help="Also write them as a page, an HTML file.")] = None,
) -> None:
    """What would this have done on my last twelve months? Automation, precision, decisions and hours a day, by target."""
    from catalog import durable
    from catalog.placement import trial as figures
    from catalog.publishing.report import trial_page
    from pipelines import trial as job
    from pipelines.terminal import progress

    if shadow == (file is not None):
        raise typer.BadParameter("Name a file of your history, or say --shadow.")
    if file is None:
        typer.echo(job.shadow(workspace))
        return
    with progress() as show:
        found = job.run(file, workspace, progress=show)
    if page:
        durable.write(page, trial_page(found).encode())
    typer.echo(found.to_json() if as_json else figures.text(found))
