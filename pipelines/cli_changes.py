"""The command `catalog export changes`: what a shop or PIM applies."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.command import CURRENT, Here

export_app = typer.Typer(no_args_is_help=True, help="What others take over from the published catalogue.")


@export_app.callback()
def export() -> None:
    """What others take over from the published catalogue."""


@export_app.command("changes")
def export_changes(
    since: Annotated[str, typer.Option(help="The cursor or run applied last; 0 for everything.")],
    workspace: Here = CURRENT,
    form: Annotated[str, typer.Option("--format", help="csv, jsonl or parquet.")] = "csv",
    out: Annotated[
        Path | None, typer.Option(help="Write here, with FILE.manifest.json beside it; default: standard output.")
    ] = None,
    tree: Annotated[
        str | None, typer.Option(help="Name the categories in this other tree too; see catalog tree.")
    ] = None,
) -> None:
    """Writes a row for each item whose published category changed since a run or cursor, in the order to apply them."""
    from catalog.publishing.changes import FORMATS
    from catalog.settings import Workspace
    from pipelines import changes

    known = next((name for name in FORMATS if name == form), None)
    if known is None:
        raise typer.BadParameter(f"use one of {', '.join(FORMATS)}", param_hint="--format")
    if known == "parquet" and out is None:
        raise typer.BadParameter("parquet needs a file to be written to", param_hint="--out")
    target = out if out is not None else typer.get_binary_stream("stdout")
    manifest = changes.export(Workspace(workspace).require(), since, known, target, tree)
    if manifest is not None:
        typer.echo(f"{manifest.rows} changes in {out}; go on from it with --since {manifest.last_cursor}.")
