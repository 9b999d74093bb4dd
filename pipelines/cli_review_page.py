"""The command `catalog review serve`."""

import importlib.util
from typing import Annotated

import typer

from pipelines.command import CURRENT, Here

_NEEDED = ("fastapi", "uvicorn", "python_multipart")


def serve(
    workspace: Here = CURRENT,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8090,
    reviewer: Annotated[
        str | None, typer.Option(help="Who reviews in a browser that has not chosen another name.")
    ] = None,
    network: Annotated[
        bool, typer.Option("--network", help="Other machines may connect; plain HTTP, on a network you trust.")
    ] = False,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Each screen also says what moved the model and what is labelled most alike."),
    ] = False,
) -> None:
    """Serves the review page until it is stopped with Ctrl-C; prints the link that opens it."""
    from catalog.page.rendering import own_name
    from catalog.page.visitors import Key, is_loopback, require_loopback

    require_loopback(host, network=network)
    _require_extra()
    from pipelines import review_app
    from pipelines.review_page import Desk

    name = own_name(reviewer) if reviewer is not None else None
    desk = Desk.at(workspace, explain=explain)
    key = [Key(port)]

    def application(taken: int) -> review_app.Application:
        key[0] = Key(taken)
        return review_app.application(desk, key[0], reviewer=name, loopback=is_loopback(host))

    def ready(_server: object, _taken: int) -> None:
        typer.echo(f"Open {review_app.link(host, key[0])}")
        typer.echo("Whoever has this link may review. Ctrl-C ends the page; the queue stays as it is.")

    review_app.serve(application, host, port, ready)


def _require_extra() -> None:
    from catalog.errors import CatalogError

    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise CatalogError(
            f"The review page needs {', '.join(missing)}, which is not installed.",
            remedy="Install it: pip install 'feedshelf[page]'",
        )
