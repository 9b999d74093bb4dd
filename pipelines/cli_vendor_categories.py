"""The command `catalog vendor categories`."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.command import CURRENT, Here, session


def vendor_categories(
    vendor: Annotated[str | None, typer.Argument(help="Default: all vendors.")] = None,
    workspace: Here = CURRENT,
    limit: Annotated[int, typer.Option(help="How many to show.", min=1)] = 40,
    export: Annotated[Path | None, typer.Option(help="Write all of them to this file, to confirm or correct.")] = None,
    import_file: Annotated[Path | None, typer.Option("--import", help="Take such a file back.")] = None,
    who: Annotated[str | None, typer.Option(help="Who says so, where the file does not say.")] = None,
) -> None:
    """What vendors' own categories mean here, the worst and largest first; with --export and --import a person's word."""
    from catalog.publishing import ask
    from pipelines import vendor_categories as job

    with session(workspace) as place, place.single("vendor categories", vendor, str(import_file)) as work:
        if import_file is not None:
            counts = job.import_said(work, import_file, who)
            typer.echo(", ".join(f"{name} {number}" for name, number in counts.items()))
        elif export is not None:
            typer.echo(f"{job.export(work, export, vendor)} rows in {export}. Fill the column said, then --import it.")
        else:
            typer.echo(ask.shown(job.shown(work, vendor), limit))
