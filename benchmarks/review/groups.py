"""What other groups and more careful reviewers would come to, reckoned beside the simulated weeks on the same queues.

Nothing is learned from it: models, placements and hidden rows are those of the simulation, whose groups are the product's and whose
reviewers answer for all members at once. Here a reviewer looks at each member (the second a member that a group costs) and takes out
those whose truth is not the group's commonest, missing each with the chance of any mistake; what is taken out is decided alone.

Wider groups join the product's while they have at most `MOST` members and the same best guess:

- half of a title   the same brand (without one the same vendor), and half of the shorter title's words in the first member's
- brand             the same brand (without one the same vendor)
- sure best guess   nothing else, where its probability is 80% or more
- best guess        nothing else
"""

from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np
import polars as pl

from catalog.labels.clusters import title_key

MISTAKES = 0.02
ITEM_SECONDS, GROUP_SECONDS, MEMBER_SECONDS = 12.0, 15.0, 1.0
MOST = 20
SURE = log(0.8 / 0.2)  # log-odds
WAYS = ("look-alikes", "half of a title", "brand", "sure best guess", "best guess")


@dataclass
class Tally:
    """What was decided. `looked`: items shown in groups, `differ` of them belong elsewhere than their group, `missed` of these stayed
    in it; `wrong_in_groups` counts whole groups answered by mistake as well, `wrong` all answers."""

    decisions: int = 0
    seconds: float = 0.0
    settled: int = 0
    looked: int = 0
    differ: int = 0
    missed: int = 0
    wrong_in_groups: int = 0
    wrong: int = 0

    def add(self, truths: np.ndarray, rng: np.random.Generator) -> None:
        """A careful reviewer decides items of these truths as a group."""
        names, counts = np.unique(truths, return_counts=True)
        differs = truths != names[counts.argmax()]
        taken = differs & (rng.random(len(truths)) >= MISTAKES)
        out, missed = int(taken.sum()), int((differs & ~taken).sum())
        wrong = len(truths) - out if rng.random() < MISTAKES else missed
        self.decisions += 1 + out
        self.seconds += seconds(len(truths)) + out * ITEM_SECONDS
        self.settled += len(truths)
        if len(truths) > 1:
            self.looked += len(truths)
            self.differ += int(differs.sum())
            self.missed += missed
            self.wrong_in_groups += wrong
        self.wrong += wrong + int((rng.random(out) < MISTAKES).sum())


def seconds(members: int) -> float:
    """What a decision on so many items takes."""
    return ITEM_SECONDS if members == 1 else GROUP_SECONDS + MEMBER_SECONDS * members


def grouped(queue: pl.DataFrame, way: str) -> list[np.ndarray]:
    """The `seq` of each group's members. queue: of `queue_order.ordered`, with title, brand and vendor."""
    found = queue.with_columns(words=title_key()).group_by("group", maintain_order=True)
    firsts = pl.col("likeliest", "log_odds_1", "brand", "vendor", "words").first()
    groups: list[list[int]] = []
    kin: dict[tuple[str, ...], list[tuple[frozenset[str], list[int]]]] = {}
    for one in found.agg("seq", pl.col("blind").any(), firsts).iter_rows(named=True):
        key = None if one["blind"] else _kinship(one, way)
        words, known = frozenset((one["words"] or "").split()), [] if key is None else kin.setdefault(key, [])
        near = (
            members
            for first, members in known
            if len(members) + len(one["seq"]) <= MOST and (way != "half of a title" or _half(words, first))
        )
        if (members := next(near, None)) is not None:
            members += one["seq"]
        else:
            groups.append(one["seq"])
            known.append((words, one["seq"]))
    return [np.array(seq) for seq in groups]


def _kinship(one: dict[str, Any], way: str) -> tuple[str, ...] | None:
    """What must be the same for two of the product's groups to be joined; None where nothing joins them."""
    if way == "look-alikes" or (way == "sure best guess" and one["log_odds_1"] < SURE):
        return None
    if way in ("sure best guess", "best guess"):
        return (one["likeliest"],)
    return one["likeliest"], one["brand"].strip().lower() if one["brand"] else "\x1f" + one["vendor"]


def _half(one: frozenset[str], other: frozenset[str]) -> bool:
    shorter = min(len(one), len(other))
    return shorter > 0 and 2 * len(one & other) >= shorter
