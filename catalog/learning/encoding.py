"""Training items as tensors: token ids and pixels ready for the towers, their embeddings, n-grams and labels."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from catalog.inference.inputs import InputRules, TextTokenizer, item_ngrams, length_batches, pad_ids, tower_texts
from catalog.inference.lexical import Ngrams
from catalog.inference.weighting import padded, weighted
from catalog.learning.network import Encoder
from catalog.pictures.images import read_picture, to_tensor
from catalog.taxonomies.taxonomy import Taxonomy

BATCH = 32
Lexicon = tuple[np.ndarray, np.ndarray]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Texts:
    """Token ids of each item's text; an item without text has none and is no member of `rows`."""

    ids: list[np.ndarray]
    rows: np.ndarray
    rules: InputRules

    def batches(self, size: int) -> list[np.ndarray]:
        """Row numbers in batches of like length."""
        return [self.rows[part] for part in length_batches(np.array([len(self.ids[r]) for r in self.rows], int), size)]

    def inputs(self, rows: np.ndarray) -> Tensor:
        """int64 (b, longest)."""
        return torch.from_numpy(pad_ids([self.ids[row] for row in rows], self.rules.pad_id))


@dataclass(frozen=True)
class Pixels:
    """Decoded pictures uint8 (m, s, s, 3) in a scratch file, so that memory does not grow with them; `place` (n,) or -1."""

    values: np.ndarray
    place: np.ndarray
    rules: InputRules

    @property
    def rows(self) -> np.ndarray:
        """Items that have a readable picture."""
        return np.flatnonzero(self.place >= 0)

    def batches(self, size: int) -> list[np.ndarray]:
        """Row numbers in batches."""
        return [self.rows[at : at + size] for at in range(0, len(self.rows), size)]

    def inputs(self, rows: np.ndarray) -> Tensor:
        """float32 (b, 3, s, s), normalized."""
        return torch.from_numpy(to_tensor(np.asarray(self.values[self.place[rows]]), self.rules.image))


@dataclass
class Data:
    """The items of one split.

    `text` (n, w) and `image` (n, w) are embeddings, zeros where missing; `present` float32 (n, 2); `target` bool
    (n, classes): the classes a label allows, one for a leaf, all below for an inner node.
    """

    texts: Texts
    pixels: Pixels
    text: Tensor
    image: Tensor
    present: Tensor
    ngrams: Ngrams
    target: Tensor

    def __len__(self) -> int:
        return len(self.target)

    def grams(self, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        """Lexicon rows and weights of some items, padded."""
        found, weights = padded(self.ngrams.take(rows))
        return torch.from_numpy(found), torch.from_numpy(weights)


def class_list(learn: pl.DataFrame, taxonomy: Taxonomy, *, inner: str, min_terminal: int) -> list[str]:
    """Category ids in label order: every labelled leaf, and each inner node with `min_terminal` labels of its own."""
    counts = learn.group_by("category_id").len().sort("category_id")
    return [
        node
        for node, labels in counts.iter_rows()
        if taxonomy.is_leaf(node) or (inner == "terminal" and labels >= min_terminal)
    ]


def targets(labels: list[str], classes: list[str], taxonomy: Taxonomy) -> Tensor:
    """bool (n, classes). A label that is no class allows every class below it; one with none below allows nothing."""
    below: dict[str, list[int]] = {}
    for number, name in enumerate(classes):
        for node in taxonomy.ancestors(name)[:-1]:
            below.setdefault(node, []).append(number)
    index = {name: [number] for number, name in enumerate(classes)}
    target = torch.zeros(len(labels), len(classes), dtype=torch.bool)
    for row, label in enumerate(labels):
        target[row, index.get(label) or below.get(label, [])] = True
    return target


def encode(
    frame: pl.DataFrame,
    encoder: Encoder,
    lexicon: Lexicon,
    target: Tensor,
    progress: Progress,
    *,
    scratch: Path | None = None,
) -> Data:
    """Prepares a split and runs the towers over it once. `scratch`: a folder for the decoded pictures, else the system's."""
    written = tower_texts(frame, encoder.rules)
    rows = np.flatnonzero([bool(text) for text in written])
    texts = Texts(TextTokenizer(encoder.tokenizer, encoder.rules).encode(written), rows, encoder.rules)
    total = 2 * frame.height
    pixels = read_pixels(frame["image"].to_list(), encoder.rules, scratch)
    text = embed(encoder.text, texts, frame.height, lambda done: progress(done, total))
    image = embed(encoder.image, pixels, frame.height, lambda done: progress(frame.height + done, total))
    progress(total, total)
    present = torch.zeros(frame.height, 2)
    present[texts.rows, 0] = 1.0
    present[pixels.rows, 1] = 1.0
    grams = weighted(item_ngrams(frame).mapped(lexicon[0]), lexicon[1])
    return Data(texts, pixels, text, image, present, grams, target)


def read_pixels(paths: list[str | None], rules: InputRules, scratch: Path | None) -> Pixels:
    """Decodes every picture once; what cannot be read is missing."""
    place, size = np.full(len(paths), -1, np.int64), rules.image.size
    named = [row for row, path in enumerate(paths) if path]
    if not named:
        return Pixels(np.zeros((0, size, size, 3), np.uint8), place, rules)
    with tempfile.TemporaryFile(dir=scratch) as file:  # the mapping keeps it until the last reader is gone
        values = np.memmap(file, np.uint8, "w+", shape=(len(named), size, size, 3))
    for number, row in enumerate(named):
        found = read_picture(paths[row], rules.image).pixels
        if found is not None:
            values[number], place[row] = found, number
    return Pixels(values, place, rules)


@torch.inference_mode()
def embed(tower: nn.Module, inputs: Texts | Pixels, items: int, progress: Callable[[int], None]) -> Tensor:
    """float32 (items, width): unit vectors of the items that have such an input, zeros for the others."""
    tower.eval()
    vectors, done = torch.zeros(items, tower.width), 0
    for rows in inputs.batches(BATCH):
        with half_precision():
            vectors[torch.from_numpy(rows)] = tower(inputs.inputs(rows)).float()
        done += len(rows)
        progress(done)
    return vectors


@contextmanager
def half_precision() -> Iterator[None]:
    """bfloat16 products where the processor has them: training is 2.5 times faster; what is exported stays float32."""
    # Builds without oneDNN do not know the question.
    able = torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    with torch.autocast("cpu", torch.bfloat16, enabled=able):
        yield
