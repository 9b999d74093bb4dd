"""Look-alikes among items that come night after night: each joins a cluster that began before it, or begins one.

An item is compared with the content a cluster began with (leader clustering, Hartigan 1975), never with what joined later:
so no chain of small steps joins what differs, and what has joined stays, whatever comes afterwards. Items are taken in an
order drawn by hash; the result is the same however a night is cut into parts, and in whatever order its rows came.

An item joins where one of these holds, and where several do by the first of them:

- product      the same variant parent of its vendor; or the same GTIN, and half of the shorter title's words in the other
- title        the same title key and brand, and pictures that agree; without pictures a brand, or five words in the title
- bytes        the same picture, the same brand, and half of the shorter title's words in the other
- near         titles of four words and more of which at most one differs, the same brand, and pictures that agree
"""

from bisect import insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from catalog.labels.clusters import item_key, stable_hash, stable_names, title_key

MOST = 100  # items of a cluster: what one decision may settle, and a parent typed into every row may join
TRIED = 50  # clusters that an item is compared with by one key: a title that a thousand pictures share
PRODUCT, TITLE, BYTES, NEAR = range(4)
_TELLING = 5  # words that name a product without a brand; with fewer 3% of fashion titles did not
_NEAR_WORDS = (4, 16)

# What one picture may be compared with another by: image hashes to whether they agree.
Agree = Callable[[str, str], bool]


@dataclass
class Leader:
    """A cluster: the words and the picture it began with, and how many items it has."""

    cluster: str
    words: frozenset[str]
    image_hash: str | None
    size: int = 1


@dataclass
class Known:
    """Clusters by key, of each key the first TRIED by name, so that the order in which they were found does not matter."""

    by_key: dict[int, list[Leader]] = field(default_factory=dict)

    def add(self, key: int, leader: Leader) -> None:
        """Has a cluster be found by a key."""
        found = self.by_key.setdefault(key, [])
        insort(found, leader, key=lambda one: one.cluster)
        del found[TRIED:]


def compared_by(items: pl.DataFrame) -> pl.DataFrame:
    """The rows with what they are compared by: `own`, `key_title`, `key_brand`.

    items: vendor, item_id, input_hash, product_id, title, brand, image_hash, in the order in which they are taken.
    """
    brand = pl.col("brand").fill_null("").str.to_lowercase().str.strip_chars()
    found = items.with_columns(own=item_key(), key_title=title_key(), key_brand=brand)
    return found.with_columns(
        pl.when(pl.col(name).str.len_bytes() > 0).then(name) for name in ("product_id", "image_hash")
    )


def keys_of(items: pl.DataFrame) -> pl.DataFrame:
    """Of items with what `compared_by` adds one row each for `row`, `kind` and `key`: whoever shares a key is compared."""
    between = "\x1f"
    texts = {
        PRODUCT: pl.concat_str(pl.lit("p"), "product_id", separator=between),
        TITLE: pl.when(pl.col("key_title").str.contains(" ")).then(
            pl.concat_str(pl.lit("t"), "key_title", "key_brand", separator=between)
        ),
        BYTES: pl.concat_str(pl.lit("b"), "image_hash", "key_brand", separator=between),
    }
    rows = items.with_row_index("row")
    found = [
        rows.select("row", kind=pl.lit(kind, pl.Int8), text=text).drop_nulls("text") for kind, text in texts.items()
    ]
    hashed = [
        part.select("row", "kind", key=pl.Series(stable_hash(part["text"].to_list()), dtype=pl.UInt64))
        for part in found
    ]
    pictured = rows.filter(pl.col("image_hash").is_not_null() & pl.col("key_title").is_not_null())
    pictured = pictured.with_columns(words=pl.col("key_title").str.split(" ").list.unique())
    return pl.concat([*hashed, _near(pictured.filter(pl.col("words").list.len().is_between(*_NEAR_WORDS)))])


def _near(rows: pl.DataFrame) -> pl.DataFrame:
    """A key of all words of a title together with its brand, and one without each of them."""
    counts = rows["words"].list.len().to_numpy().astype(np.int64)
    spread = rows.select("row", "words").explode("words")
    one = _hashed(spread["words"], "word")
    starts = np.cumsum(counts) - counts
    every = np.bitwise_xor.reduceat(one, starts) if rows.height else one
    every = every ^ _hashed(rows["key_brand"], "brand")
    without = np.repeat(every, counts) ^ one
    found = pl.concat([rows["row"], spread["row"]]).to_frame()
    return found.with_columns(
        kind=pl.lit(NEAR, pl.Int8), key=pl.Series(np.concatenate([every, without]), dtype=pl.UInt64)
    )


def _hashed(texts: pl.Series, salt: str) -> np.ndarray:
    """uint64 (n,): each text's stable hash; there are far fewer words than places."""
    distinct = texts.unique()
    hashes = pl.Series(stable_hash(distinct.to_list(), salt), dtype=pl.UInt64)
    return texts.replace_strict(distinct, hashes, return_dtype=pl.UInt64).to_numpy().astype(np.uint64)


def contested(keys: pl.DataFrame, known: Known) -> pl.DataFrame:
    """The keys that several of the items share, or that a known cluster is found by: only these are looked at."""
    found = pl.Series(list(known.by_key), dtype=pl.UInt64).implode()
    return keys.filter(pl.col("key").is_duplicated() | pl.col("key").is_in(found))


def joined(items: pl.DataFrame, keys: pl.DataFrame, known: Known, agree: Agree) -> pl.DataFrame:
    """The `cluster` of each item, and `leads`: whether it began it. items: of `compared_by`; keys: of `contested`.

    Clusters that begin are added to `known`.
    """
    columns = ("product_id", "key_title", "key_brand", "image_hash")
    names = stable_names(items.select(_content()).to_series().to_list(), "cluster").to_list()
    clusters, leads = list(names), [True] * items.height
    compared = by_row(keys, "kind", "key")
    rows = items.select(columns)[compared["row"].to_list()].iter_rows(named=True)
    for row, kinds, own_keys, facts in zip(*(compared[name].to_list() for name in compared.columns), rows, strict=True):
        one = _One(facts, words_of(facts["key_title"]))
        leader = next(_matches(one, zip(kinds, own_keys, strict=True), known, agree), None)
        if leader is not None:
            leader.size += 1
            clusters[row], leads[row] = leader.cluster, False
            continue
        leader = Leader(names[row], one.words, facts["image_hash"])
        for key in dict.fromkeys(own_keys):
            known.add(key, leader)
    return items.with_columns(cluster=pl.Series(clusters, dtype=pl.String), leads=pl.Series(leads, dtype=pl.Boolean))


def by_row(keys: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """One row per item with lists of these columns, sorted by them."""
    return keys.sort("row", *columns).group_by("row", maintain_order=True).agg(columns)


def words_of(title: str | None) -> frozenset[str]:
    """The words of a title key."""
    return frozenset((title or "").split())


def _content() -> pl.Expr:
    return pl.concat_str("own", "input_hash", separator="\x1f")


@dataclass(frozen=True)
class _One:
    """An item that looks for its cluster."""

    facts: dict[str, Any]
    words: frozenset[str]


def _matches(one: _One, keys: Iterator[tuple[int, int]], known: Known, agree: Agree) -> Iterator[Leader]:
    """Clusters it may join, those by the strongest kind first, of each kind and key by name."""
    for kind, key in keys:
        for leader in known.by_key.get(key, []):
            if leader.size < MOST and _alike(one, leader, kind, agree):
                yield leader


def _alike(one: _One, leader: Leader, kind: int, agree: Agree) -> bool:
    picture = one.facts["image_hash"]
    if kind == PRODUCT:
        return not one.facts["product_id"].startswith("gtin:") or _half(one.words, leader.words)
    if kind == BYTES:
        return _half(one.words, leader.words)
    if picture is not None and leader.image_hash is not None:
        return picture == leader.image_hash or agree(picture, leader.image_hash)
    return kind == TITLE and (one.facts["key_brand"] != "" or len(one.words) >= _TELLING)


def _half(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether half of the shorter title's words are in the other."""
    shorter = min(len(one), len(other))
    return shorter > 0 and 2 * len(one & other) >= shorter
