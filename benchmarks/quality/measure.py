"""One cell, measured in a process of its own, so that a crash or a leak costs that cell only."""

import resource
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality import stored
from benchmarks.quality.cells import CELLS, Cell
from benchmarks.quality.data import DATA, WITH_IMAGES
from benchmarks.quality.figures import figures
from benchmarks.quality.methods import trainer
from benchmarks.quality.product import multiplied
from benchmarks.quality.splits import JUDGED, NOVEL, Task, task
from benchmarks.quality.stored import CACHE, Scores
from benchmarks.quality.trained import Lesson, Trained, numbered, only
from catalog.certification.calibration import fit_temperature

READ_BOTH = ("knn_both", "lr_both", "scratch", "ours", "ours_probe")


@dataclass(frozen=True)
class Surroundings:
    """Where the data lie, where lines and other things are kept, and how many threads a cell may use."""

    data: Path = DATA
    cache: Path = CACHE
    lines: Path = CELLS
    threads: int = 2

    def scores(self, cell: Cell) -> Path:
        """Where the scores of a cell are kept."""
        return self.cache / "scores" / f"{cell.name}.npz"


def measure(cell: Cell, around: Surroundings) -> dict[str, Any]:
    """Trains, scores, keeps the scores and returns the facts of the cell's line."""
    work = task(cell.set, cell.split, cell.share, around.data)
    scores, facts = _product(cell, around, work) if cell.method == "product" else _learned(cell, around, work)
    stored.save(around.scores(cell), scores)
    kept = stored.load(around.scores(cell))  # the figures are those of what is kept
    return {"settings": facts.pop("settings"), "figures": facts | figures(kept, work)}


def _learned(cell: Cell, around: Surroundings, work: Task) -> tuple[Scores, dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="quality-") as place:
        lesson = Lesson(
            learn=work.parts["train"],
            stop=work.parts["early_stopping"],
            taxonomy=work.taxonomy,
            seed=cell.seed,
            cache=around.cache,
            work=Path(place),
            threads=around.threads,
        )
        started, cpu = time.perf_counter(), time.process_time()
        trained = trainer(cell.method)(lesson)
        facts = {
            "settings": trained.settings,
            "train_items": lesson.learn.height,
            "train_seconds": time.perf_counter() - started,
            "train_cpu_seconds": time.process_time() - cpu,
            "threads": around.threads,
        }
        both = cell.method in READ_BOTH and cell.set in WITH_IMAGES
        scores, rate = scored(trained, work, without=both)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        facts |= {"int8": trained.int8()} if trained.int8 else {}
    return scores, facts | {"score_items_a_second": rate, "peak_mib": peak}


def scored(trained: Trained, work: Task, *, without: bool) -> tuple[Scores, float]:
    """Scores of every part (`without`: also of the test without pictures and without texts), and test items a second."""
    frames = {part: work.parts[part] for part in ("early_stopping", *JUDGED, *NOVEL) if part in work.parts}
    started = time.perf_counter()
    logits = {"test": trained.logits(frames["test"])}
    rate = frames["test"].height / (time.perf_counter() - started)
    if without:
        frames |= {"test_no_image": only(frames["test"], "text"), "test_no_text": only(frames["test"], "image")}
    logits |= {part: trained.logits(frame) for part, frame in frames.items() if part != "test"}
    temperature = _temperature(trained.classes, logits["temperature"], work)
    novelty = {}
    if trained.novelty is not None and any(part in frames for part in NOVEL):
        novelty = {part: trained.novelty(frames[part], temperature) for part in ("test", *NOVEL) if part in frames}
    items = {part: frame["item_id"].to_list() for part, frame in frames.items()}
    return Scores(trained.classes, temperature, items, logits, novelty), rate


def _temperature(classes: list[str], logits: np.ndarray, work: Task) -> float:
    target = numbered(work.parts["temperature"]["category_id"], classes)
    return fit_temperature(logits[target >= 0], target[target >= 0])


def _product(cell: Cell, around: Surroundings, work: Task) -> tuple[Scores, dict[str, Any]]:
    sides = ("svc", "lr_both" if cell.set in WITH_IMAGES else "lr_text")
    files = [around.scores(replace(cell, method=method)) for method in sides]
    if missing := [method for method, file in zip(sides, files, strict=True) if not file.exists()]:
        raise FileNotFoundError(f"The product multiplies kept scores: run {' and '.join(missing)} first, here.")
    first, second = (stored.load(file) for file in files)
    scores, settings = multiplied(first, second, work.parts["early_stopping"]["category_id"])
    temperature = _temperature(scores.classes, scores.logits["temperature"], work)
    return replace(scores, temperature=temperature), {"settings": settings | {"of": sides}}
