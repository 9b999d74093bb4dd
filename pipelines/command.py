"""What the commands share: the option that names the workspace, and opening it with a progress bar."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from pipelines.session import Session

Here = Annotated[Path, typer.Option("--workspace", "-w", help="The workspace folder.", envvar="FEEDSHELF_WORKSPACE")]
Engine = Annotated[
    Literal["local", "ray"] | None,
    typer.Option(help="local: this process; ray: workers of a Ray cluster. Default: scale.engine in catalog.toml."),
]
CURRENT = Path()


@contextlib.contextmanager
def session(workspace: Path, *, engine: Engine = None) -> "Iterator[Session]":
    """The workspace opened for writing; what takes long shows its progress."""
    from pipelines.session import opened
    from pipelines.terminal import progress

    with progress() as show, opened(workspace, progress=show) as found:
        yield found.on(engine) if engine else found
