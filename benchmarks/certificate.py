"""The certificate against known truth: how often it is wrong, how often it gives nothing, how much it lets through.

    python -m benchmarks.certificate [--draws 1000] [--sizes 500 1500 2000 5000]

Five simulated worlds, with 0.5% wrong labels in each, at 95 and 98%. Each draw is a first attempt with `n` calibration
products and the temperature products that come with them; it is judged by a pool of 100,000. One line a configuration:
wrong claims (leaf or parent) and what delta plus two standard errors allows; draws without any leaf placed, without
anything placed, and the share of draws without a leaf that the best start, known beforehand, would still have; shares
of products placed and, behind the slash, those of the power oracle (`tests.simulated.Tally`).
"""

import argparse

from catalog.labels.clusters import split_shares
from tests.simulated import DELTA, WORLDS, best_chance, tally

SIZES = (500, 1500, 2000, 5000)
HEADER = "| world | target | n | wrong | allowed | no leaf | nothing | at best | leaf | parent |"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    chosen = parser.parse_args()
    print(HEADER, "|---" * (HEADER.count("|") - 1) + "|", sep="\n")
    for name in WORLDS:
        for target in (0.95, 0.98):
            for size in chosen.sizes:
                print(line(name, target, size, chosen.draws), flush=True)


def line(name: str, target: float, size: int, draws: int) -> str:
    """One row of the table."""
    seen = tally(WORLDS[name], target, (temperature_products(size), size), draws)
    best = best_chance(WORLDS[name].products(100_000, 999), (size, target, DELTA / 2))
    shares = (seen.violations, seen.allowed, seen.no_leaf, seen.nothing, 1 - best)
    placed = ((seen.leaf, seen.leaf_oracle), (seen.parent, seen.parent_oracle))
    cells = [*(f"{share:.1%}" for share in shares), *(f"{mean:.3f} / {oracle:.3f}" for mean, oracle in placed)]
    return f"| {name} | {target} | {size:,} | {' | '.join(cells)} |"


def temperature_products(calibration: int) -> int:
    """How many there are in the label set whose calibration split has this many."""
    labels = next(
        n for n in range(calibration, 100 * calibration) if split_shares(n, n)["calibration"] * n >= calibration
    )
    return round(split_shares(labels, labels)["temperature"] * labels)


if __name__ == "__main__":
    main()
