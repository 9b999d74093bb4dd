"""Finding a category by a few words, misspelt or half typed: an index of the words in all paths, built once a version.

A word of the query is compared with each distinct word of the taxonomy by the pairs of letters they share (Dice's
coefficient, with a space at both ends of a word), and the most similar ones by the letters it takes to turn one into the
other (optimal string alignment). A category scores, for each word of the query, with the most similar word of its path;
words of its own name count most.
"""

import bisect
import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from rapidfuzz.distance import OSA

from catalog.taxonomies.taxonomy import SEPARATOR, Taxonomy

_WORDS = re.compile(r"\w+")
_LONGEST = 200  # characters of a query that are read
_MOST_WORDS = 8
_LOOKED_AT = 40  # words whose letters are compared
_ALIKE = 0.5  # below that two words have nothing to do with each other
_BEGINS, _CONTAINS = 0.92, 0.7  # a word that begins with, or contains, what was typed
_OF_PATH = 0.75  # what a word of an ancestor's name is worth beside one of the category's own


def folded_words(text: str) -> list[str]:
    """The words of a text without case and accents."""
    plain = unicodedata.normalize("NFKD", text[:_LONGEST].casefold())
    return _WORDS.findall("".join(c for c in plain if not unicodedata.combining(c)))


def _pairs(word: str) -> set[str]:
    spaced = f" {word} "
    return {spaced[at : at + 2] for at in range(len(spaced) - 1)}


@dataclass(frozen=True)
class CategorySearch:
    """The assignable nodes of one version; the others are never found."""

    taxonomy: Taxonomy

    @cached_property
    def _ids(self) -> list[str]:
        return self.taxonomy.nodes.filter("assignable")["category_id"].to_list()

    @cached_property
    def _place(self) -> dict[str, int]:
        return {category_id: at for at, category_id in enumerate(self._ids)}

    @cached_property
    def _documents(self) -> list[tuple[list[str], list[str]]]:
        """(words of the name, words of the names above) of each node."""
        paths = (self.taxonomy.path(category_id) for category_id in self._ids)
        parted = (path.rpartition(SEPARATOR) for path in paths)
        return [(folded_words(name), folded_words(above)) for above, _, name in parted]

    @cached_property
    def _vocabulary(self) -> list[str]:
        return sorted({word for own, above in self._documents for word in (*own, *above)})

    @cached_property
    def _postings(self) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Places of the words that contain each pair of letters, and how many pairs each word has."""
        lists: dict[str, list[int]] = {}
        sizes = np.zeros(len(self._vocabulary), np.float32)
        for at, word in enumerate(self._vocabulary):
            pairs = _pairs(word)
            sizes[at] = len(pairs)
            for pair in pairs:
                lists.setdefault(pair, []).append(at)
        return {pair: np.array(places) for pair, places in lists.items()}, sizes

    @cached_property
    def _incidence(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Word places and worths of all nodes one after the other, and where each node's begin."""
        place = {word: at for at, word in enumerate(self._vocabulary)}
        words: list[int] = []
        worth: list[float] = []
        starts: list[int] = []
        for own, above in self._documents:
            starts.append(len(words))
            words += [place[word] for word in (*own, *above)] or [-1]
            worth += [1.0] * len(own) + [_OF_PATH] * len(above) if own or above else [0.0]
        return np.array(words), np.array(worth, np.float32), np.array(starts)

    @cached_property
    def _name_sizes(self) -> np.ndarray:
        return np.array([max(1, len(own)) for own, _ in self._documents], np.float32)

    def prepared(self) -> "CategorySearch":
        """Itself, built: the first query need not wait."""
        self.find("a", 1)
        return self

    def find(self, query: str, limit: int = 10) -> list[str]:
        """Ids of the nodes meant, the likeliest first; none when no word of the query resembles any of theirs."""
        words = folded_words(query)[:_MOST_WORDS]
        if not words or not self._ids:
            return []
        flat, worth, starts = self._incidence
        total = np.zeros(len(self._ids), np.float32)
        for word in words:
            alike = self._alike(word)[flat] * worth
            best = np.maximum.reduceat(alike, starts)
            total += np.where(best > 0, best, -0.5)  # a word of the query that is nowhere speaks against a node
        scores = total / len(words) + 0.1 * np.minimum(1, len(words) / self._name_sizes)
        scores[total <= 0] = -np.inf
        exact = self._place.get(query.strip())
        if exact is not None:
            scores[exact] = np.inf
        best_first = np.argsort(-scores, kind="stable")[:limit]
        return [self._ids[at] for at in best_first.tolist() if scores[at] > -np.inf]

    def _alike(self, word: str) -> np.ndarray:
        """How much each word of the vocabulary resembles this one, from 0 to 1."""
        lists, sizes = self._postings
        pairs = _pairs(word)
        places = [lists[pair] for pair in pairs if pair in lists]
        shared = np.bincount(np.concatenate(places), minlength=len(sizes)) if places else np.zeros(len(sizes))
        dice = (2 * shared / (len(pairs) + sizes)).astype(np.float32)
        alike = np.zeros(len(sizes), np.float32)
        for at in np.argpartition(-dice, min(_LOOKED_AT, len(dice)) - 1)[:_LOOKED_AT].tolist():
            near = (dice[at] + 2 * (1 - OSA.distance(word, self._vocabulary[at]) / max(len(word), 1))) / 3
            alike[at] = near if dice[at] > 0 and near >= _ALIKE else 0
        for at in self._containing(word):
            other = self._vocabulary[at]
            alike[at] = 1.0 if word == other else _BEGINS if other.startswith(word) else _CONTAINS
        return alike

    @cached_property
    def _joined(self) -> tuple[str, list[int]]:
        """The vocabulary as one text, a word a line, and where each begins."""
        starts = np.cumsum([0, *(len(word) + 1 for word in self._vocabulary)])
        return "\n" + "\n".join(self._vocabulary), starts.tolist()

    def _containing(self, word: str) -> list[int]:
        """Places of the words with this one in them; of a single letter only those that begin with it."""
        text, starts = self._joined
        sought = f"\n{word}" if len(word) == 1 else word
        found, at = [], text.find(sought)
        while at >= 0:
            found.append(bisect.bisect_right(starts, at - (len(word) > 1)) - 1)
            at = text.find(sought, starts[found[-1] + 1])
        return found
