"""What of an item moved the model: parts are left out one at a time, and the model that serves is asked again.

Leave-one-out on words (Li et al. 2016, "Understanding neural networks through representation erasure") and on squares of
the picture (Zeiler and Fergus 2014). It asks the bundle as it serves, not a copy with gradients, so it explains what was
placed. An effect is a change of calibrated log-odds: probabilities near 1 would hide it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl

from catalog.inference.classifier import Classifier
from catalog.inference.embeddings import EmbeddingCache, MemoryEmbeddings
from catalog.inference.inputs import INPUT_COLUMNS, TEXT_FIELDS

GRID = 4
MOST_WORDS = 24  # of a title, tried one by one; the model reads no more than a few beyond that
_AT_ONCE = 64  # items asked together: bounds the logits held
_TEXTS = (*TEXT_FIELDS, "vendor")
_SCHEMA = dict.fromkeys(INPUT_COLUMNS, pl.String)


@dataclass(frozen=True)
class Effect:
    """What leaving one part out does. `log_odds`: how much of the explained leaf's log-odds the part carries; below 0 it
    speaks against the leaf. `leaf_id`: the likeliest leaf without it."""

    part: str
    log_odds: float
    leaf_id: str


@dataclass(frozen=True)
class Occlusion:
    """The explained leaf is the item's likeliest one.

    `words` are those of the title, in its order, at most as many as were asked for; `fields` the other texts as wholes.
    `text_share` is the part of the log-odds that text adds beside the picture, None where neither speaks for the leaf.
    `regions` float64 (4, 4): what each square of the picture carries, from the upper left; None without a picture.
    """

    leaf_id: str
    log_odds: float
    words: tuple[Effect, ...]
    fields: tuple[Effect, ...]
    text_share: float | None
    regions: np.ndarray | None = None

    @property
    def picture_share(self) -> float | None:
        """What is left of 1."""
        return None if self.text_share is None else 1.0 - self.text_share

    def telling(self, most: int) -> list[Effect]:
        """The words that speak for the leaf, the strongest first."""
        found = sorted((word for word in self.words if word.log_odds > 0), key=lambda word: -word.log_odds)
        return found[:most]


class ReadOnly:
    """Kept embeddings that stay as they are: what an item would be without a word is of no use to a night."""

    def __init__(self, kept: EmbeddingCache) -> None:
        self._kept, self._new = kept, MemoryEmbeddings()

    def get(self, tower: str, keys: Sequence[str]) -> dict[str, np.ndarray]:
        """The vectors it has among these keys."""
        found = self._new.get(tower, keys)
        return found | self._kept.get(tower, [key for key in keys if key not in found])

    def put(self, tower: str, keys: Sequence[str], vectors: np.ndarray) -> None:
        """Keeps vectors (n, width) under n keys in this process alone."""
        self._new.put(tower, keys, vectors)


@dataclass
class _Asked:
    """The variants of one item: numbers of rows in the frame of all."""

    whole: int
    words: list[tuple[str, int]] = field(default_factory=list)
    fields: list[tuple[str, int]] = field(default_factory=list)
    text_only: int = 0
    picture_only: int = 0
    nothing: int = 0


def occlude(
    classifier: Classifier,
    frame: pl.DataFrame,
    *,
    embeddings: EmbeddingCache,
    most_words: int = MOST_WORDS,
    fields: bool = True,
) -> list[Occlusion]:
    """One answer per row of `frame` (columns of INPUT_COLUMNS), in its order, without squares of the picture.

    A row costs a text for each word and field left out; the picture is read once, or not at all when its embedding is
    kept. `embeddings` are read and not added to. Raises nothing on an item without text or picture.
    """
    found: list[Occlusion] = []
    for start in range(0, frame.height, _AT_ONCE):
        cache = ReadOnly(embeddings)
        part = as_read(classifier, frame.slice(start, _AT_ONCE), embeddings=cache)
        found += _together(classifier, part, cache, (most_words, fields))
    return found


def as_read(classifier: Classifier, frame: pl.DataFrame, *, embeddings: EmbeddingCache) -> pl.DataFrame:
    """The rows without the pictures that the bundle does not read, because the words suffice: they moved nothing."""
    if classifier.bundle.early_exit.bar is None or not frame.height:
        return frame
    read = classifier.predict(frame, embeddings=embeddings)["image_status"] != "not_read"
    return frame.with_columns(image=pl.when(read).then("image"))


def with_regions(
    classifier: Classifier, item: pl.DataFrame, found: Occlusion, *, embeddings: EmbeddingCache
) -> Occlusion:
    """The same with the squares of the picture, for one item (a frame of one row): 16 pictures more.

    A square is covered with the picture's mean colour, which says less than grey or black would.
    """
    pixels = classifier.pixels(item["image"].item())
    if pixels is None:
        return found
    logits, present = classifier.raw_with_pictures(item, _covered(pixels), embeddings=ReadOnly(embeddings))
    left = classifier.bundle.odds(logits, present)[:, classifier.bundle.classes.index(found.leaf_id)]
    return replace(found, regions=found.log_odds - left.reshape(GRID, GRID))


def _covered(pixels: np.ndarray) -> np.ndarray:
    """uint8 (16, size, size, 3): the picture with one square of the grid covered, row by row."""
    edges = np.linspace(0, len(pixels), GRID + 1).astype(int)
    mean = pixels.reshape(-1, 3).mean(0).round().astype(np.uint8)
    out = np.repeat(pixels[None], GRID * GRID, axis=0)
    for number in range(GRID * GRID):
        row, column = divmod(number, GRID)
        out[number, edges[row] : edges[row + 1], edges[column] : edges[column + 1]] = mean
    return out


def _together(
    classifier: Classifier, frame: pl.DataFrame, cache: EmbeddingCache, how: tuple[int, bool]
) -> list[Occlusion]:
    rows: list[dict[str, Any]] = []
    asked = [_variants(item, rows, how) for item in frame.select(INPUT_COLUMNS).iter_rows(named=True)]
    logits, present = classifier.raw(pl.DataFrame(rows, schema=_SCHEMA), embeddings=cache)
    odds = classifier.bundle.odds(logits, present)
    return [_read(one, odds, classifier.bundle.classes) for one in asked]


def _variants(item: dict[str, Any], rows: list[dict[str, Any]], how: tuple[int, bool]) -> _Asked:
    """Appends the item and what is left of it without each part, and says where each stands."""
    most_words, fields = how

    def added(**without: str | None) -> int:
        rows.append({**item, **without})
        return len(rows) - 1

    found = _Asked(added())
    words = (item["title"] or "").split()
    for place, word in enumerate(words[:most_words]):
        found.words.append((word, added(title=" ".join(words[:place] + words[place + 1 :]) or None)))
    if fields:
        found.fields = [(name, added(**{name: None})) for name in _TEXTS[1:] if item[name]]
    found.text_only = added(image=None)
    no_text = dict.fromkeys(_TEXTS)
    found.picture_only, found.nothing = added(**no_text), added(**no_text, image=None)
    return found


def _read(asked: _Asked, odds: np.ndarray, classes: list[str]) -> Occlusion:
    leaf = int(odds[asked.whole].argmax())
    whole = float(odds[asked.whole, leaf])

    def effects(parts: list[tuple[str, int]]) -> Iterator[Effect]:
        for part, row in parts:
            yield Effect(part, whole - float(odds[row, leaf]), classes[int(odds[row].argmax())])

    ends = (whole, *(float(odds[row, leaf]) for row in (asked.text_only, asked.picture_only, asked.nothing)))
    return Occlusion(
        classes[leaf], whole, tuple(effects(asked.words)), tuple(effects(asked.fields)), _text_share(*ends)
    )


def _text_share(whole: float, text: float, picture: float, nothing: float) -> float | None:
    """The share of text in what text and picture add to nothing: the Shapley value of a game of two.

    Each is worth the mean of what it adds alone and what it adds to the other, so that what both know counts half for
    each; one that speaks against the leaf counts 0.
    """
    of_text = max(0.0, 0.5 * ((text - nothing) + (whole - picture)))
    of_picture = max(0.0, 0.5 * ((picture - nothing) + (whole - text)))
    both = of_text + of_picture
    return of_text / both if both > 1e-6 else None


def in_words(found: Occlusion, most: int = 3) -> str:
    """'mug, ceramic (text 70%, picture 30%)' for one cell of a table; empty where nothing speaks for the leaf."""
    words = ", ".join(word.part for word in found.telling(most))
    if found.text_share is None:
        return words
    share = f"text {found.text_share:.0%}, picture {1 - found.text_share:.0%}"
    return f"{words} ({share})" if words else share
