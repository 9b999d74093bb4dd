"""A test that may be looked at as answers come: what it may say wrongly is spent over its looks, and exactly.

Looks at the same growing answers are alike: whoever passes wrongly at one mostly does at the next, too. Levels that are merely
added up (Bonferroni) pay for each look as if it were another sample. Here the chance to pass *for the first time* is worked
out from the looks before (Lan and DeMets 1983, with binomial counts in place of their normal limit).
"""

from collections.abc import Sequence

import numpy as np

from catalog.certification.metrics import binomial_masses

NOBODY = -1  # no number of errors passes at a look


def boundaries(accepted: Sequence[int], target: float, spent: Sequence[float]) -> list[int]:
    """The most errors, in all, with which each look passes; `NOBODY` where it cannot.

    `accepted` never falls: how many answers each look has. `spent` never falls: up to and with each look, a product that is
    right with chance `target` or less passes at any of them with this chance at most. What a look leaves over, as
    errors are whole, the next ones have.
    """
    found, used, before = [], 0.0, 0
    most = int((1.0 - target) * max(accepted, default=0)) + 1  # beyond the mean no level below a half reaches
    mass = np.ones(1)  # of each number of errors, among the courses of events that have not passed
    for many, level in zip(accepted, spent, strict=True):
        new, before = many - before, many
        mass = np.convolve(mass, binomial_masses(new, 1.0 - target, most))[: most + 1]
        passing = used + np.cumsum(mass)
        bound = int(np.searchsorted(passing, level, side="right")) - 1
        if bound > NOBODY:
            used = float(passing[bound])
            mass[: bound + 1] = 0.0
        found.append(bound)
    return found
