"""The commands `catalog review ...`: sheets out and back, who works on what, what came in."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.command import CURRENT, Here, session

app = typer.Typer(no_args_is_help=True, help="What people are asked, and what they say.")

Vendor = Annotated[str | None, typer.Option(help="Only this vendor's items.")]
Reviewer = Annotated[str | None, typer.Option(help="Who decided, where the sheet does not say.")]


@app.command()
def export(  # noqa: PLR0913, PLR0917 - each is an option of the command
    workspace: Here = CURRENT,
    limit: Annotated[int | None, typer.Option(help="At most this many rows; groups stay whole.", min=1)] = None,
    vendor: Vendor = None,
    department: Annotated[
        str | None, typer.Option(help="Only items whose likeliest category lies in this top category.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Only items that wait for this reason.")] = None,
    reviewer: Annotated[
        str | None, typer.Option(help="Whose sheet it is: its rows are lent, nobody else gets them meanwhile.")
    ] = None,
    lease: Annotated[str, typer.Option(help="How long they are lent, such as 4h or 2d.")] = "2d",
    form: Annotated[
        str | None, typer.Option("--format", help="csv, xlsx or labelstudio; default: review.format of the settings.")
    ] = None,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain", help="Each row also says what moved the model and what is labelled most alike; 20 ms a row."
        ),
    ] = False,
) -> None:
    """Writes review sheets to review/outbox: all that nobody holds, or one reviewer's share."""
    from catalog.review.leases import duration
    from catalog.review.review_queue import Narrowing
    from pipelines import review

    to = review.Assignment(reviewer, duration(lease)) if reviewer is not None else None
    part = Narrowing(vendor, department, reason)
    with session(workspace) as place, place.single("review export", limit, part, reviewer) as job:
        telling = review.explaining(job) if explain else None
        paths = review.export(job, limit=limit, part=part, to=to, form=form, telling=telling)
    for path in paths:
        typer.echo(path)
    if not paths:
        typer.echo("Nothing is free to be asked. See: catalog review status")


@app.command()
def dump(
    file: Annotated[Path, typer.Argument(help="Ending in .csv or .parquet.")],
    workspace: Here = CURRENT,
    vendor: Vendor = None,
) -> None:
    """Writes the whole queue to one file, to plan with: in order, held rows too, without tokens; lends nothing."""
    from catalog.review.review_queue import Narrowing
    from pipelines import review

    with session(workspace) as place, place.single("review dump", str(file)) as job:
        typer.echo(f"{review.dump(job, file, Narrowing(vendor)):,} rows in {file}")


@app.command("import")
def import_(
    file: Path,
    workspace: Here = CURRENT,
    partial: Annotated[
        bool, typer.Option("--partial", help="Take the good rows although others have problems.")
    ] = False,
    reviewer: Reviewer = None,
    encoding: Annotated[
        str | None, typer.Option(help="What a CSV was saved in, for instance windows-1251; found by itself otherwise.")
    ] = None,
) -> None:
    """Takes a filled sheet back; nothing of it is applied when a row has a problem, unless --partial."""
    from pipelines import review

    with session(workspace) as place, place.single("review import", str(file)) as job:
        report = review.import_sheet(job, file, partial=partial, reviewer=reviewer, encoding=encoding)
    typer.echo(", ".join(f"{name} {number}" for name, number in report.counts.items()))
    if report.import_id:
        typer.echo(f"Import {report.import_id}. To take it back: catalog review undo {report.import_id}")
    for problem in report.problems:
        typer.echo(str(problem), err=True)
    if report.problem_sheet:
        typer.echo(f"The problems, with suggestions: {report.problem_sheet}", err=True)
    raise typer.Exit(1 if report.problems and not partial else 0)


@app.command()
def status(workspace: Here = CURRENT) -> None:
    """What waits and why, who holds what, sheets out and back, how fast people answer."""
    from catalog.review import review_status

    with session(workspace) as place:
        typer.echo(review_status.text(place.store, place.settings.audit))


@app.command("give-back")
def give_back(reviewer: str, workspace: Here = CURRENT) -> None:
    """Frees what a reviewer holds, before its time is over."""
    from catalog.review import leases

    with session(workspace) as place, place.single("review give-back", reviewer) as job:
        typer.echo(f"{leases.give_back(job, reviewer)} rows are free again.")


@app.command()
def imports(
    workspace: Here = CURRENT,
    limit: Annotated[int, typer.Option(help="At most this many.", min=1)] = 30,
) -> None:
    """The last sheets that were taken in, with the ids `undo` asks for."""
    from catalog.review import undo as undoing

    with session(workspace) as place:
        typer.echo("\n".join(undoing.imports(place.store, limit)))


@app.command()
def undo(
    import_id: Annotated[str, typer.Argument(metavar="IMPORT", help="The id that import printed.")],
    workspace: Here = CURRENT,
    by: Annotated[str | None, typer.Option(help="Your name: it is kept with what you say.")] = None,
    note: Annotated[str | None, typer.Option(help="Why, in a few words.")] = None,
) -> None:
    """Takes an import back: its decisions no longer stand, earlier ones stand again, later ones of others stay."""
    from catalog.review import undo as undoing

    with session(workspace) as place, place.single("review undo", import_id) as job:
        counts = undoing.undo(job, import_id, undoing.By(by, note))
    typer.echo(", ".join(f"{name} {number}" for name, number in counts.items()))
    typer.echo("The next night files these items anew; what waits again can be exported at once.")


@app.command()
def proposals(
    workspace: Here = CURRENT,
    least: Annotated[int, typer.Option(help="Items a proposal needs.", min=1)] = 3,
    out: Annotated[Path | None, typer.Option(help="Also write them as a CSV.")] = None,
    tree: Annotated[
        Path | None, typer.Option(help="Also write the hierarchy with them in it, to edit and import (CSV).")
    ] = None,
) -> None:
    """What no category fits, gathered: proposed categories with a name, a place, counts and examples."""
    from catalog import sheets
    from catalog.review import new_categories
    from catalog.taxonomies.versions import latest_taxonomy

    with session(workspace) as place:
        taxonomy = latest_taxonomy(place.store)
        found = new_categories.proposals(place.store, taxonomy, least=least)
    typer.echo(new_categories.text(found, taxonomy))
    if out is not None:
        table = new_categories.table(found, taxonomy)
        sheets.write({out: sheets.render(table.columns, table.rows())}, point="review.proposals")
        typer.echo(f"Written: {out}")
    if tree is not None:
        sheets.write({tree: new_categories.tree(found, taxonomy).write_csv().encode()}, point="review.proposals")
        typer.echo(f"Written: {tree}. Rename and remove what you like, then: catalog taxonomy import {tree}")


@app.command("labelling-config")
def labelling_config(workspace: Here = CURRENT) -> None:
    """Prints the labelling config that a project of Label Studio needs for our tasks."""
    from catalog.review import label_studio
    from catalog.taxonomies.versions import latest_taxonomy

    with session(workspace) as place:
        typer.echo(label_studio.labelling_config(latest_taxonomy(place.store)), nl=False)
