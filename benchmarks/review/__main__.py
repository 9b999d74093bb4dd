"""Prints the tables of benchmarks/RESULTS.md about review: the audit, the promotion gate, simulated weeks.

python -m benchmarks.review audit [--runs 300]
python -m benchmarks.review gate --set bigbasket --target 0.95 [--candidates 50] [--data DIR] [--cache build/quality]
python -m benchmarks.review order --set bigbasket --labels 100 [--most 4000] [--seeds 2] [--data DIR] [--cache build/quality]
python -m benchmarks.review weeks --set bigbasket --target 0.95 [--groups look-alikes titles] [--data DIR] [--cache build/quality]
"""

import argparse
from pathlib import Path

from benchmarks.quality.data import DATA, FOLDERS
from benchmarks.review import audit, candidates, ordering, weeks


def main() -> None:
    """Runs one part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("audit", "gate", "order", "weeks"))
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--set", choices=FOLDERS, default="bigbasket")
    parser.add_argument("--target", type=float, default=0.95)
    parser.add_argument("--candidates", type=int, default=50)
    parser.add_argument("--labels", type=int, default=100, help="Labels the first model learns from.")
    parser.add_argument("--most", type=int, default=4000, help="Decisions at the end.")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--cache", type=Path, help="Where benchmarks.quality keeps embeddings; without: n-grams alone.")
    parser.add_argument("--groups", nargs="+", choices=weeks.GROUPS, default=weeks.GROUPS[:1], help="How weeks groups.")
    parser.add_argument("--limit", type=int, help="So many items of the set.")
    chosen = parser.parse_args()
    if chosen.part == "audit":
        lines = audit.tables(chosen.runs)
    elif chosen.part == "gate":
        lines = candidates.run(chosen.set, chosen.data, chosen.candidates, chosen.target, chosen.cache)
    elif chosen.part == "order":
        lines = ordering.run(chosen.set, chosen.data, chosen.labels, chosen.most, chosen.seeds, chosen.cache)
    else:
        lines = weeks.run(chosen.set, chosen.data, chosen.target, chosen.limit, chosen.cache, chosen.groups)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
