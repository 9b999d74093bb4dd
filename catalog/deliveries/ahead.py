"""Work on the next pieces of a file while the results of those before are stored."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Piece = TypeVar("Piece")
Result = TypeVar("Result")
WORKERS = 2  # of which Python lets one at a time do what is not done in polars or DuckDB


def ahead(work: Callable[[Piece], Result], pieces: Iterable[Piece], *, workers: int = WORKERS) -> Iterator[Result]:
    """The results in the order of the pieces; at most `workers` of them are under way or wait to be taken.

    `work` runs in threads. What it raises is raised where its result is taken; what reading a piece raises, after the
    results of the pieces before it, so that these count as they do without threads.
    """
    under_way: deque[Future[Result]] = deque()
    unread: Exception | None = None
    coming = iter(pieces)
    with ThreadPoolExecutor(workers, "ahead") as threads:
        while True:
            try:
                piece = next(coming)
            except StopIteration:
                break
            except Exception as error:
                unread = error
                break
            if len(under_way) == workers:
                yield under_way.popleft().result()
            under_way.append(threads.submit(work, piece))
        while under_way:
            yield under_way.popleft().result()
    if unread:
        raise unread
