"""n-grams as the head reads them: rows of the lexicon, weighted like TF-IDF, padded to a rectangle."""

import numpy as np

from catalog.inference.lexical import BUCKETS, GROUPS, Ngrams

# How much each group says, relative to the words of the title: chosen on web shop offers whose shops were held out (0.769
# to 0.777 leaf accuracy) and on others of known shops (0.880 to 0.888). More for the vendor or its category learns shops by heart.
SHARES = {
    ("title", "words"): 1.0,
    ("title", "characters"): 1.0,
    ("description", "words"): 0.75,
    ("vendor_category", "words"): 0.25,
    ("vendor_category", "characters"): 0.25,
    ("vendor", "words"): 0.2,
    ("brand", "words"): 0.5,
    ("attributes", "words"): 0.5,
}
_SHARE_OF_GROUP = np.array([SHARES.get(group, 0.0) for group in GROUPS])


def lexicon(grams: Ngrams, least: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Row of each bucket int32 (BUCKETS,), -1 where it is left out, and idf float32 (rows,).

    Kept are the n-grams that at least `least` items have, the commonest `most` of them.

    idf = ln((1 + n) / (1 + df)) + 1, the smoothed form of scikit-learn's TfidfTransformer.
    """
    frequency = np.bincount(grams.bucket, minlength=BUCKETS)
    kept = np.flatnonzero(frequency >= least)
    if len(kept) > most:
        kept = np.sort(kept[np.argsort(-frequency[kept], kind="stable")[:most]])
    row_of_bucket = np.full(BUCKETS, -1, np.int32)
    row_of_bucket[kept] = np.arange(len(kept), dtype=np.int32)
    idf = np.log((1 + len(grams)) / (1 + frequency[kept])) + 1
    return row_of_bucket, idf.astype(np.float32)


def weighted(grams: Ngrams, idf: np.ndarray) -> Ngrams:
    """n-grams weighted by inverse document frequency, each group of an item scaled to its share (buckets are lexicon rows).

    Scaled together, a long description would drown the title; the squared length of a group is its `SHARES`.
    """
    weight = grams.weight * idf[grams.bucket]
    place = np.repeat(np.arange(len(grams)), grams.lengths()) * len(GROUPS) + grams.group
    norm = np.sqrt(np.bincount(place, weight * weight, minlength=len(grams) * len(GROUPS)))
    length = np.sqrt(_SHARE_OF_GROUP)[grams.group] / np.maximum(norm[place], 1e-12)
    return Ngrams(grams.start, grams.bucket, (weight * length).astype(np.float32), grams.group)


def padded(grams: Ngrams) -> tuple[np.ndarray, np.ndarray]:
    """Rows int64 (n, longest) and weights float32 (n, longest), at least one column, filled with row 0 at weight 0."""
    lengths = grams.lengths()
    width = max(1, int(lengths.max(initial=0)))
    rows, weights = np.zeros((len(grams), width), np.int64), np.zeros((len(grams), width), np.float32)
    filled = np.arange(width) < lengths[:, None]
    rows[filled], weights[filled] = grams.bucket, grams.weight
    return rows, weights
