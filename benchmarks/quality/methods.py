"""From the name of a method to the function that trains it.

Imports stand inside: a cell's peak memory should not hold the libraries of other methods.
"""

from collections.abc import Callable
from functools import partial

from benchmarks.quality.trained import Lesson, Trained


def trainer(method: str) -> Callable[[Lesson], Trained]:
    """The training function of a method; `product` has none, for it multiplies stored scores."""
    family, _, which = method.partition("_")
    if family in ("majority", "vendor"):
        from benchmarks.quality import simple  # noqa: PLC0415

        return simple.majority if family == "majority" else simple.vendor_lookup
    if family in ("svc", "logreg"):
        from benchmarks.quality import linear  # noqa: PLC0415

        return linear.svc if family == "svc" else linear.logreg
    if family in ("knn", "lr"):
        from benchmarks.quality import frozen  # noqa: PLC0415

        return partial(frozen.neighbours if family == "knn" else frozen.regression, which=which)
    return _networks(family, which)


def _networks(family: str, which: str) -> Callable[[Lesson], Trained]:
    if family == "ours":
        from benchmarks.quality import ours  # noqa: PLC0415

        return ours.probe if which == "probe" else partial(ours.tuned, shown=which or "both")
    if family == "setfit":
        from benchmarks.quality import setfit  # noqa: PLC0415

        return setfit.fine_tuned
    if family == "scratch":
        from benchmarks.quality import scratch  # noqa: PLC0415

        return scratch.from_scratch
    raise ValueError(f"{family} is no method of this benchmark.")
