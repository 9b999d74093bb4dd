"""The command `catalog nightly`, and how a night ended, as an exit status."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pipelines.command import CURRENT, Engine, Here
from pipelines.command import session as _session

if TYPE_CHECKING:
    from catalog.settings import Feeds
    from pipelines.nightly import Night


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
    from dataclasses import replace

    from catalog.publishing import summary
    from catalog.watch import drift_words
    from pipelines import nightly as job
    from pipelines import rehearsal

    if dry_run:
        typer.echo(rehearsal.run(workspace, vendor=vendor))
        return
    until = job.deadline(deadline) if deadline else None
    with _session(workspace, engine=engine) as session:
        night = job.run(replace(session, until=until), vendor=vendor, retraining=retrain)
        nothing = "Nothing to do: no new delivery, decision, model or setting since the last run."
        typer.echo(summary.run_table(session.store, night.run_id) if night.run_id else nothing)
        for line in drift_words.lines(session.store, night.run_id) if night.run_id else ():
            typer.echo(line)
        limits = session.settings.feeds
    more = [f"left for the next night: {line}" for line in night.left]
    for line in (*night.late, *more, *night.rules, *([night.retraining] if night.retraining else [])):
        typer.echo(line)
    _end(night, limits)


def _end(night: "Night", limits: "Feeds") -> None:
    """Says what needs a person; Exit 65 when it is more than the settings let pass."""
    if not night.trouble:
        return
    allowed = night.allowed(limits)
    told = (
        f"{night.refused} feeds were refused or held and {len(night.late)} vendors are late, {allowed} are allowed. "
        f"See: catalog feeds list{f'; catalog runs show {night.run_id}' if night.run_id else ''}"
    )
    if night.trouble > allowed:
        typer.echo(told, err=True)
        raise typer.Exit(65)
    typer.echo(f"attention: {told}", err=True)
