"""The commands `catalog vendor ...`: a form for a vendor's file, what a file would give, what to write to the vendor."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.command import CURRENT, Here

if TYPE_CHECKING:
    from pipelines.vendor import Answer

app = typer.Typer(no_args_is_help=True, help="A vendor's form, and what is wrong with a vendor's files.")

Vendor = Annotated[str, typer.Argument(help="The vendor's name: its folder under feeds/.")]
Feed = Annotated[Path, typer.Argument(help="A file as the vendor sends it.")]


@app.command()
def propose(
    vendor: Vendor,
    file: Feed,
    workspace: Here = CURRENT,
    out: Annotated[str | None, typer.Option(help="Another file to write; - prints the form instead.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the form that is there; with --update, change it.")
    ] = False,
    update: Annotated[
        bool, typer.Option("--update", help="Compare the form with this file and show what changed.")
    ] = False,
) -> None:
    """Looks at a sample of a file and writes vendors/VENDOR.toml for a person to check, with its reasons beside each line.

    Exit status 1 when the file is no feed or only the vendor can say which column is the id: then nothing is written.
    """
    from pipelines import vendor as job

    if update:
        _say(job.update(workspace, vendor, file, force=force))
    else:
        _say(job.propose(workspace, vendor, file, out=out, force=force))


@app.command()
def check(vendor: Vendor, file: Feed, workspace: Here = CURRENT) -> None:
    """Says what a file would give under the vendor's form: taken, quarantined by rule, categories, images. Stores nothing."""
    from pipelines import vendor as job

    _say(job.check(workspace, vendor, file))


@app.command()
def report(vendor: Vendor, workspace: Here = CURRENT) -> None:
    """Writes the issue list of the vendor's latest delivery (CSV and HTML under reports/), to send to the vendor."""
    from pipelines import vendor as job
    from pipelines.session import opened

    with opened(workspace) as session:
        answer = job.report(session.workspace, session.store, vendor)
    _say(answer)


def _say(answer: "Answer") -> None:
    typer.echo(answer.text)
    raise typer.Exit(0 if answer.good else 1)
