"""The command `catalog explain`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from pipelines.command import CURRENT, Here, session


def explain(
    item: Annotated[str, typer.Argument(metavar="ITEM", help="The vendor's own id.")],
    workspace: Here = CURRENT,
    vendor: Annotated[str | None, typer.Option(help="Whose item, where several vendors have one of that id.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write a page with the picture's heat map to this file.")] = None,
) -> None:
    """Says why an item stands where it stands: what decided, which words and picture parts moved the model, what would change it."""
    from pipelines import explain as job

    with session(workspace) as place:
        found = job.run(place, item, vendor)
    if out is not None:
        from catalog import durable
        from catalog.watch.explain_page import page

        durable.write(out, page(found.explanation, found.pixels).encode())
        typer.echo(f"The page is in {out}", err=True)
    if as_json:
        typer.echo(json.dumps(found.explanation.to_dict(), ensure_ascii=False, indent=1))
    elif out is None:
        typer.echo(found.explanation.text())
