"""The tables of RESULTS.md, written from the lines alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.quality.cells import (
    ALL_LABELS,
    CELLS,
    METHODS,
    NOVELTY_METHODS,
    NOVELTY_PLACES,
    PLACES,
    RESAMPLES,
    SHARE_METHODS,
    SHARES,
    TWICE_ASKED,
    Cell,
    latest,
    methods_of,
    read,
)
from benchmarks.quality.requirements import Verdict, verdicts
from benchmarks.quality.seeds import Measured, count, figure, mean

RESULTS = Path(__file__).parents[1] / "RESULTS.md"
BEGIN, END = "<!-- quality: begin (written by python -m benchmarks.quality tables) -->", "<!-- quality: end -->"


def write(file: Path = RESULTS, cells: Path = CELLS, resamples: Path = RESAMPLES) -> None:
    """Replaces the marked section of the file, or adds it at the end."""
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    section = f"{BEGIN}\n{render(latest(read(cells)), read(resamples))}\n{END}"
    file.write_text(f"{before.rstrip()}\n\n{section}\n{after.lstrip(chr(10))}".lstrip("\n"), encoding="utf-8")


def render(measured: Measured, resampled: list[dict[str, Any]]) -> str:
    """The whole section as Markdown."""
    parts = [INTRODUCTION]
    for place in (*PLACES, *ALL_LABELS):
        parts += [f"### {place[0]}, split {place[1]}", _methods(measured, place)]
        if asked := verdicts(measured, resampled, place):
            parts += ["Asked for, on this split:", _requirements(asked)]
    parts += ["### Accuracy by share of the labels", _shares(measured)]
    parts += ["### Items of kinds that were held out of training", _novelty(measured)]
    parts += [
        "### Certificates from many draws",
        _resamples(resampled),
        "### Where the figures come from",
        _origin(measured),
    ]
    return "\n\n".join(parts)


INTRODUCTION = """## Quality on real data

    python -m benchmarks.quality run
    python -m benchmarks.quality resample --set mwpd_gpc --split official --method ours
    python -m benchmarks.quality tables

Every method learns from the same rows, is tuned on the same early-stopping rows, gets its temperature from the same
temperature rows and its certificate (delta 5%) from the same calibration rows; the test chooses nothing. Look-alikes stand
on one side: a row to learn from that looks like a tested one is left out. Splits named _all learn from the calibration rows, too,
as figures of classifiers that earn no certificate do. Where there are several seeds the figure is
their mean. "Placed" is the share of test items placed with the precision that was really reached, both over items;
"parent" comes on top of the leaves. ECE is the excess over a perfectly calibrated model. Seconds are those of the machine and
threads named at the end, often with other work beside it; methods on kept embeddings do not count the encoding. An empty
cell was not run."""


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(row) + " |" for row in [head, *rows]]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def _methods(measured: Measured, place: tuple[str, str]) -> str:
    head = ["method", "seeds", "leaf (95% interval)", "top level", "log-loss", "ECE", "worst slice", "95%: leaf", "95%: parent",
            "98%: leaf", "98%: parent", "no image", "no text", "train s", "MiB", "items/s"]  # fmt: skip
    rows = [_row(measured, Cell(*place, method)) for method in METHODS if method in methods_of(*place)]
    return table(head, [[*row, *[""] * (len(head) - len(row))] for row in rows])


def _row(measured: Measured, cell: Cell) -> list[str]:
    seeds = count(measured, cell)
    if not seeds:
        return [cell.method]

    def shown(form: Callable[[float | None], str], *names: str) -> str:
        return form(figure(measured, cell, *names))

    low = mean(measured, cell, lambda figures: figures["leaf_interval"][0])
    high = mean(measured, cell, lambda figures: figures["leaf_interval"][1])
    return [
        cell.method,
        str(seeds),
        f"{shown(plain, 'leaf_accuracy')} ({plain(low)} to {plain(high)}){_raw(measured, cell)}",
        *(shown(plain, name) for name in ("top_accuracy", "log_loss", "ece", "ece_worst_slice")),
        *(_placed(measured, cell, target, stratum) for target in ("0.95", "0.98") for stratum in ("leaf", "parent")),
        *(shown(plain, name) for name in ("no_image", "no_text")),
        *(shown(rounded, name) for name in ("train_seconds", "peak_mib", "score_items_a_second")),
    ]


def _raw(measured: Measured, cell: Cell) -> str:
    raw = figure(measured, cell, "leaf_accuracy_raw")
    return "" if raw is None else f"; raw {plain(raw)}"


def _placed(measured: Measured, cell: Cell, target: str, stratum: str) -> str:
    """'63.1% (96.6% right)', the precision left out where no seed places anything."""
    covered, right = (figure(measured, cell, "certified", target, stratum, name) for name in ("coverage", "precision"))
    return share(covered) if right is None else f"{share(covered)} ({share(right)} right)"


def plain(value: float | None) -> str:
    """Three digits; empty for nothing."""
    return "" if value is None else f"{value:.3f}"


def share(value: float | None) -> str:
    """Per cent with one digit; empty for nothing."""
    return "" if value is None else f"{value:.1%}"


def rounded(value: float | None) -> str:
    """A whole number; empty for nothing."""
    return "" if value is None else f"{value:.0f}"


def _requirements(asked: list[Verdict]) -> str:
    rows = [[v.what, v.must, v.aim, v.figure, v.met] for v in asked]
    return table(["what", "must", "aim", "figure", "met"], rows)


def _shares(measured: Measured) -> str:
    head = ["set", "method", *(f"{part:.0%}" for part in (1.0, *SHARES))]
    rows = []
    for place in TWICE_ASKED:
        for method in SHARE_METHODS:
            cells = [Cell(*place, method, share=part) for part in (1.0, *SHARES)]
            rows.append([place[0], method, *(plain(figure(measured, cell, "leaf_accuracy")) for cell in cells)])
    return table(head, rows)


def _novelty(measured: Measured) -> str:
    rows = []
    for place in NOVELTY_PLACES:
        for method in NOVELTY_METHODS:
            figures = [figure(measured, Cell(*place, method), part) for part in ("novel_subtree", "novel_leaf")]
            rows.append([place[0], method, *map(plain, figures)])
    text = "AUROC of the novelty score against the ordinary test. Asked for whole level-2 subtrees: 0.85, aim 0.93."
    return f"{text}\n\n{table(['set', 'method', 'level-2 subtrees', 'single leaves'], rows)}"


def _resamples(resampled: list[dict[str, Any]]) -> str:
    text = (
        "Calibration products drawn with replacement from calibration and test together; a violation is a policy whose\n"
        "precision over all of them, by product, is below the target. Asked: violations within the allowance, 90% (aim 95%)\n"
        "of the coverage of the most lenient threshold that passes in half of all draws."
    )
    head = ["set", "split", "method", "target", "draws", "products", "violations (leaf, parent)", "allowed", "nothing placed",
            "leaf coverage", "oracle's", "share of it"]  # fmt: skip
    last = {(r["set"], r["split"], r["method"], r["seed"], r["target"]): r for r in resampled}
    rows = [
        [r["set"], r["split"], r["method"], f"{r['target']:.0%}", str(r["draws"]), str(r["products"]),
         f"{share(r['violations'])} ({share(r['leaf_violations'])}, {share(r['parent_violations'])})", share(r["allowed"]),
         share(r["nothing_placed"]), share(r["coverage"]), share(r["oracle_coverage"]), share(r["of_oracle"])]
        for r in last.values()
    ]  # fmt: skip
    return f"{text}\n\n{table(head, rows)}"


def _origin(measured: Measured) -> str:
    found: dict[tuple[str, str, str, int], list[str]] = {}
    for cell, line in measured.items():
        threads = line["figures"].get("threads", 1)
        found.setdefault((line["date"], line["commit"], line["machine"], threads), []).append(cell.method)
    rows = [[*map(str, key), f"{len(cells)}: {', '.join(sorted(set(cells)))}"] for key, cells in sorted(found.items())]
    return table(["date", "commit", "machine", "threads", "cells"], rows)
