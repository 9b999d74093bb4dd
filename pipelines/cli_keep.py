"""The commands `catalog backup | restore | prune | upgrade`."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.command import CURRENT, Here


def backup(folder: Path, workspace: Here = CURRENT) -> None:
    """Writes a whole, checksummed copy of the workspace below FOLDER, without what can be computed anew."""
    from pipelines import keep

    typer.echo(keep.backup(workspace, folder))


def restore(
    backup: Path,
    workspace: Here = CURRENT,
    over: Annotated[
        bool, typer.Option("--over", help="Something stands there: move it aside and put the backup in its place.")
    ] = False,
) -> None:
    """Makes a workspace of a backup, every file verified first; refuses a damaged one and never overwrites."""
    from pipelines import keep

    typer.echo(keep.restore(backup, workspace, over=over))


def prune(
    workspace: Here = CURRENT,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
) -> None:
    """Removes files that the section retention of catalog.toml does not keep, and says what the workspace takes."""
    from pipelines import keep

    typer.echo(keep.prune(workspace, dry_run=dry_run))


def upgrade(workspace: Here = CURRENT) -> None:
    """Brings the tables to this program's version; refuses when they are of a newer one."""
    from pipelines import keep

    typer.echo(keep.upgrade(workspace))
