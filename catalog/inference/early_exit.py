"""Early exit: where the words alone are sure enough, the picture is neither fetched from disk nor looked at."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from catalog.certification.calibration import log_odds
from catalog.certification.start import smooth_errors
from catalog.labels.clusters import unit_hash

CHECKED = (
    0.05  # of the items that would leave early: their picture is read all the same, to see what it would have said
)
LARGEST_ERROR = 0.01  # of the least sure item that leaves: half of what a certificate at 98% allows on average
LEAST = 200  # held-out products with words and picture; fewer say nothing about one error in a hundred
LEAST_LEAVING = 50  # of them: a curve through fewer is a guess
_STEP = 50  # bars that are tried, from lenient to strict
STAGES = {
    "full": "everything there is of the item was read",
    "text": "the words sufficed, the picture was not read",
    "checked": "the words would have sufficed; the picture was read as a check and says the same",
    "contradicted": "the words would have sufficed; the picture was read as a check and says otherwise",
}


@dataclass(frozen=True)
class EarlyExit:
    """The rule of a bundle: an item with words and a picture leaves once the words' log-odds reach `bar`; None: never.

    The rule looks at one item alone, and the certificate is earned with it: calibration products leave early too.
    """

    bar: float | None = None

    def leaving(self, odds: np.ndarray) -> np.ndarray:
        """Bool (n,): who leaves; `odds` (n,) calibrated log-odds of the likeliest category by the words alone."""
        return np.zeros(len(odds), bool) if self.bar is None else np.asarray(odds >= self.bar)

    def to_dict(self) -> dict[str, Any]:
        """As calibration.json holds it."""
        return {"early_exit": self.bar}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "EarlyExit":
        """The inverse; a bundle of before has none."""
        return cls(content.get("early_exit"))

    @classmethod
    def fit(cls, odds: np.ndarray, right: np.ndarray, right_with_picture: np.ndarray) -> "EarlyExit":
        """The most lenient bar at which the words alone are wrong in one of a hundred at most, and no more often than with the picture.

        From held-out products with both: `odds` (n,) by the words alone, `right` (n,) whether their likeliest category
        is the label, `right_with_picture` (n,) the same of the full answer. The chance of an error at the bar is that of
        a smooth curve through all products (`smooth_errors`); at the bar, because a mean would let the surest pay for
        doubtful ones that the picture would have mended.
        """
        if len(odds) < LEAST:
            return cls()
        errors = smooth_errors(odds, ~right, 1.0 - LARGEST_ERROR)
        order = np.argsort(odds, kind="stable")
        for at in range(0, len(odds) - LEAST_LEAVING, max(1, len(odds) // _STEP)):
            leaving = order[at:]
            lost = int(right_with_picture[leaving].sum() - right[leaving].sum())
            if errors[order[at]] <= LARGEST_ERROR and lost <= 0:
                return cls(float(odds[order[at]]))
        return cls()

    @classmethod
    def from_answers(cls, logits: np.ndarray, target: np.ndarray, present: np.ndarray, rows: np.ndarray) -> "EarlyExit":
        """Fitted on calibrated logits (m, classes) of n items: each as it is, in order, then those with both by one alone.

        `target` (n,) class numbers, `present` (m, 2) what each answer was given from, `rows` (m,) the item of each.
        """
        right, odds = logits.argmax(axis=1) == target[rows], log_odds(logits).max(axis=1)
        again = np.arange(len(rows)) >= len(target)
        words = np.flatnonzero(again & (present[:, 0] > 0) & (present[:, 1] == 0))
        return cls.fit(odds[words], right[words], right[rows[words]])


def checked(input_hashes: list[str]) -> np.ndarray:
    """Bool (n,): whose picture is read although the words suffice, by the hash of the input."""
    return unit_hash(input_hashes, "early exit") < CHECKED
