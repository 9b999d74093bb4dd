"""What ten labels make of a new category: a usable leaf, and at what price for the others?

    python -m benchmarks.new_leaf bigbasket mwpd_gpc fashion5k_blanked [--leaves 10] [--labels 10] [--lines FILE]

A leaf that has many labels is taken out of what is learned, and a champion is trained without it. Then ten of its labels,
each another product, come back and a candidate is trained as `catalog train` does with frozen towers; one reference has all
labels. They are judged on the same held-out products, which none has seen. Usable is a leaf whose products have it among
the first five in `USABLE_TOP_5` of the cases, and first at least `USABLE_TOP_1` times as often as with all its labels.
`lifted` is the same candidate with the new leaf's logit raised as if it had more labels: as many as a category has on average,
which is what `catalog train` does (`catalog/learning/new_categories.py`), or so many. A line of JSON a leaf is appended to the file; what stands there is not measured again.
Ends with the table of all lines.
"""

import argparse
import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import polars as pl
import torch

from benchmarks.quality.cells import provenance
from benchmarks.quality.data import DATA, WITH_IMAGES
from benchmarks.quality.frozen import Towers
from benchmarks.quality.splits import JUDGED, LEARNED, Task, task
from benchmarks.quality.stored import CACHE
from benchmarks.quality.trained import Lesson, only
from catalog.inference.inputs import item_ngrams
from catalog.inference.weighting import lexicon, weighted
from catalog.labels.clusters import unit_hash
from catalog.learning import ridge, training
from catalog.learning.comparison import paired
from catalog.learning.encoding import Data, Pixels, Texts, class_list, targets
from catalog.learning.head import Fusion, LexicalBranch, pattern
from catalog.learning.names import leaves_of, name_rows, with_names
from catalog.learning.training_settings import TrainingSettings
from catalog.taxonomies.taxonomy import Taxonomy

USABLE_TOP_5, USABLE_TOP_1 = 0.8, 0.5
LEAST_LABELS, LEAST_HELD_OUT = 60, 15
LIFTS = (100, 300)  # labels as many as which the new leaf is counted, although it has ten
AVERAGE = "as expected"
SETTINGS = TrainingSettings(finetune_epochs=0, threads=1)
LINES = Path("build/new_leaf.jsonl")


class Pool:
    """Every product of a set and the name of every category, encoded once; `data` gives any of them as training wants it."""

    def __init__(self, work: Task, lesson: Lesson, shown: str) -> None:
        parts = [*work.parts.values(), name_rows(work.taxonomy, leaves_of(work.taxonomy))]
        frame = only(pl.concat(parts, how="diagonal"), shown)
        self.towers = Towers(lesson, SETTINGS)
        self._place = {name: row for row, name in enumerate(frame["input_hash"])}
        self._vectors = [torch.from_numpy(self.towers.embed(frame, part)) for part in ("text", "image")]
        self._grams = item_ngrams(frame)

    def words(self, frame: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """The lexicon of these products."""
        return lexicon(self._grams.take(self._rows(frame)), SETTINGS.lexical_min_items, training.MOST_NGRAMS)

    def data(self, frame: pl.DataFrame, words: tuple[np.ndarray, np.ndarray], target: torch.Tensor) -> Data:
        """As `encode` of the product makes it, but for token ids and pixels, which only tuned towers read again."""
        rows = self._rows(frame)
        text, image = (part[rows] for part in self._vectors)
        present = torch.stack([part.any(1) for part in (text, image)], dim=1).float()
        rules = self.towers.encoder.rules
        texts = Texts([], np.flatnonzero(present[:, 0]), rules)
        pixels = Pixels(np.empty(0, np.uint8), np.where(present[:, 1] > 0, 0, -1), rules)
        grams = weighted(self._grams.take(rows).mapped(words[0]), words[1])
        return Data(texts, pixels, text, image, present, grams, target)

    def _rows(self, frame: pl.DataFrame) -> np.ndarray:
        return np.array([self._place[name] for name in frame["input_hash"]], np.int64)


@dataclass(frozen=True)
class Answers:
    """What a model says of the held-out products: logits (n, classes)."""

    classes: list[str]
    logits: np.ndarray

    def best(self, count: int) -> np.ndarray:
        """Category ids (n, count), the likeliest first."""
        return np.array(self.classes, dtype=object)[np.argsort(-self.logits, axis=1)[:, :count]]

    def lifted(self, leaf: str, times: float) -> "Answers":
        """The same, had the leaf come so many times as often: its logit plus the logarithm (Saerens et al. 2002)."""
        logits = self.logits.copy()
        logits[:, self.classes.index(leaf)] += np.log(times)
        return Answers(self.classes, logits)


def answers(pool: Pool, examples: pl.DataFrame, held_out: pl.DataFrame, taxonomy: Taxonomy) -> Answers:
    """Trains on the examples as `catalog train` does, less doubted labels and export, and asks about the held-out products."""
    known = with_names(examples, taxonomy)
    learn, stop = (known.filter(split=part) for part in LEARNED)
    classes = class_list(learn, taxonomy, inner=SETTINGS.inner, min_terminal=SETTINGS.min_terminal)
    words = pool.words(learn)
    parts = [
        pool.data(part, words, targets(part["category_id"].to_list(), classes, taxonomy)) for part in (learn, stop)
    ]
    work = training.Work(SETTINGS, *parts, lambda _what, _done, _total: None)
    fusion = fitted(work, pool.towers.encoder, (training.clusters_of(learn), training.clusters_of(stop)))
    asked = pool.data(held_out, words, torch.zeros(held_out.height, len(classes), dtype=torch.bool))
    with torch.inference_mode():
        shares = fusion.mix[pattern(asked.present)]
        logits = (shares.unsqueeze(2) * training.parts_of(fusion, asked)).sum(1)
    return Answers(classes, logits.numpy())


def fitted(work: training.Work, encoder: Any, clusters: tuple[list[str], list[str]]) -> Fusion:
    """`training.fit` less the search for doubted labels, half of its time."""
    grams = work.learn.ngrams
    rows = 1 + int(max(grams.bucket.max(initial=0), work.stop.ngrams.bucket.max(initial=0)))
    solved = ridge.fit(grams, work.learn.target, clusters[0], rows, ridge.Plan(SETTINGS.seed))
    return training.fit_branches(work, encoder, LexicalBranch(solved.table, solved.basis), clusters)[1].eval()


def chosen(work: Task, held_out: pl.DataFrame, count: int) -> list[str]:
    """Leaves with many labels and enough held-out products, drawn by the hash of their path."""
    learned = pl.concat([work.parts[part] for part in LEARNED])
    labels, judged = (dict(part["category_id"].value_counts().iter_rows()) for part in (learned, held_out))
    able = [
        leaf
        for leaf, number in labels.items()
        if number >= LEAST_LABELS and judged.get(leaf, 0) >= LEAST_HELD_OUT and work.taxonomy.is_leaf(leaf)
    ]
    return [able[place] for place in np.argsort(unit_hash(able, "new leaf"))[:count]]


def few(examples: pl.DataFrame, leaf: str, count: int) -> pl.DataFrame:
    """The examples with `count` of the leaf's labels, no two of look-alikes; each stays in the split it was in."""
    own = examples.filter(category_id=leaf).unique("cluster", keep="first", maintain_order=True)
    drawn = np.argsort(unit_hash(own["cluster"].to_list(), "ten labels"))[:count]
    return pl.concat([examples.filter(pl.col("category_id") != leaf), own[drawn]])


def measured(pool: Pool, work: Task, leaf: str, count: int, full: Answers) -> dict[str, Any]:
    """The figures of one leaf: what its products and those of the others get from champion, candidate and reference."""
    examples = pl.concat([work.parts[part] for part in LEARNED])
    held_out = judged(work)
    without, ten = (answers(pool, few(examples, leaf, number), held_out, work.taxonomy) for number in (0, count))
    truth = held_out["category_id"].to_numpy()
    own = truth == leaf
    lifts = {AVERAGE: examples.height / examples["category_id"].n_unique(), **{f"as if {many}": many for many in LIFTS}}
    before = (without.best(1)[:, 0] == truth)[~own]
    return {
        "leaf": leaf,
        "labels": count,
        "all_labels": examples.filter(category_id=leaf).height,
        "held_out": int(own.sum()),
        "full_top_1": float((full.best(1)[:, 0] == leaf)[own].mean()),
        "full_top_5": float((full.best(5) == leaf).any(1)[own].mean()),
        **figures(ten, truth, leaf, before),
        "lifted": {
            name: figures(ten.lifted(leaf, max(1.0, many / count)), truth, leaf, before) for name, many in lifts.items()
        },
    }


def figures(said: Answers, truth: np.ndarray, leaf: str, before: np.ndarray) -> dict[str, Any]:
    """Top-1 and top-5 of the leaf's products, precision where it is said, and the others against `before` (bool, the others)."""
    own, first = truth == leaf, said.best(1)[:, 0]
    return {
        "top_1": float((first == leaf)[own].mean()),
        "top_5": float((said.best(5) == leaf).any(1)[own].mean()),
        "precision": float(own[first == leaf].mean()) if (first == leaf).any() else None,
        "others": asdict(paired((first == truth)[~own], before)),
    }


def judged(work: Task) -> pl.DataFrame:
    """All products that no model learns from."""
    return pl.concat([work.parts[part] for part in JUDGED])


def lines_of(name: str, options: argparse.Namespace) -> None:
    """Measures the leaves of one set that the file has no line of; each line is written as soon as it is measured."""
    facts = provenance()
    work = task(name, "official" if name == "mwpd_gpc" else "title", 1.0, options.data)
    done = {line["leaf"] for line in read(options.lines) if line["set"] == name and line["labels"] == options.labels}
    leaves = [leaf for leaf in chosen(work, judged(work), options.leaves) if leaf not in done]
    if not leaves:
        return
    with tempfile.TemporaryDirectory() as scratch:
        parts = (work.parts[part] for part in LEARNED)
        lesson = Lesson(*parts, work.taxonomy, 0, options.cache, Path(scratch))
        pool = Pool(work, lesson, "both" if name in WITH_IMAGES else "text")
        full = answers(pool, pl.concat([work.parts[part] for part in LEARNED]), judged(work), work.taxonomy)
        for leaf in leaves:
            line = {"set": name, **measured(pool, work, leaf, options.labels, full), **facts}
            with options.lines.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")


def read(lines: Path) -> list[dict[str, Any]]:
    """The lines of a file; none where it is not there yet."""
    return [json.loads(line) for line in lines.read_text("utf-8").splitlines()] if lines.exists() else []


def table(lines: list[dict[str, Any]]) -> str:
    """A row a leaf and, a set, a row for the leaf as it is and as if it had more labels: the median, the worst in brackets."""
    head = "| set | leaf | labels | top-1 | top-5 | top-1, all labels | precision | others, points (95%) | usable |"
    rows = [head, "|---|---|---|---|---|---|---|---|---|"]
    for name in dict.fromkeys(line["set"] for line in lines):
        own = [line for line in lines if line["set"] == name]
        rows += [_row(line) for line in own]
        rows.append(_together(name, "as it is", own))
        rows += [_together(name, lift, [line | line["lifted"][lift] for line in own]) for lift in own[0]["lifted"]]
    return "\n".join(rows)


def _together(name: str, how: str, lines: list[dict[str, Any]]) -> str:
    cells = [f"{median(v):.2f} ({min(v):.2f})" if (v := _values(lines, key)) else "" for key in FIGURES]
    gains = [100 * line["others"]["gain"] for line in lines]
    others = f"{median(gains):+.2f} ({min(gains):+.2f})"
    number = f"{sum(map(usable, lines))} of {len(lines)}"
    return f"| {name} | **{len(lines)} leaves, {how}** | {lines[0]['labels']} | {' | '.join(cells)} | {others} | {number} |"


FIGURES = ("top_1", "top_5", "full_top_1", "precision")


def _values(lines: list[dict[str, Any]], key: str) -> list[float]:
    return [line[key] for line in lines if line[key] is not None]


def _row(line: dict[str, Any]) -> str:
    figures = " | ".join("" if line[key] is None else f"{line[key]:.2f}" for key in FIGURES)
    gain, low, high = (100 * line["others"][key] for key in ("gain", "low", "high"))
    said = f"{gain:+.2f} ({low:+.2f} to {high:+.2f})"
    return f"| {line['set']} | {line['leaf']} | {line['labels']} of {line['all_labels']} | {figures} | {said} | {'yes' if usable(line) else 'no'} |"


def usable(line: dict[str, Any]) -> bool:
    """Whether a reviewer finds the leaf on offer, and the model says it often enough by itself."""
    return line["top_5"] >= USABLE_TOP_5 and line["top_1"] >= USABLE_TOP_1 * line["full_top_1"]


def main() -> None:
    """Measures what is missing and prints the table of the whole file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*")
    parser.add_argument("--leaves", type=int, default=10)
    parser.add_argument("--labels", type=int, default=10)
    parser.add_argument("--lines", type=Path, default=LINES)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--cache", type=Path, default=CACHE)
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.lines.parent.mkdir(parents=True, exist_ok=True)
    for name in options.sets:
        lines_of(name, options)
    print(table(read(options.lines)))


if __name__ == "__main__":
    main()
