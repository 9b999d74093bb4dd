"""The commands `catalog runs ...`: what ran, and taking a run back."""

from typing import Annotated

import typer

from pipelines.command import CURRENT, Here
from pipelines.command import session as _session

app = typer.Typer(no_args_is_help=True, help="What ran, and taking a run back.")


@app.command("list")
def list_(
    workspace: Here = CURRENT,
    limit: Annotated[int, typer.Option(help="At most this many.", min=1)] = 30,
) -> None:
    """The last runs, youngest first."""
    from pipelines import runs as job

    with _session(workspace) as session:
        typer.echo(job.listed(session.store, limit))


@app.command()
def show(run: str, workspace: Here = CURRENT) -> None:
    """One run: its steps, its deliveries with what was wrong, what it left, its counts per vendor."""
    from pipelines import runs as job

    with _session(workspace) as session:
        typer.echo(job.detail(session.store, run))


@app.command()
def undo(
    run: str,
    by: Annotated[str, typer.Option("--by", help="Your name: it is kept with what you say.")],
    note: Annotated[str | None, typer.Option(help="Why, in a few words.")] = None,
    placements_only: Annotated[
        bool, typer.Option("--placements-only", help="Only what the model placed; deliveries stay.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be taken back.")] = False,
    workspace: Here = CURRENT,
) -> None:
    """Takes back what a run did, says exactly what, and refuses what cannot be taken back; the next night publishes it."""
    from pipelines import runs as job

    if dry_run:
        with _session(workspace) as session:
            found = job.plan(session.job("dry-run"), run, placements_only=placements_only)
        typer.echo("\n".join(["Would take back:", *found.lines()]))
        return
    with _session(workspace) as session, session.single("runs undo", run, by) as work:
        found = job.plan(work, run, placements_only=placements_only)
        job.undo(work, found, job.By(by, note))
    typer.echo("\n".join(["Taken back:", *found.lines(), "The next night publishes it: catalog nightly"]))
