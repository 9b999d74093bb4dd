"""What one screen of the review page shows: a group of look-alikes, the categories on offer, and how far the work is.

A screen shows what a sheet shows, and the item's own text beside it. Of a hidden row that is the neutral sentence and
order the queue gave it, and no parent: nothing here looks behind it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from catalog.jobs import now
from catalog.review.review_queue import WAITING, Waiting
from catalog.store import Store
from catalog.taxonomies.taxonomy import SEPARATOR, Taxonomy

# One row per item of a screen, as it is now.
ITEMS = """
    SELECT s.token, i.title, i.description, i.brand, i.price, i.currency, i.vendor_category, i.image, i.image_hash,
           i.image_status
    FROM shown s
    JOIN live_items l USING (vendor, item_id, input_hash)
    JOIN items i ON i.vendor = l.vendor AND i.item_id = l.item_id AND i.row_hash = l.row_hash
"""
# What a reviewer has answered since a moment: items, answers, and those of the last hour with when they began.
DONE = """
    SELECT count(*) FILTER (decided_at >= $since) AS items,
           count(DISTINCT import_id) FILTER (decided_at >= $since) AS answers,
           count(DISTINCT import_id) FILTER (decided_at >= $hour_ago) AS lately,
           min(decided_at) FILTER (decided_at >= $hour_ago) AS began
    FROM decisions
    WHERE who = $reviewer AND source = 'review' AND import_id NOT IN (SELECT u.import_id FROM import_undos u)
"""
_PRICED = "{:,.2f} {}"
_HOUR, _NO_TIME = timedelta(hours=1), timedelta(0)
_SHORTEST = timedelta(minutes=2)  # of work before a rate means anything
_NO_PICTURE = {
    "remote": "The picture has not been fetched.",
    "fetch_failed": "The picture could not be fetched.",
    "unreadable": "The picture cannot be read.",
    "refused": "The picture was refused.",
}


@dataclass(frozen=True)
class Item:
    """A member of the group. `picture`: (absolute path, sha256) where there is one; `no_picture` says why not."""

    token: str
    vendor: str
    item_id: str
    title: str
    description: str
    brand: str
    price: str
    vendor_category: str
    picture: tuple[str, str] | None
    no_picture: str


@dataclass(frozen=True)
class Choice:
    """A category to choose. `above`: the path before its name; `category_id` is None when it is gone or closed."""

    category_id: str | None
    name: str
    above: str
    scope_note: str

    @property
    def path(self) -> str:
        """The full path."""
        return f"{self.above}{SEPARATOR}{self.name}" if self.above else self.name


@dataclass(frozen=True)
class Screen:
    """A group, its first member first, and what may be said of it under one version of the taxonomy."""

    items: tuple[Item, ...]
    sentence: str
    reason: str
    candidates: tuple[Choice, ...]
    parent: Choice | None
    taxonomy_version: str

    @property
    def tokens(self) -> frozenset[str]:
        """The tokens of all members."""
        return frozenset(item.token for item in self.items)


@dataclass(frozen=True)
class Progress:
    """A reviewer's day. `items` and `answers` since it began; `per_hour`: answers, None before there is a rate."""

    items: int
    answers: int
    per_hour: int | None


def prepared(store: Store, taxonomy: Taxonomy, rows: Sequence[Waiting]) -> list[Screen]:
    """One screen per group, in the order of its first row; members whose item is no longer as it was are left out."""
    facts = _facts(store, rows)
    groups: dict[str, list[Waiting]] = {}
    for row in rows:
        if row.token in facts:
            groups.setdefault(row.group_token, []).append(row)
    return [_screen(group, facts, taxonomy) for group in groups.values()]


def _screen(rows: Sequence[Waiting], facts: dict[str, dict], taxonomy: Taxonomy) -> Screen:
    first = rows[0]
    parent = first.parent_id if first.parent_id in taxonomy and not first.blind else None
    above = choice(taxonomy, parent) if parent is not None else None
    return Screen(
        items=tuple(_item(row, facts[row.token]) for row in rows),
        sentence=first.sentence or "",
        reason=(first.reason or "").replace("_", " "),
        candidates=tuple(choice(taxonomy, category) for category in first.candidates),
        parent=above if above is not None and above.category_id is not None else None,
        taxonomy_version=taxonomy.version,
    )


def choice(taxonomy: Taxonomy, category: str) -> Choice:
    """A category as an offer; what the taxonomy no longer has stands there in words and cannot be chosen."""
    if category not in taxonomy:
        return Choice(None, category, "", "")
    above, _, name = taxonomy.path(category).rpartition(SEPARATOR)
    note = taxonomy.nodes.filter(pl.col("category_id") == category)["scope_note"].item()
    return Choice(category if taxonomy.assignable(category) else None, name, above, note or "")


def choices(taxonomy: Taxonomy, categories: Iterable[str]) -> list[Choice]:
    """Categories as offers, in the order given."""
    return [choice(taxonomy, category) for category in categories]


def progress(store: Store, reviewer: str, since: datetime) -> Progress:
    """How far a reviewer has come since a moment."""
    at = now()
    bounds = {"since": since, "hour_ago": at - _HOUR}
    done = store.query(DONE, {**bounds, "reviewer": reviewer}).row(0, named=True)
    worked = at - done["began"] if done["began"] else _NO_TIME
    return Progress(
        done["items"], done["answers"], round(done["lately"] * (_HOUR / worked)) if worked >= _SHORTEST else None
    )


def left(store: Store) -> int:
    """How many items wait for a person, whoever holds them."""
    params = {"secret": "", "export": "", "vendor": None, "held": True, "asked": None}
    return int(store.one(f"SELECT count(*) FROM ({WAITING})", params))


def _facts(store: Store, rows: Sequence[Waiting]) -> dict[str, dict]:
    keys = [(row.token, row.vendor, row.item_id, row.input_hash) for row in rows]
    names = dict.fromkeys(("token", "vendor", "item_id", "input_hash"), pl.String)
    with store.frame("shown", pl.DataFrame(keys, schema=names, orient="row")):
        return {fact["token"]: fact for fact in store.query(ITEMS).iter_rows(named=True)}


def _item(row: Waiting, fact: dict) -> Item:
    there = fact["image_status"] == "ok" and fact["image"] and fact["image_hash"]
    price = _PRICED.format(fact["price"], fact["currency"] or "").strip() if fact["price"] is not None else ""
    return Item(
        token=row.token,
        vendor=row.vendor,
        item_id=row.item_id,
        title=fact["title"] or "",
        description=fact["description"] or "",
        brand=fact["brand"] or "",
        price=price,
        vendor_category=fact["vendor_category"] or "",
        picture=(fact["image"], fact["image_hash"]) if there else None,
        no_picture="" if there else _NO_PICTURE.get(fact["image_status"], "No picture."),
    )
