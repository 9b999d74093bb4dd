"""The commands `catalog evaluate`, `promote` and `rollback`: what serves, and on what grounds it changes."""

import json
from pathlib import Path
from typing import Annotated

import typer

from pipelines.command import CURRENT, Here, session


def evaluate(
    model: Annotated[str | None, typer.Argument(help="Default: the newest.")] = None,
    workspace: Here = CURRENT,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, every group that was compared in it.")] = False,
) -> None:
    """Compares a model with the one that serves, on products neither has learned from, slice by slice, and audits it for bias."""
    from pipelines import audit as job

    with session(workspace) as place, place.single("evaluate", model) as work:
        found = job.run(work, model)
    typer.echo(json.dumps(found.to_dict(), ensure_ascii=False, indent=1) if as_json else found.text())


def promote(
    model: str,
    workspace: Here = CURRENT,
    approve_moves: Annotated[
        bool, typer.Option("--approve-moves", help="Promote although more items would move than routing.max_moves.")
    ] = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Promote although the comparison or the audit speaks against it.")
    ] = False,
) -> None:
    """Makes a model the serving one, unless it is worse than today's somewhere, or moves too much without approval."""
    from pipelines import audit
    from pipelines import promote as job

    with session(workspace) as place, place.single("promote", model) as work:
        found = audit.run(work, model)
        typer.echo(found.text())
        if not anyway:
            found.require_promotable(model, bias=work.settings.audit.bias)
        moves = job.would_move(work, model)
        if not approve_moves:
            moves.require_few(work.settings.routing.max_moves)
        typer.echo(moves.text())
        job.run(work, model, reason="anyway" if anyway else "compared")
        typer.echo(f"Model {model} serves from the next night on.")


def sign(
    model: str,
    key: Annotated[Path, typer.Option(help="Your private ed25519 key, PEM, which nobody else may read.")],
    workspace: Here = CURRENT,
) -> None:
    """Signs a bundle: says that you vouch for it. Which keys count stands in the keyring ([models] in catalog.toml)."""
    from catalog.settings import Workspace
    from pipelines import promote as job

    typer.echo(job.sign(Workspace(workspace).require(), model, key))


def rollback(workspace: Here = CURRENT) -> None:
    """Goes back to the model that served before, and puts back what the withdrawn one moved."""
    from pipelines import promote as job

    with session(workspace) as place, place.single("rollback") as work:
        model, restored = job.rollback(work)
    typer.echo(f"Model {model} serves again from the next night on; {restored:,} items are back where they stood.")


def approve_moves(
    by: Annotated[str, typer.Option("--by", help="Your name: it is kept with what you say.")],
    workspace: Here = CURRENT,
    note: Annotated[str | None, typer.Option(help="Why, in a few words.")] = None,
) -> None:
    """Lets those items move in the next night that routing.max_moves holds back now; look at some first."""
    from catalog.placement import move_limit

    with session(workspace) as place, place.single("approve moves", by) as work:
        items = move_limit.approve(work, by, note)
    typer.echo(
        f"{items:,} items may move in the next night: catalog nightly" if items else "No item is held back from moving."
    )


def reclassify(
    vendor: Annotated[str | None, typer.Option(help="Only items of this vendor.")] = None,
    node: Annotated[
        str | None, typer.Option(help="Only items at or below this category: id, path or leaf name.")
    ] = None,
    by: Annotated[str, typer.Option("--by", help="Your name; without it nothing is let move, only shown.")] = "",
    note: Annotated[str | None, typer.Option(help="Why, in a few words.")] = None,
    workspace: Here = CURRENT,
) -> None:
    """Shows which placements the serving model, certified, would put elsewhere if nothing stood, and lets them move."""
    from catalog.placement.reclassification import Part
    from pipelines import reclassify as job

    with session(workspace) as place, place.single("reclassify", vendor, node, by) as work:
        moves = job.run(work, Part(vendor, node), job.By(by, note) if by else None)
    typer.echo(moves.text())
    if by and moves.items.height:
        typer.echo(f"{moves.items.height:,} items may move in the next night: catalog nightly")
    elif moves.items.height:
        typer.echo("Nothing was changed. To let them move in the next night, add --by NAME.")
