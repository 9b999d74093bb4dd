"""Progress bars on a terminal, nothing in a cron log."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from catalog.jobs import Progress, quiet


@contextmanager
def progress() -> Iterator[Progress]:
    """A callback (what, done, total, note) that draws one bar per kind of work while standard error is a terminal."""
    if not sys.stderr.isatty():
        yield quiet
        return
    from rich.console import Console  # noqa: PLC0415 - only a terminal pays for it
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415
    from rich.progress import Progress as Bars  # noqa: PLC0415

    words = (TextColumn("{task.description:>24}"), TextColumn("{task.fields[note]}"))
    columns = (words[0], BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), words[1])
    with Bars(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, int] = {}

        def show(what: str, done: int, total: int, note: str = "", /) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total, note=note)
            bars.update(tasks[what], completed=done, total=total, note=note)  # type: ignore[arg-type]

        yield show
