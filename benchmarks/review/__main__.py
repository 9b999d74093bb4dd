"""Prints the tables of benchmarks/RESULTS.md about review: the audit, the promotion gate, simulated weeks.

python -m benchmarks.review audit [--runs 300]
python -m benchmarks.review gate --set bigbasket --target 0.95 [--candidates 50] [--data DIR] [--cache build/quality]
python -m benchmarks.review order --set bigbasket --labels 100 [--most 4000] [--seeds 2] [--data DIR] [--cache build/quality]
python -m benchmarks.review weeks --set bigbasket --target 0.95 0.98 --first 0.2 0.5 [--kept ours] [--groups look-alikes titles] [--data DIR] [--cache build/quality]
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

from benchmarks.quality.cells import Cell
from benchmarks.quality.data import DATA, FOLDERS
from benchmarks.quality.stored import CACHE
from benchmarks.review import audit, candidates, ordering, weeks
from benchmarks.review.shop import Shop


def main() -> None:
    """Runs one part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("audit", "gate", "order", "weeks"))
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--set", choices=FOLDERS, default="bigbasket")
    parser.add_argument("--target", nargs="+", type=float, default=[0.95], help="The gate takes the first.")
    parser.add_argument(
        "--first", nargs="+", type=float, default=[weeks.FIRST], help="Share that comes labelled before the weeks."
    )
    parser.add_argument("--candidates", type=int, default=50)
    parser.add_argument("--labels", type=int, default=100, help="Labels the first model learns from.")
    parser.add_argument("--most", type=int, default=4000, help="Decisions at the end.")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--cache", type=Path, help="Where benchmarks.quality keeps embeddings; without: n-grams alone.")
    parser.add_argument("--groups", nargs="+", choices=weeks.GROUPS, default=weeks.GROUPS[:1], help="How weeks groups.")
    parser.add_argument(
        "--kept", metavar="METHOD", help="Of the quality benchmark: its kept scores serve, nothing is trained."
    )
    parser.add_argument("--limit", type=int, help="So many items of the set.")
    chosen = parser.parse_args()
    lines: Iterable[str]
    if chosen.part == "audit":
        lines = audit.tables(chosen.runs)
    elif chosen.part == "gate":
        lines = candidates.run(chosen.set, chosen.data, chosen.candidates, chosen.target[0], chosen.cache)
    elif chosen.part == "order":
        lines = ordering.run(chosen.set, chosen.data, chosen.labels, chosen.most, chosen.seeds, chosen.cache)
    else:
        lines = weeks.runs(_shop(chosen), chosen.target, chosen.first, chosen.groups)
    for line in lines:
        print(line, flush=True)


def _shop(chosen: argparse.Namespace) -> Shop:
    """The set as the weeks read it."""
    if not chosen.kept:
        return Shop.opened(chosen.set, chosen.data, cache=chosen.cache, limit=chosen.limit, whole=True)
    cell = Cell(chosen.set, "official" if chosen.set == "mwpd_gpc" else "title", chosen.kept)
    return Shop.kept(cell, chosen.data, chosen.cache or CACHE)


if __name__ == "__main__":
    main()
