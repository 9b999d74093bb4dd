"""The command: python -m benchmarks.quality run | resample | tables."""

import argparse
from pathlib import Path

from benchmarks.quality import __doc__ as about
from benchmarks.quality.cells import CELLS, METHODS, RESAMPLES, Cell, append, provenance
from benchmarks.quality.data import DATA, FOLDERS
from benchmarks.quality.measure import Surroundings, measure
from benchmarks.quality.resampling import resample
from benchmarks.quality.running import run, wanted
from benchmarks.quality.stored import CACHE
from benchmarks.quality.tables import write

FIXED = ("set", "split", "method", "seed", "share")


def main() -> int:
    """Runs one of the subcommands; 1 when a cell failed."""
    options = parser().parse_args()
    if options.command == "tables":
        write()
        return 0
    around = Surroundings(options.data, options.cache, options.lines, options.threads)
    fixed = {name: value for name in FIXED if (value := getattr(options, name)) is not None}
    if options.command == "run":
        return _run(fixed, around, options)
    cell = Cell(**fixed)
    facts = provenance()
    if options.command == "cell":
        append(around.lines, cell, measure(cell, around) | facts)
    else:
        for found in resample(cell, around, draws=options.draws):
            append(RESAMPLES, cell, found | facts)
    return 0


def _run(fixed: dict[str, object], around: Surroundings, options: argparse.Namespace) -> int:
    failed = 0
    for cell, status in run(wanted(fixed), around, again=options.again, seconds=options.limit_seconds):
        print(f"{cell.name}: {'done' if status == 0 else f'failed with {status}'}", flush=True)
        failed += status != 0
    return int(failed > 0)


def parser() -> argparse.ArgumentParser:
    """The options; `cell` is what `run` starts for each cell."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks.quality", description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = made.add_subparsers(dest="command", required=True)
    commands.add_parser("tables", help="write the tables into benchmarks/RESULTS.md")
    for name, words in (
        ("run", "measure the missing cells"),
        ("cell", "measure one cell in this process"),
        ("resample", "certify 1,000 draws from the kept scores of a cell"),
    ):
        one = commands.add_parser(name, help=words)
        full = name != "run"
        one.add_argument("--set", choices=list(FOLDERS), required=full)
        one.add_argument(
            "--split", choices=["official", "host", "title", "subtree", "official_all", "title_all"], required=full
        )
        one.add_argument("--method", choices=METHODS, required=full)
        one.add_argument("--seed", type=int, default=0 if full else None)
        one.add_argument("--share", type=float, default=1.0 if full else None)
        one.add_argument("--data", type=Path, default=DATA)
        one.add_argument("--cache", type=Path, default=CACHE)
        one.add_argument("--lines", type=Path, default=CELLS)
        one.add_argument("--threads", type=int, default=Surroundings.threads)
        if name == "run":
            one.add_argument("--again", action="store_true", help="also cells that were measured before")
            one.add_argument("--limit-seconds", type=float, default=float("inf"), help="start no cell after these")
        if name == "resample":
            one.add_argument("--draws", type=int, default=1000)
    return made


if __name__ == "__main__":
    raise SystemExit(main())
