"""The command `catalog nightly`."""

from typing import Annotated, Literal

import typer

from pipelines.command import CURRENT, Engine, Here
from pipelines.command import session as _session


def nightly(
    workspace: Here = CURRENT,
    vendor: Annotated[str | None, typer.Option(help="Only this vendor's deliveries.")] = None,
    engine: Engine = None,
    deadline: Annotated[
        str | None,
        typer.Option(help="HH:MM by this machine's clock: what is complete is published by then, the rest waits."),
    ] = None,
    retrain: Annotated[
        Literal["daily", "weekly", "monthly"] | None,
        typer.Option(help="Also train when one is due, and promote or refuse; a refusal fails no night."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen; write nothing.")] = False,
) -> None:
    """Everything since last time: ingest, classify, route, review sheets, publish, changes, report. Repeating it changes nothing."""
    if dry_run:
        from pipelines import rehearsal

        typer.echo(rehearsal.run(workspace, vendor=vendor))
        return
    from dataclasses import replace

    from pipelines import ending as job
    from pipelines import nightly as nights

    until = nights.deadline(deadline) if deadline else None
    with _session(workspace, engine=engine) as session:
        ended = job.run(replace(session, until=until), vendor=vendor, retraining=retrain)
    typer.echo(f"{ended.table}\n\n{ended.text}")
    if ended.complaint:
        typer.echo(ended.complaint, err=True)
    job.tell(session.workspace, session.settings.notify, ended)
    if ended.exit_status:
        raise typer.Exit(ended.exit_status)
