"""A certificate for every group by itself: one fixed sequence each, and a group that is through hands its level on."""

from collections.abc import Mapping

import numpy as np

from catalog.certification.sequence import Curve, Walk, fixed_sequence, ordered, prospects, walk, walked

LEAST_CHANCE = 0.05  # of passing; a group below it would only take level from the others


def groups_worth_testing(temperature: Mapping[str, Curve], size: int, target: float, level: float) -> list[str]:
    """The groups worth a share of `level`, by the temperature split alone; all it knows where none is.

    `size`: calibration products.
    """
    known = {key: curve for key, curve in temperature.items() if len(curve.grid())}
    share = level / max(len(known), 1)
    chance = {key: prospects(curve, curve.grid(), size, target, share).max() for key, curve in known.items()}
    return sorted(key for key, found in chance.items() if found >= LEAST_CHANCE) or sorted(known)


def walk_groups(
    temperature: Mapping[str, Curve] | None, calibration: Mapping[str, Curve], target: float, level: float
) -> dict[str, Walk]:
    """Tests every group of `calibration` at an equal share of `level`; groups that pass to their end give theirs away.

    A sequentially rejective graph (Bretz et al. 2009): each group's hypotheses in a fixed order, and after the last of
    them its level goes to the unfinished groups in equal parts, which go on from where they stopped. The chance that
    any group passed wrongly is at most `level`, however many there are. Plain Bonferroni is the first round alone, and
    all there is without a temperature split.
    """
    share = level / max(len(calibration), 1)
    if temperature is None:
        return {key: walk(None, curve, target, share) for key, curve in calibration.items()}
    orders = {key: ordered(temperature[key], curve.size, target, share) for key, curve in calibration.items()}
    return _rounds(orders, calibration, target, dict.fromkeys(calibration, share))


def _rounds(
    orders: Mapping[str, np.ndarray], calibration: Mapping[str, Curve], target: float, levels: dict[str, float]
) -> dict[str, Walk]:
    """The orders stay those of the first round: an order chosen anew would depend on what other groups' labels said."""
    found: dict[str, Walk] = {}
    while levels:
        steps = {key: fixed_sequence(calibration[key], orders[key], target, share) for key, share in levels.items()}
        found |= {key: walked(passed) for key, passed in steps.items()}
        through = [key for key, passed in steps.items() if passed[-1].passed]
        freed = sum(levels.pop(key) for key in through)
        if not freed:
            break
        levels = {key: share + freed / len(levels) for key, share in levels.items()}
    return found
