"""Work on the next pieces of a file while the results of those before are stored."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Piece = TypeVar("Piece")
Result = TypeVar("Result")
WORKERS = 2  # of which Python lets one at a time do what is not done in polars or DuckDB


def ahead(work: Callable[[Piece], Result], pieces: Iterable[Piece], *, workers: int = WORKERS) -> Iterator[Result]:
    """The results in the order of the pieces; at most `workers` of them are under way or wait to be taken, and one more
    piece is read meanwhile.

    Reading and `work` run in threads. What `work` raises is raised where its result is taken; what reading raises, after
    the results of the pieces before it, so that these count as they do without threads.
    """
    under_way: deque[Future[Result]] = deque()
    unread: Exception | None = None
    coming = iter(pieces)
    with ThreadPoolExecutor(workers + 1, "ahead") as threads:
        reading = threads.submit(_following, coming)
        while True:
            try:
                piece = reading.result()
            except Exception as error:
                unread = error
                break
            if piece is None:
                break
            reading = threads.submit(_following, coming)
            if len(under_way) == workers:
                yield under_way.popleft().result()
            under_way.append(threads.submit(work, piece[0]))
        while under_way:
            yield under_way.popleft().result()
    if unread:
        raise unread


def _following(pieces: Iterator[Piece]) -> tuple[Piece] | None:
    """The next piece, None after the last one: a thread cannot hand StopIteration on."""
    try:
        return (next(pieces),)
    except StopIteration:
        return None
