"""The labelled products most like an item, or each of several, by the embeddings that are kept anyway."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from catalog.inference.bundle import Bundle
from catalog.inference.embeddings import EmbeddingCache
from catalog.inference.inputs import InputRules, text_key, tower_texts
from catalog.learning.examples import EXAMPLES
from catalog.store import Store

MOST_LABELS = 100_000  # looked through for one item; a fixed draw of them where there are more
_STEP = 8_192  # vectors in memory at a time
_AT_ONCE = 256  # items compared together
_DRAWN = f"SELECT * FROM ({EXAMPLES}) ORDER BY hash(vendor, item_id), vendor, item_id LIMIT {MOST_LABELS}"


@dataclass(frozen=True)
class Neighbour:
    """A labelled product. `likeness`: mean cosine of the embeddings that both have, of text and of picture."""

    likeness: float
    vendor: str
    item_id: str
    title: str | None
    category_id: str


def nearest(
    store: Store, bundle: Bundle, rules: InputRules, item: pl.DataFrame, embeddings: EmbeddingCache, most: int = 5
) -> list[Neighbour]:
    """The labelled products nearest to one item (a frame of one row with image_hash), the nearest first.

    Only those whose embeddings by this bundle's towers are kept: the ones held out of its training, and what it has
    predicted since. Empty when the item's own are not kept. Nothing is encoded.
    """
    return nearest_of_each(store, bundle, rules, item, embeddings, most)[0]


def nearest_of_each(
    store: Store, bundle: Bundle, rules: InputRules, items: pl.DataFrame, embeddings: EmbeddingCache, most: int = 5
) -> list[list[Neighbour]]:
    """The same for each row of `items`, in their order; the labels are looked through once for every `_AT_ONCE` of them."""
    found = list[list[Neighbour]]()
    for start in range(0, items.height, _AT_ONCE):
        found += _together(store, (bundle, rules, embeddings), items.slice(start, _AT_ONCE), most)
    return found


def _together(
    store: Store, kept: tuple[Bundle, InputRules, EmbeddingCache], items: pl.DataFrame, most: int
) -> list[list[Neighbour]]:
    bundle, rules, embeddings = kept
    own = _vectors(bundle, rules, items, embeddings)
    best: list[list[Neighbour]] = [[] for _ in range(items.height)]
    for part in store.batches(_DRAWN, rows=_STEP):
        facts = part.select("vendor", "item_id", "title", "category_id")
        for row, likeness in enumerate(_likeness(own, _vectors(bundle, rules, part, embeddings))):
            top = np.argsort(-likeness, kind="stable")[: most + 1]
            best[row] += [
                Neighbour(float(likeness[at]), *fact) for at, fact in zip(top, facts[top].iter_rows(), strict=True)
            ]
            best[row] = sorted(best[row], key=lambda one: (-one.likeness, one.vendor, one.item_id))[: most + 1]
    keys = items.select("vendor", "item_id").rows()
    return [
        [one for one in some if np.isfinite(one.likeness) and (one.vendor, one.item_id) != key][:most]
        for some, key in zip(best, keys, strict=True)
    ]


def _vectors(
    bundle: Bundle, rules: InputRules, frame: pl.DataFrame, embeddings: EmbeddingCache
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """By modality: the rows that have a kept embedding, and those as unit vectors."""
    texts = [text_key(text) if text else "" for text in tower_texts(frame, rules)]
    found = {}
    for modality, keys in (("text", texts), ("image", frame["image_hash"].fill_null("").to_list())):
        kept = embeddings.get(bundle.towers[modality], [key for key in dict.fromkeys(keys) if key])
        rows = [row for row, key in enumerate(keys) if key in kept]
        vectors = np.array([kept[keys[row]] for row in rows], np.float32) if rows else np.empty((0, 0), np.float32)
        norm = np.linalg.norm(vectors, axis=1, keepdims=True)
        found[modality] = np.array(rows, np.int64), vectors / np.maximum(norm, 1e-12)
    return found | {"rows": (np.arange(frame.height), np.empty(0))}


def _likeness(
    own: dict[str, tuple[np.ndarray, np.ndarray]], others: dict[str, tuple[np.ndarray, np.ndarray]]
) -> np.ndarray:
    """float64 (own, others): -inf where the two share no modality."""
    shape = (len(own["rows"][0]), len(others["rows"][0]))
    total, shared = np.zeros(shape), np.zeros(shape)
    for modality in ("text", "image"):
        (mine, vectors), (rows, theirs) = own[modality], others[modality]
        if len(mine) and len(rows):
            both = np.ix_(mine, rows)
            total[both] += vectors @ theirs.T
            shared[both] += 1
    return np.where(shared > 0, total / np.maximum(shared, 1), -np.inf)
