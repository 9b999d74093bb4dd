"""The commands `catalog taxonomy import | diff`."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.command import CURRENT, Here, session

taxonomy_app = typer.Typer(no_args_is_help=True, help="The category hierarchy.")


@taxonomy_app.command("import")
def taxonomy_import(
    file: Path,
    workspace: Here = CURRENT,
    form: Annotated[
        str | None,
        typer.Option("--format", help="google, shopify, gpc, parents, paths or labelled; default: what it looks like."),
    ] = None,
    map_file: Annotated[
        Path | None, typer.Option("--map", help="What became of each old category; see catalog taxonomy diff.")
    ] = None,
) -> None:
    """Imports a hierarchy: Google, Shopify, GS1 GPC, a table of id and parent, paths, or a labelled file."""
    from catalog.taxonomies.taxonomy_files import FORMS
    from pipelines import taxonomy

    if form is not None and form not in FORMS:
        raise typer.BadParameter(f"use one of {', '.join(FORMS)}", param_hint="--format")
    with session(workspace) as place, place.single("taxonomy", str(file)) as job:
        typer.echo(taxonomy.run(job, file, form=form, map_file=map_file))


@taxonomy_app.command("diff")
def taxonomy_diff(
    old: Path,
    new: Path,
    map_file: Annotated[
        Path | None, typer.Option("--map", help="Write what became of each old category here, to correct and import.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Every category as a row of a CSV.")] = False,
) -> None:
    """Names the added, removed, renamed, moved, merged and split categories between two files."""
    from catalog.taxonomies import taxonomy_diff as changed
    from pipelines import taxonomy

    changes = taxonomy.compare(old, new, map_file)
    typer.echo(changed.table(changes) if as_csv else changed.text(changes), nl=not as_csv)
    if map_file is not None:
        typer.echo(
            f"The map is in {map_file}. Look it through, then: catalog taxonomy import {new} --map {map_file}", err=True
        )
