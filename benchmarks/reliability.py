"""Counts what docs/reliability.md promises: faults with their proofs, invariants, kills of test runs, inputs of the fuzzer.

python -m benchmarks.reliability
python -m pytest -m slow tests/test_crash_loop.py --junitxml=run.xml; python -m benchmarks.reliability --run run.xml
python -m tests.fuzz xml >> fuzz.jsonl; python -m benchmarks.reliability --fuzz fuzz.jsonl
"""

import argparse
import ast
import json
import tomllib
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

from catalog.integrity.invariants import INVARIANTS, KEYS
from catalog.integrity.inventory import INVENTORIES

ROOT = Path(__file__).parents[1]


def declared() -> dict[str, int]:
    """What the tree itself says."""
    faults = tomllib.loads((ROOT / "tests" / "faults.toml").read_text(encoding="utf-8"))
    proofs = {test for fault in faults.values() for test in fault["tests"]}
    return {
        "faults": len(faults),
        "tests that prove them": len(proofs),
        "invariants of facts": len(INVARIANTS),
        "tables whose keys are held unique": len(KEYS),
        "invariants of files": len(INVENTORIES),
        "points a test may stop at, in the source": _points(),
    }


def _points() -> int:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "catalog").rglob("*.py")]
    trees += [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "pipelines").rglob("*.py")]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return sum(isinstance(call.func, ast.Name) and call.func.id == "reached" for call in calls)


def ran(file: Path) -> dict[str, int]:
    """What a test run says it did: its tests by outcome, and what they counted."""
    counts: Counter[str] = Counter()
    for case in ElementTree.parse(file).iter("testcase"):
        outcome = next((child.tag for child in case if child.tag in {"failure", "error", "skipped"}), "passed")
        counts[f"tests {outcome}"] += 1
        for said in case.iter("property"):
            counts[str(said.get("name"))] += int(said.get("value") or 0)
    return dict(counts)


def fuzzed(file: Path) -> dict[str, int]:
    """What the fuzzer says it did: inputs and finds of each reader, of several runs their sum."""
    counts: Counter[str] = Counter()
    for line in file.read_text(encoding="utf-8").splitlines():
        said = json.loads(line)
        counts[f"inputs to {said['reader']}"] += said.get("executions", 0)
        counts["finds of the fuzzer"] += len(said["finds"])
    return dict(counts)


def main() -> None:
    """Prints a line for each count."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--run", type=Path, nargs="*", default=[], help="What pytest wrote with --junitxml.")
    asked.add_argument(
        "--fuzz", type=Path, nargs="*", default=[], help="What python -m tests.fuzz wrote, line after line."
    )
    given = asked.parse_args()
    counts = Counter(declared())
    for found in (*map(ran, given.run), *map(fuzzed, given.fuzz)):
        counts.update(found)
    for name, number in counts.items():
        print(f"{number:>6,}  {name}")


if __name__ == "__main__":
    main()
