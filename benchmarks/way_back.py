"""How many random answers a stopped group takes to come back, and how often wrongly, by what an attempt tests.

    python -m benchmarks.way_back [--draws 200]

Drawn groups, no workspace: scores above the standing threshold, errors of three kinds (sure ones, spread over all scores; at low
scores; half and half), answers with 2% of mistakes at 90% and none at 98%, where 2% would use up all that is allowed. "Lost" is the
mean share of placements that people still make until five times the answers of half the errors allowed (521 at 90%, 2,987 at
98%), what never comes back included: 0 would be a group that is back at once and in whole.
"""

import argparse
import math
from collections.abc import Callable, Iterator

import numpy as np

from catalog.certification import regaining
from catalog.certification.metrics import binomial_cdf
from catalog.certification.regaining import Progress, Terms, curve, followed
from catalog.certification.sequence import Curve, accepted_needed, fixed_sequence, ordered, walk, walked

DELTA, STANDING = 0.05, 2.2
FEW = 30  # products of the temperature split, below which they order nothing
Method = Callable[[Curve | None, np.ndarray, np.ndarray, float], tuple[int, float] | None]
# Target, mistakes of reviewers, kind of errors, errors as a share of those allowed. The last of each may not come back.
KINDS = (("sure", 0.2), ("sure", 0.35), ("low", 0.35), ("mixed", 0.35), ("low", 1.4))
WORLDS = [(0.9, 0.02, *kind) for kind in KINDS] + [(0.9, 0.0, "sure", 1.0)]
WORLDS += [(0.98, 0.0, *kind) for kind in KINDS] + [(0.98, 0.0, "sure", 1.0)]


def scores(rng: np.random.Generator, many: int) -> np.ndarray:
    """Log-odds of what the standing threshold places."""
    return STANDING + rng.gamma(2.0, 1.0, many)


_MANY = np.sort(scores(np.random.default_rng(0), 200_000))[::-1]


def chance(kind: str, rate: float) -> Callable[[np.ndarray], np.ndarray]:
    """Of an error at each score, `rate` on average."""
    if kind == "sure":
        return lambda score: np.full(len(score), rate)
    if kind == "mixed":
        half, other = chance("sure", rate / 2), chance("low", rate / 2)
        return lambda score: half(score) + other(score)
    scale = rate / float(_falling(_MANY).mean())
    return lambda score: np.minimum(1.0, scale * _falling(score))


def _falling(score: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(1.5 * (score - STANDING - 0.8)))


def answered(rng: np.random.Generator, many: int, wrong: Callable, mistakes: float) -> tuple[np.ndarray, np.ndarray]:
    """Draws and whether their answer says wrong: a mistaken reviewer always does."""
    score = scores(rng, many)
    return score, (rng.random(many) < wrong(score)) | (rng.random(many) < mistakes)


# ------------------------------------------------------------------ what an attempt tests


def halfway(target: float) -> int:
    """Answers at which half of the errors allowed pass at delta."""
    return accepted_needed((1.0 - target) / 2.0, target, DELTA) or 0


def added(test: Callable[[Curve | None, Curve, float, float], float | None]) -> Method:
    """Attempts at half as many answers more each time; the k-th at delta / (k (k + 1))."""

    def play(earlier: Curve | None, score: np.ndarray, wrong: np.ndarray, target: float) -> tuple[int, float] | None:
        for k in range(1, 6):
            due = math.ceil(halfway(target) * 1.5 ** (k - 1))
            found = test(earlier, curve(score[:due], wrong[:due]), target, DELTA / (k * (k + 1)))
            if found is not None:
                return due, found
        return None

    return play


def the_walk(earlier: Curve | None, draws: Curve, target: float, level: float) -> float | None:
    """As it was: from the start that the temperature split names."""
    last = walk(earlier, draws, target, level).last
    return max(last.threshold, STANDING) if last else None


def standing(earlier: Curve | None, draws: Curve, target: float, level: float) -> float | None:
    """The standing threshold alone."""
    return STANDING if binomial_cdf(int(draws.k[-1]), int(draws.n[-1]), 1.0 - target) <= level else None


def split(share: float) -> Callable[[Curve | None, Curve, float, float], float | None]:
    """The standing threshold at a share of the level, then the walk at the rest."""

    def test(earlier: Curve | None, draws: Curve, target: float, level: float) -> float | None:
        found = standing(earlier, draws, target, share * level)
        if found is not None or earlier is None:
            return found
        rest = (1.0 - share) * level
        last = walked(fixed_sequence(draws, ordered(earlier, draws.size, target, rest), target, rest)).last
        return last.threshold if last else None

    return test


def least(products: int) -> Callable[[Curve | None, Curve, float, float], float | None]:
    """The walk where the temperature split has as many products, else the standing threshold alone."""

    def test(earlier: Curve | None, draws: Curve, target: float, level: float) -> float | None:
        enough = earlier is not None and earlier.size >= products
        return (the_walk if enough else standing)(earlier, draws, target, level)

    return test


def exactly(earlier: Curve | None, score: np.ndarray, wrong: np.ndarray, target: float) -> tuple[int, float] | None:
    """As it is: `catalog.certification.regaining`."""
    found = followed(Progress(), score, wrong, lambda: earlier, Terms(target, DELTA, STANDING))
    if found.threshold is None:
        return None
    return regaining.attempt_at(target, DELTA, found.attempts), found.threshold


METHODS: dict[str, Method] = {
    "the walk (before)": added(the_walk),
    "standing at half, then the walk": added(split(0.5)),
    "the walk from 100 products on": added(least(100)),
    "the standing threshold alone": added(standing),
    "spent exactly, standing at 3/4 (now)": exactly,
}


# ------------------------------------------------------------------ what comes of it


def table(draws: int, earlier: int) -> Iterator[str]:
    """A row for each world, a column for each method, for one size of the temperature split."""
    yield f"| {earlier} earlier products: target, errors, of those allowed | {' | '.join(METHODS)} |"
    yield "|" + "---|" * (len(METHODS) + 1)
    for target, mistakes, kind, share in WORLDS:
        cells = _played(draws, earlier, target, mistakes, chance(kind, share * (1.0 - target)))
        yield f"| {target:.0%}, {kind}, {share:.2f} | {' | '.join(cells)} |"


def _played(draws: int, earlier: int, target: float, mistakes: float, wrong: Callable) -> list[str]:
    """A cell for each method, the same draws for all."""
    rng, horizon = np.random.default_rng(1), math.ceil(halfway(target) * 1.5**4)
    seen = 1.0 - (1.0 - wrong(_MANY)) * (1.0 - mistakes)
    below = np.cumsum(seen) / np.arange(1, len(_MANY) + 1) > 1.0 - target - 1e-9
    found: dict[str, list[tuple[float, float, bool]]] = {name: [] for name in METHODS}
    for _ in range(draws):
        before = curve(*answered(rng, earlier, wrong, mistakes)) if earlier >= FEW else None
        score, errors = answered(rng, horizon, wrong, mistakes)
        for name, method in METHODS.items():
            back = method(before, score, errors, target)
            if back is None:
                found[name].append((math.inf, 1.0, False))
                continue
            placed = int(np.searchsorted(-_MANY, -back[1], side="right"))
            lost = 1.0 - (1.0 - back[0] / horizon) * placed / len(_MANY)
            found[name].append((back[0], lost, bool(below[placed - 1])))
    return [_cell(rows) for rows in found.values()]


def _cell(rows: list[tuple[float, float, bool]]) -> str:
    answers, lost, wrongly = zip(*rows, strict=True)
    middle = sorted(answers)[len(answers) // 2]
    back = sum(math.isfinite(many) for many in answers) / len(rows)
    shown = f"{middle:,.0f}" if math.isfinite(middle) else "-"
    return f"{shown}; back {back:.0%}; lost {sum(lost) / len(rows):.0%}; wrongly {sum(wrongly) / len(rows):.1%}"


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=200)
    draws = parser.parse_args().draws
    print("Each cell: answers in the middle; back at all; lost; wrongly back.\n")
    for earlier in (0, 49, 150):
        for line in table(draws, earlier):
            print(line, flush=True)
        print()


if __name__ == "__main__":
    main()
