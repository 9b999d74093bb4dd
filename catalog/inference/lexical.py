"""Hashed word and character n-grams: the lexical branch of the model reads these, not the text.

The scheme is fixed and named, for a bundle's table of weights means nothing under another hash. Every number below is
part of `SCHEME`; changing one needs a new name. Stored vectors in the tests hold it.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SCHEME = "ngrams-v2"
BUCKET_BITS = 20
BUCKETS = 1 << BUCKET_BITS
# Characters read of each field: bounds the work for an item, whatever a vendor pastes into it.
FIELDS = {"title": 240, "brand": 60, "vendor_category": 160, "attributes": 240, "description": 480, "vendor": 60}
_CHAR_GRAMS = {"title": (3, 4, 5), "vendor_category": (3, 4)}
# What an item's n-grams are weighed by: the words of a field are one group, its runs of characters another.
GROUPS = tuple((field, kind) for field in FIELDS for kind in ("words", "characters"))
_GROUP_BITS = 4
_WORD = re.compile(r"[^\W_]+")
_FNV_PRIME = np.uint64(0x100000001B3)
_FNV_START = 0xCBF29CE484222325
_POWER = np.uint64(0x9E3779B97F4A7C15)
_SPACE, _NEWLINE = 32, 10
_LONGEST_WORD = 40
Hashed = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Ngrams:
    """The distinct n-grams of n items: those of item i are `bucket[start[i]:start[i + 1]]`, by group, then ascending.

    start int64 (n + 1,), bucket int32, weight float32 (1 + ln of how often the n-gram occurs in the item), group int8
    (number in `GROUPS`).
    """

    start: np.ndarray
    bucket: np.ndarray
    weight: np.ndarray
    group: np.ndarray

    def __len__(self) -> int:
        return len(self.start) - 1

    def lengths(self) -> np.ndarray:
        """int64 (n,): distinct n-grams of each item."""
        return np.diff(self.start)

    def take(self, rows: np.ndarray) -> "Ngrams":
        """The n-grams of the given items, in that order."""
        lengths = self.lengths()[rows]
        start = np.concatenate(([0], np.cumsum(lengths)))
        inside = np.arange(start[-1]) - np.repeat(start[:-1], lengths) + np.repeat(self.start[rows], lengths)
        return Ngrams(start, self.bucket[inside], self.weight[inside], self.group[inside])

    @classmethod
    def joined(cls, parts: Sequence["Ngrams"]) -> "Ngrams":
        """The items of all parts, one after the other."""
        start = np.concatenate(([0], np.cumsum(np.concatenate([part.lengths() for part in parts]))))
        columns = (np.concatenate([getattr(part, name) for part in parts]) for name in ("bucket", "weight", "group"))
        return cls(start, *columns)

    def mapped(self, row_of_bucket: np.ndarray) -> "Ngrams":
        """With each bucket replaced by `row_of_bucket[bucket]`; those mapped to a negative number are left out."""
        row = row_of_bucket[self.bucket]
        kept = row >= 0
        item = np.repeat(np.arange(len(self)), self.lengths())[kept]
        start = np.concatenate(([0], np.cumsum(np.bincount(item, minlength=len(self)))))
        return Ngrams(start, row[kept].astype(np.int32), self.weight[kept], self.group[kept])


def ngrams(fields: dict[str, Sequence[str | None]]) -> Ngrams:
    """The hashed n-grams of n items, given the columns named in `FIELDS` (others are ignored, missing ones empty).

    Words are runs of letters and digits in lower case. Every field gives words and pairs of neighbours; title and
    vendor_category also runs of characters within a word, its edges counted as one space. 10,000 items take seconds.
    """
    count = len(next(iter(fields.values())))
    found = []
    for number, (field, limit) in enumerate(FIELDS.items()):
        if field in fields:
            codes = _codes(fields[field], limit)
            found += [_in_group(2 * number, pair) for pair in _word_grams(codes, salt=number * 16)]
            for size in _CHAR_GRAMS.get(field, ()):
                found.append(_in_group(2 * number + 1, _char_grams(codes, size, salt=number * 16 + size)))
    keys = np.concatenate(found) if found else np.empty(0, np.int64)
    distinct, times = np.unique(keys, return_counts=True)
    item = distinct >> (BUCKET_BITS + _GROUP_BITS)
    start = np.concatenate(([0], np.cumsum(np.bincount(item, minlength=count))))
    group = ((distinct >> BUCKET_BITS) & ((1 << _GROUP_BITS) - 1)).astype(np.int8)
    weight = (1.0 + np.log(times)).astype(np.float32)
    return Ngrams(start, (distinct & (BUCKETS - 1)).astype(np.int32), weight, group)


def _in_group(group: int, hashed: Hashed) -> np.ndarray:
    """int64: item, group and bucket in one number, which sorts by them in this order."""
    item, bucket = hashed
    return (((item << _GROUP_BITS) | group) << BUCKET_BITS) | bucket


def _codes(texts: Sequence[str | None], limit: int) -> np.ndarray:
    """Code points uint64 of ' w w w \\n' for each text, words in lower case, one space between."""
    lines = []
    for text in texts:
        words = _WORD.findall(unicodedata.normalize("NFKC", text[:limit]).lower()) if text else []
        lines.append(" " + " ".join(word[:_LONGEST_WORD] for word in words) + " \n")
    return np.frombuffer("".join(lines).encode("utf-32-le"), dtype="<u4").astype(np.uint64)


def _hashed(item: np.ndarray, hashed: np.ndarray) -> Hashed:
    """Item numbers and buckets, both int64: the bucket is the top bits after mixing (murmur3's finalizer)."""
    mixed = (hashed ^ (hashed >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    mixed = (mixed ^ (mixed >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    bucket = ((mixed ^ (mixed >> np.uint64(33))) >> np.uint64(64 - BUCKET_BITS)).astype(np.int64)
    return item, bucket


def _char_grams(codes: np.ndarray, size: int, salt: int) -> Hashed:
    """FNV-1a over each window of `size` code points whose inner ones are no space: items and buckets."""
    windows = len(codes) - size + 1
    if windows <= 0:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    solid = (codes != _SPACE) & (codes != _NEWLINE)
    valid = (codes[:windows] != _NEWLINE) & (codes[size - 1 :] != _NEWLINE)
    for inner in range(1, size - 1):
        valid &= solid[inner : inner + windows]
    at = np.flatnonzero(valid)
    item = np.cumsum(codes == _NEWLINE)[at]
    hashed = np.full(len(at), _FNV_START ^ salt, np.uint64)
    for place in range(size):
        hashed = (hashed ^ codes[at + place]) * _FNV_PRIME
    return _hashed(item, hashed)


def _word_grams(codes: np.ndarray, salt: int) -> list[Hashed]:
    """Words and pairs of neighbouring words of an item: items and buckets of each."""
    solid = (codes != _SPACE) & (codes != _NEWLINE)
    first = np.flatnonzero(solid & ~np.concatenate(([False], solid[:-1])))
    if not len(first):
        return []
    inside = np.flatnonzero(solid)
    lengths = np.diff(np.append(np.searchsorted(inside, first), len(inside)))
    powers = np.cumprod(np.full(_LONGEST_WORD, _POWER))
    place = np.arange(len(inside)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    word = np.add.reduceat(codes[inside] * powers[place], np.cumsum(lengths) - lengths)
    word = word * _FNV_PRIME + lengths.astype(np.uint64)
    item = np.cumsum(codes == _NEWLINE)[first]
    together = item[1:] == item[:-1]
    pair = (word[:-1] * _POWER + word[1:])[together]
    return [_hashed(item, word ^ np.uint64(salt + 1)), _hashed(item[1:][together], pair ^ np.uint64(salt + 2))]
