"""Training items as tensors: each encoded once by the frozen part of the towers, whose output is kept."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from torch import Tensor

from catalog.images import read_picture, to_tensor
from catalog.inputs import TextTokenizer, item_ngrams, length_batches, pad_ids, tower_texts
from catalog.lexical import Ngrams
from catalog.network import Encoder
from catalog.taxonomy import Taxonomy
from catalog.weighting import padded, weighted

BATCH = 32
Lexicon = tuple[np.ndarray, np.ndarray]


@dataclass
class Data:
    """The items of one split.

    `lower_text` holds float16 (l, width) and `lower_image` float16 (c, h, w) as they leave the frozen blocks (None where
    missing); `text` (n, w) and `image` (n, w) are embeddings, zeros where missing; `present` float32 (n, 2);
    `scores` float32 (n, classes): what the n-gram branch says of them, without having seen them; `target` bool
    (n, classes): the classes a label allows, one for a leaf, all below for an inner node.
    """

    lower_text: list[np.ndarray | None]
    lower_image: list[np.ndarray | None]
    text: Tensor
    image: Tensor
    present: Tensor
    ngrams: Ngrams
    target: Tensor
    scores: Tensor

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
    frame: pl.DataFrame, encoder: Encoder, lexicon: Lexicon, target: Tensor, progress: Callable[[int, int], None]
) -> Data:
    """Runs the towers over a split."""
    texts = tower_texts(frame, encoder.rules)
    lower_text, text = _encode_texts(texts, encoder, lambda done: progress(done, 2 * frame.height))
    paths = frame["image"].to_list()
    lower_image, image = _encode_images(paths, encoder, lambda done: progress(frame.height + done, 2 * frame.height))
    present = torch.tensor(
        [[bool(t), i is not None] for t, i in zip(texts, lower_image, strict=True)], dtype=torch.float32
    )
    grams = weighted(item_ngrams(frame).mapped(lexicon[0]), lexicon[1])
    return Data(lower_text, lower_image, text, image, present, grams, target, torch.zeros(target.shape))


@torch.inference_mode()
def _encode_texts(
    texts: list[str], encoder: Encoder, progress: Callable[[int], None]
) -> tuple[list[np.ndarray | None], Tensor]:
    ids = TextTokenizer(encoder.tokenizer, encoder.rules).encode(texts)
    lower: list[np.ndarray | None] = [None] * len(texts)
    vectors = torch.zeros(len(texts), encoder.text.width)
    done = 0
    for batch in length_batches(np.array([len(found) for found in ids]), BATCH):
        rows = [row for row in batch if texts[row]]
        done += len(batch)
        if not rows:
            continue
        padded_ids = torch.from_numpy(pad_ids([ids[row] for row in rows], encoder.rules.pad_id))
        hidden = encoder.text.lower(padded_ids)
        vectors[rows] = encoder.text.upper(hidden, padded_ids != encoder.rules.pad_id)
        for place, row in enumerate(rows):
            lower[row] = hidden[place, : len(ids[row])].numpy().astype(np.float16)
        progress(done)
    return lower, vectors


@torch.inference_mode()
def _encode_images(
    paths: list[str | None], encoder: Encoder, progress: Callable[[int], None]
) -> tuple[list[np.ndarray | None], Tensor]:
    lower: list[np.ndarray | None] = [None] * len(paths)
    vectors = torch.zeros(len(paths), encoder.image.width)
    for start in range(0, len(paths), BATCH):
        pictures = {
            row: read_picture(paths[row], encoder.rules.image).pixels
            for row in range(start, min(start + BATCH, len(paths)))
        }
        rows = [row for row, pixels in pictures.items() if pixels is not None]
        if rows:
            pixels = torch.from_numpy(to_tensor(np.stack([pictures[row] for row in rows]), encoder.rules.image))
            hidden = encoder.image.lower(pixels)
            vectors[rows] = encoder.image.upper(hidden)
            for place, row in enumerate(rows):
                lower[row] = hidden[place].numpy().astype(np.float16)
        progress(min(start + BATCH, len(paths)))
    return lower, vectors


def lower_batch(data: Data, rows: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
    """Frozen outputs of some items: hidden states (b, l, w), which of them are no padding bool (b, l), maps (b, c, h, w).

    An item without text (or picture) gets one zero state (or a zero map); `present` takes it out again.
    """
    width = next((t.shape[1] for t in data.lower_text if t is not None), 1)
    shape = next((i.shape for i in data.lower_image if i is not None), None)
    texts = [data.lower_text[row] for row in rows]
    longest = max((len(t) for t in texts if t is not None), default=1)
    hidden, held = np.zeros((len(rows), longest, width), np.float32), np.zeros((len(rows), longest), bool)
    held[:, 0] = True
    for place, text in enumerate(texts):
        if text is not None:
            hidden[place, : len(text)], held[place, : len(text)] = text, True
    maps = np.zeros((len(rows), *shape), np.float32) if shape else np.zeros((0,), np.float32)
    for place, row in enumerate(rows):
        found = data.lower_image[row]
        if found is not None:
            maps[place] = found
    return torch.from_numpy(hidden), torch.from_numpy(held), torch.from_numpy(maps)
