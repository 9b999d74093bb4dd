"""The commands `catalog feeds ...`: what waits, what was held or refused, and what a person says about it."""

from typing import Annotated

import typer

from pipelines.command import CURRENT, Here

app = typer.Typer(no_args_is_help=True, help="Deliveries: what waits, and what was held, refused or wrongly accepted.")

Who = Annotated[str, typer.Option("--by", help="Your name: it is kept with what you say.")]
Note = Annotated[str | None, typer.Option(help="Why, in a few words.")]


@app.command("list")
def list_(
    workspace: Here = CURRENT,
    vendor: Annotated[str | None, typer.Option(help="Only this vendor's.")] = None,
    limit: Annotated[int, typer.Option(help="At most this many past deliveries.", min=1)] = 30,
) -> None:
    """What waits in the inboxes, and the last deliveries with status, reason and what can be done."""
    from pipelines import feeds
    from pipelines.session import opened

    with opened(workspace) as session:
        typer.echo(feeds.listed(session, vendor=vendor, limit=limit))


@app.command()
def hold(vendor: str, by: Who, file: str | None = None, note: Note = None, workspace: Here = CURRENT) -> None:
    """Leaves a vendor's files (or with --file those of one name) in the inbox until they are released."""
    from pipelines import feeds
    from pipelines.session import opened

    with opened(workspace) as session:
        typer.echo(feeds.hold(session, vendor, file, feeds.By(by, note)))


@app.command()
def release(
    delivery: Annotated[str, typer.Argument(help="Id of a held delivery, or a vendor that is on hold.")],
    by: Who,
    file: Annotated[str | None, typer.Option(help="With a vendor: the file's name.")] = None,
    note: Note = None,
    workspace: Here = CURRENT,
) -> None:
    """Accepts a held delivery as it is; the next night takes it. With a vendor: ends its hold."""
    from pipelines import feeds
    from pipelines.session import opened

    with opened(workspace) as session:
        typer.echo(feeds.release(session, delivery, file, feeds.By(by, note)))


@app.command()
def retry(delivery: str, by: Who, note: Note = None, workspace: Here = CURRENT) -> None:
    """Has the next night read a refused, held or undone delivery again, under today's mapping."""
    from pipelines import feeds
    from pipelines.session import opened

    with opened(workspace) as session:
        typer.echo(feeds.retry(session, delivery, feeds.By(by, note)))


@app.command()
def undo(
    delivery: str,
    by: Who,
    with_later: Annotated[
        bool, typer.Option("--with-later", help="Also undo what this vendor delivered after it.")
    ] = False,
    note: Note = None,
    workspace: Here = CURRENT,
) -> None:
    """Takes back a wrongly accepted delivery: what stood before it stands again from the next night on."""
    from pipelines import feeds
    from pipelines.session import opened

    with opened(workspace) as session:
        typer.echo(feeds.undo(session, delivery, feeds.By(by, note), with_later=with_later))
