"""The commands `catalog tree import | list | unmapped`: our categories in other trees."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.command import CURRENT, Here, session

tree_app = typer.Typer(no_args_is_help=True, help="Where our categories go in other trees: a marketplace's, Google's.")


@tree_app.command("import")
def tree_import(
    name: Annotated[str, typer.Argument(help="What the other tree is called here, e.g. google.")],
    file: Annotated[Path, typer.Argument(help="CSV: category (id, path or leaf name), target_id, target_path.")],
    workspace: Here = CURRENT,
) -> None:
    """Makes a file today's map to another tree. Categories it does not name go where the nearest one above them goes."""
    from pipelines import trees

    with session(workspace) as place, place.single("tree", name, str(file)) as job:
        typer.echo(trees.run(job, name, file))


@tree_app.command("list")
def tree_list(workspace: Here = CURRENT) -> None:
    """Lists the published map of each other tree."""
    from catalog.settings import Workspace
    from pipelines import trees

    typer.echo(trees.listed(Workspace(workspace).require()).write_csv(), nl=False)


@tree_app.command("unmapped")
def tree_unmapped(name: str, workspace: Here = CURRENT) -> None:
    """Lists the published categories that a map says nothing of, as a CSV to complete; those with most items first."""
    from catalog.settings import Workspace
    from pipelines import trees

    typer.echo(trees.unmapped(Workspace(workspace).require(), name).write_csv(), nl=False)
