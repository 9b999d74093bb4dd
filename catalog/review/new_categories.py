"""Proposed categories: products of which people said that no category fits, gathered by the words their titles share.

A title is a vector of its words, each weighing as much as it is rare in the shop; two products are alike by the cosine.
The product with most others alike to it gathers them, then the next among those left (star clustering, Aslam et al. 2004),
so that a chain of small steps never joins what differs. A cluster is named by the words that most of its products have and
the rest of the shop has not.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl

from catalog.store import Store
from catalog.taxonomies.category_search import folded_words
from catalog.taxonomies.taxonomy import SEPARATOR, Taxonomy

ALIKE = 0.35  # cosine
MOST = 5_000  # distinct titles gathered at a time; the youngest
EXAMPLES = 5
NAME_WORDS = 3
IN_NAME = 0.4  # the least share of a cluster's titles that have a word of its name
SHORTEST = 3  # letters of a word
# One row per live item of which a person said that no category fits and nothing was said since.
NONE_FITS = """
    SELECT d.vendor, d.item_id, i.title, coalesce(r.parent_id, p.leaf_id) AS near_id, d.note
    FROM standing_decisions d
    JOIN live_items l USING (vendor, item_id)
    JOIN items i ON i.vendor = l.vendor AND i.item_id = l.item_id AND i.row_hash = l.row_hash
    LEFT JOIN standing_routes r ON r.vendor = l.vendor AND r.item_id = l.item_id
    LEFT JOIN item_predictions p ON p.vendor = l.vendor AND p.item_id = l.item_id
    WHERE d.verdict = 'none' AND i.title IS NOT NULL
    ORDER BY d.seq DESC, d.vendor, d.item_id
"""
# The titles that tell which words are common: a sample of what is live, the same each time.
SAMPLED = """
    SELECT DISTINCT title FROM live_items JOIN items USING (vendor, item_id, row_hash)
    WHERE title IS NOT NULL ORDER BY hash(title), title LIMIT 20000
"""


@dataclass(frozen=True)
class Proposal:
    """A category that is missing: what to call it, under what it may belong (None: nothing near), and its products."""

    name: str
    parent_id: str | None
    items: int
    vendors: int
    examples: tuple[tuple[str, str, str], ...]


def proposals(store: Store, taxonomy: Taxonomy, *, least: int = 3) -> list[Proposal]:
    """What people found no category for, as clusters of at least `least` items, the largest first."""
    found = store.query(NONE_FITS)
    return gather(found, store.query(SAMPLED)["title"], taxonomy, least=least)


def gather(frame: pl.DataFrame, shop: Iterable[str], taxonomy: Taxonomy, *, least: int) -> list[Proposal]:
    """Clusters of `frame` (vendor, item_id, title, near_id), named against the titles of the whole `shop`."""
    if not frame.height:
        return []
    words = [_words(title) for title in frame["title"]]
    # What these very products say is not what is common in the shop, however many of them there are.
    own_titles = set(frame["title"])
    seen, titles = _document_counts(_words(title) for title in shop if title not in own_titles)
    distinct = list(dict.fromkeys(tuple(sorted(own)) for own in words))[:MOST]
    clusters = _stars(_alike(distinct, seen, titles))
    place = {own: number for number, members in enumerate(clusters) for own in (distinct[row] for row in members)}
    numbered = frame.with_columns(cluster=pl.Series([place.get(tuple(sorted(own))) for own in words], dtype=pl.Int64))
    made = [
        _proposal(part, [distinct[row] for row in clusters[int(str(number))]], (seen, titles), taxonomy)
        for (number,), part in numbered.drop_nulls("cluster").group_by("cluster", maintain_order=True)
        if part.height >= least
    ]
    return sorted(made, key=lambda found: (-found.items, found.name))


def _words(title: str) -> set[str]:
    """Words with a letter; numbers tell products apart, not kinds."""
    return {word for word in folded_words(title) if len(word) >= SHORTEST and not any(c.isdigit() for c in word)}


def _document_counts(titles: Iterable[set[str]]) -> tuple[Counter[str], int]:
    seen: Counter[str] = Counter()
    number = 0
    for own in titles:
        seen.update(own)
        number += 1
    return seen, number


def _alike(titles: list[tuple[str, ...]], seen: Counter[str], many: int) -> np.ndarray:
    """Bool (n, n): the cosine of two titles is at least `ALIKE`."""
    index = {word: n for n, word in enumerate(sorted({word for own in titles for word in own}))}
    vectors = np.zeros((len(titles), max(1, len(index))), np.float32)
    for row, own in enumerate(titles):
        for word in own:
            vectors[row, index[word]] = math.log((many + 1) / (seen[word] + 1)) + 1e-6
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    alike = vectors @ vectors.T >= ALIKE
    np.fill_diagonal(alike, val=True)
    return alike


def _stars(alike: np.ndarray) -> list[list[int]]:
    """Clusters of row numbers: again and again the row with most others left that are alike to it, the first of equals."""
    left, many, clusters = np.ones(len(alike), bool), alike.sum(axis=1), []
    while left.any():
        centre = int(np.where(left, many, -1).argmax())
        members = np.flatnonzero(alike[centre] & left)
        clusters.append(members.tolist())
        left[members] = False
        many = many - alike[:, members].sum(axis=1)
    return clusters


def _proposal(
    part: pl.DataFrame, titles: list[tuple[str, ...]], shop: tuple[Counter[str], int], taxonomy: Taxonomy
) -> Proposal:
    near = (
        part["near_id"].drop_nulls().filter(part["near_id"].drop_nulls().is_in(taxonomy.nodes["category_id"].implode()))
    )
    return Proposal(
        name=_name(titles, part["title"][0], shop),
        parent_id=_above(near.to_list(), taxonomy),
        items=part.height,
        vendors=part["vendor"].n_unique(),
        examples=tuple(
            part.select("vendor", "item_id", "title").unique("title", maintain_order=True).head(EXAMPLES).rows()
        ),
    )


def _name(titles: list[tuple[str, ...]], title: str, shop: tuple[Counter[str], int]) -> str:
    """The words that stand out, in the order of a title that has them."""
    seen, many = shop
    inside, here = _document_counts(set(own) for own in titles)
    worth = {
        word: inside[word] / here * math.log(inside[word] / here * (many + 2) / (seen[word] + 1))
        for word in inside
        if inside[word] >= IN_NAME * here
    }
    best = sorted(worth, key=lambda word: (-worth[word], word))[:NAME_WORDS]
    order = {word: n for n, word in enumerate(folded_words(title))}
    return " ".join(sorted(best, key=lambda word: (order.get(word, len(order)), word))) or title[:60]


def _above(near: list[str], taxonomy: Taxonomy) -> str | None:
    """The deepest category that is, or lies above, what more than half of them are near to; never a leaf."""
    counted: Counter[str] = Counter(
        node for one in near for node in taxonomy.ancestors(one) if not taxonomy.is_leaf(node)
    )
    most = [node for node, times in counted.items() if times > len(near) / 2]
    return max(most, key=lambda node: (taxonomy.level(node), node), default=None)


def text(found: list[Proposal], taxonomy: Taxonomy) -> str:
    """The proposals for a terminal: name, place, counts, examples."""
    if not found:
        return "Nobody has found that no category fits, often enough for a proposal."
    lines = []
    for one in found:
        where = f"{taxonomy.path(one.parent_id)}{SEPARATOR}" if one.parent_id else ""
        lines.append(f"{one.items:>6,} items of {one.vendors} vendors  {where}{one.name} (new)")
        lines += [f"        {vendor} {item_id}  {title[:70]}" for vendor, item_id, title in one.examples]
    return "\n".join(lines)


def tree(found: list[Proposal], taxonomy: Taxonomy) -> pl.DataFrame:
    """The hierarchy with the proposals in it, as `catalog taxonomy import` reads it: one row per category.

    A proposal's id is its path where ids are paths, else one made of its name. A name that stands there already is left out.
    """
    by_path = bool((taxonomy.nodes["category_id"] == taxonomy.nodes["path"]).all())
    known = set(taxonomy.nodes["path"]) | set(taxonomy.nodes["category_id"])
    rows = []
    for one in found:
        name = one.name.replace(SEPARATOR.strip(), " ")
        path = f"{taxonomy.path(one.parent_id)}{SEPARATOR}{name}" if one.parent_id else name
        own = path if by_path else f"new-{'-'.join(name.split())}"
        if not {path, own} & known:
            known |= {path, own}
            rows.append(
                {"category_id": own, "parent_id": one.parent_id, "path": path, "name": name, "assignable": True}
            )
    columns = ["category_id", "parent_id", "path", "name", "assignable", "scope_note"]
    old = taxonomy.nodes.select(columns)
    return pl.concat([old, pl.DataFrame(rows, schema={name: old.schema[name] for name in columns})])


def table(found: list[Proposal], taxonomy: Taxonomy) -> pl.DataFrame:
    """One row per proposal: name, parent_id, parent_path, items, vendors, examples (titles joined by ' | ')."""
    rows = [
        (one.name, one.parent_id, taxonomy.path(one.parent_id) if one.parent_id else None, one.items, one.vendors,
         " | ".join(title for *_, title in one.examples))
        for one in found
    ]  # fmt: skip
    names = {
        "name": pl.String,
        "parent_id": pl.String,
        "parent_path": pl.String,
        "items": pl.Int64,
        "vendors": pl.Int64,
    }
    return pl.DataFrame(rows, schema={**names, "examples": pl.String}, orient="row")
