"""What drift is looked for in: the features of an item, one row of numbers each, and the statistics that read them."""

import re

import numpy as np
import polars as pl

from catalog.inference.embeddings import EmbeddingCache
from catalog.inference.inputs import InputRules, text_key, tower_texts
from catalog.watch.drift import Statistic

LEAVES = 20  # categories told apart; the others count together
DIRECTIONS = (
    32  # random ones that embeddings are seen from: distances keep, sums become cheap (Johnson and Lindenstrauss)
)
_WORD = re.compile(r"[^\W\d_]{2,}")
_CHARACTERS, _WORDS = 300, 40
_LEAST_SHARE = 3**0.5  # see Statistic
_PLAIN = (
    Statistic("confidence", slice(0, 1)),
    Statistic("expected_accuracy", slice(1, 2)),
    Statistic("novelty", slice(2, 3)),
    Statistic("new_words", slice(3, 4), least=_LEAST_SHARE),
    Statistic("title_words", slice(4, 5)),
    Statistic("without_picture", slice(5, 6), least=_LEAST_SHARE),
    Statistic("brightness", slice(6, 7)),
    Statistic("sharpness", slice(7, 8)),
    Statistic("picture_size", slice(8, 9)),
)
_START = len(_PLAIN)
STATISTICS = [
    *_PLAIN,
    Statistic("categories", slice(_START, _START + LEAVES + 1), shares=True),
    Statistic("text_embedding", slice(_START + LEAVES + 1, _START + LEAVES + 1 + DIRECTIONS)),
    Statistic("picture_embedding", slice(_START + LEAVES + 1 + DIRECTIONS, _START + LEAVES + 1 + 2 * DIRECTIONS)),
]
WIDTH = STATISTICS[-1].columns.stop
PLACE = {statistic.name: statistic.columns for statistic in STATISTICS}


def features(frame: pl.DataFrame, embedded: tuple[np.ndarray, np.ndarray], leaves: list[str]) -> np.ndarray:
    """float64 (n, WIDTH), NaN where an item has no such feature; the columns of `new_words` are filled by `new_words`.

    `frame` has title, leaf_id, probability, log_odds, novelty, image_status, brightness, sharpness and pixels (null where
    the picture was not looked at); `embedded` text and picture (n, DIRECTIONS); `leaves` those told apart, at most LEAVES.
    """
    words = frame["title"].str.count_matches(r"\S+").fill_null(0).clip(0, _WORDS)
    plain = [
        frame["log_odds"].clip(-10, 10),
        frame["probability"],
        frame["novelty"],
        pl.Series([None] * frame.height, dtype=pl.Float64),
        words,
        frame["image_status"] != "ok",
        frame["brightness"],
        frame["sharpness"],
        frame["pixels"].cast(pl.Float64).log(),
    ]
    columns = [column.cast(pl.Float64).fill_null(float("nan")).to_numpy() for column in plain]
    shares = np.zeros((frame.height, LEAVES + 1))
    place = {leaf: n for n, leaf in enumerate(leaves)}
    shares[np.arange(frame.height), [place.get(leaf, LEAVES) for leaf in frame["leaf_id"]]] = 1.0
    return np.concatenate([np.stack(columns, axis=1), shares, *embedded], axis=1)


def commonest(leaf_id: pl.Series) -> list[str]:
    """The leaves to tell apart, the commonest first."""
    counted = leaf_id.drop_nulls().value_counts().sort("count", leaf_id.name, descending=[True, False])
    return counted[leaf_id.name].head(LEAVES).to_list()


def word_sets(frame: pl.DataFrame) -> list[frozenset[str]]:
    """The words of each title and the start of its description in lower case; numbers and codes, always new, are none."""
    texts = [f"{title or ''} {description or ''}" for title, description in frame.select("title", "description").rows()]
    return [frozenset(_WORD.findall(text[:_CHARACTERS].lower())[:_WORDS]) for text in texts]


def new_words(reference: list[frozenset[str]], run: np.ndarray, batch: list[frozenset[str]]) -> tuple[np.ndarray, ...]:
    """The share of each item's words that no other run has, for the reference (n,) and for the batch (m,).

    An item of the reference is held against the runs but its own, one fewer than there are. So that a batch is not held
    against more, a word that one run alone has counts as new as often as that run would be left out.
    """
    runs_of: dict[str, set[int]] = {}
    for words, number in zip(reference, run.tolist(), strict=True):
        for word in words:
            runs_of.setdefault(word, set()).add(number)
    alone = 1 / max(int(run.max(initial=0)) + 1, 1)

    def new_to(word: str, own: int | None) -> float:
        others = runs_of.get(word, set()) - {own}
        return 1.0 if not others else alone if own is None and len(others) == 1 else 0.0

    def share(words: frozenset[str], own: int | None) -> float:
        return sum(new_to(word, own) for word in words) / len(words) if words else np.nan

    earlier = np.array([share(words, own) for words, own in zip(reference, run.tolist(), strict=True)])
    return earlier, np.array([share(words, None) for words in batch])


class Embedded:
    """Kept embeddings of a bundle's towers, seen from a few fixed directions."""

    def __init__(self, rules: InputRules, towers: dict[str, str], kept: EmbeddingCache) -> None:
        self._rules, self._towers, self._kept = rules, towers, kept

    def of(self, frame: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Of text and picture, float64 (n, DIRECTIONS) each; NaN where none is kept. Nothing is encoded."""
        texts = [text_key(text) if text else "" for text in tower_texts(frame, self._rules)]
        return self._seen("text", texts), self._seen("image", frame["image_hash"].fill_null("").to_list())

    def _seen(self, modality: str, keys: list[str]) -> np.ndarray:
        tower = self._towers[modality]
        vectors = self._kept.get(tower, [key for key in dict.fromkeys(keys) if key])
        out = np.full((len(keys), DIRECTIONS), np.nan)
        rows = [row for row, key in enumerate(keys) if key in vectors]
        if rows:
            out[rows] = seen_from_fixed_directions(np.array([vectors[keys[row]] for row in rows]))
        return out


def seen_from_fixed_directions(vectors: np.ndarray) -> np.ndarray:
    """float64 (n, DIRECTIONS) of vectors (n, width): the same directions for every bundle and night."""
    directions = np.random.default_rng(11).standard_normal((vectors.shape[1], DIRECTIONS)) / np.sqrt(DIRECTIONS)
    return vectors.astype(np.float64) @ directions


def nothing_embedded(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """In place of embeddings where imported answers serve."""
    return np.full((rows, DIRECTIONS), np.nan), np.full((rows, DIRECTIONS), np.nan)
