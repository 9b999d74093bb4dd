"""Cells and the lines they leave: which there are, in which order they are wanted, which are measured."""

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.quality.data import WITH_IMAGES

HERE = Path(__file__).parent
CELLS = HERE / "cells.jsonl"
RESAMPLES = HERE / "resamples.jsonl"
PLACES = (  # the most wanted first
    ("mwpd_gpc", "official"),
    ("fashion5k_blanked", "title"),
    ("bigbasket", "title"),
    ("fashion5k", "title"),
    ("mwpd_gpc", "host"),
    ("fashion44k", "title"),
)
# Nothing kept for a certificate: what a classifier alone would learn from. The figures seen before were of this kind.
ALL_LABELS = (("mwpd_gpc", "official_all"), ("fashion5k_blanked", "title_all"))
NOVELTY_PLACES = (("mwpd_gpc", "subtree"), ("fashion5k_blanked", "subtree"), ("bigbasket", "subtree"))
NOVELTY_METHODS = ("svc", "lr_both", "ours_probe", "ours")
TWICE_ASKED = PLACES[:2]  # three seeds and the curve of labels are measured here
TEXT_METHODS = ("majority", "svc", "logreg", "knn_text", "lr_text")
IMAGE_METHODS = ("knn_image", "knn_both", "lr_image", "lr_both")
TUNED = ("ours", "ours_text", "ours_image", "setfit", "scratch")
BASELINES = ("vendor_lookup", *TEXT_METHODS, *IMAGE_METHODS, "setfit", "scratch")
OURS = ("ours_probe", "ours", "ours_text", "ours_image")
METHODS = (*BASELINES, "product", *OURS)
SHARES = (0.3, 0.1, 0.03, 0.01)
SHARE_METHODS = ("ours", "ours_probe", "svc", "scratch")
SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Cell:
    """One measurement: a method in a split of a set, with a seed and a share of the labels."""

    set: str
    split: str
    method: str
    seed: int = 0
    share: float = 1.0

    @property
    def name(self) -> str:
        """A file name of its own."""
        return f"{self.set}-{self.split}-{self.method}-s{self.seed}-{self.share:g}"


def planned() -> list[Cell]:
    """Every cell that is wanted, in the order of priority: first seeds, the curve of labels, novelty, further seeds."""
    first = [Cell(*place, method) for place in PLACES for method in methods_of(*place)]
    curve = [Cell(*place, method, share=share) for place in TWICE_ASKED for share in SHARES for method in SHARE_METHODS]
    novel = [Cell(*place, method) for place in NOVELTY_PLACES for method in NOVELTY_METHODS]
    novel = [cell for cell in novel if cell.method != "lr_both" or cell.set in WITH_IMAGES]
    more = [Cell(*place, "ours_probe", seed) for place in PLACES for seed in SEEDS[1:]]
    more += [
        Cell(*place, m, seed) for place in TWICE_ASKED for m in methods_of(*place) if m in TUNED for seed in SEEDS[1:]
    ]
    every = [Cell(*place, method) for place in ALL_LABELS for method in methods_of(*place)]
    return [*first, *curve, *novel, *more, *every]


def methods_of(name: str, split: str) -> list[str]:
    """The methods that make sense for a set, the cheap ones first; fashion44k gets no third network of an hour."""
    if split.endswith("_all"):
        return ["svc", "lr_both" if name in WITH_IMAGES else "lr_text", "product", "ours"]
    found = list(TEXT_METHODS)
    if name == "mwpd_gpc":
        found.insert(1, "vendor_lookup")
    found += IMAGE_METHODS if name in WITH_IMAGES else ()
    found += ["product", "ours_probe", "ours"]
    if name == "fashion44k":
        return found
    found += ["ours_text", "ours_image"] if name in WITH_IMAGES else []
    return [*found, "setfit", "scratch"] if split != "host" else found


def read(file: Path) -> list[dict[str, Any]]:
    """The lines of a file; none when there is no file yet."""
    return [json.loads(line) for line in file.read_text().splitlines() if line.strip()] if file.exists() else []


def cell_of(line: dict[str, Any]) -> Cell:
    """The cell a line belongs to."""
    return Cell(line["set"], line["split"], line["method"], line["seed"], line["share"])


def latest(lines: list[dict[str, Any]]) -> dict[Cell, dict[str, Any]]:
    """The last line of each cell: a cell measured again counts as measured last."""
    return {cell_of(line): line for line in lines}


def provenance() -> dict[str, str]:
    """What a line needs to be reproduced: commit, date and machine. Asked for before the work, which may take an hour."""
    return {"commit": commit(), "date": f"{datetime.now(UTC):%Y-%m-%d}", "machine": machine()}


def append(file: Path, cell: Cell, facts: dict[str, Any]) -> None:
    """Adds one line, complete or not at all once the file is synced."""
    with file.open("a") as target:
        target.write(json.dumps(asdict(cell) | facts, ensure_ascii=False) + "\n")
        target.flush()
        os.fsync(target.fileno())


def commit() -> str:
    """The commit of the code; `dirty` when other files than the results differ from it."""
    changed = _git("status", "--porcelain", "--untracked-files=no").splitlines()
    dirty = [line for line in changed if not line.endswith((".jsonl", "RESULTS.md"))]
    return (_git("rev-parse", "--short", "HEAD") or "unknown") + ("-dirty" if dirty else "")


def _git(*arguments: str) -> str:
    found = subprocess.run(["git", *arguments], cwd=HERE, capture_output=True, text=True, check=False)
    return found.stdout.strip()


def machine() -> str:
    """Cores and kind of processor: what the seconds of a line depend on."""
    return f"{os.cpu_count()} cores {platform.machine()}"
