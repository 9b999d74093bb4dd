"""Large tables of the published file, made of the items of some vendors after those of others.

Each joins or orders the rows of all items at once, which takes as much memory as there are items, and what finds no room goes by
the disk. What is said of an item follows from facts of its own, so that a statement asked of a part of the items, all it reads
narrowed to these, gives their rows: in parts of some million items it needs the memory of one of them.

Parts are ranges of vendors, whose facts stand side by side, so that a part reads little of the others. A vendor with more items
than a part may have is divided by their ids, but for sums by vendor.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from catalog.publishing.views import Statement
from catalog.store import Store, literal

BYTES_AN_ITEM = 900  # of database.memory_limit: a million items were published whole within a thousand bytes each
# What each table reads an item at a time. Predictions belong to inputs, which vendors share; groups have items of many.
BY_ITEM = {
    "standing_routes": ("routes",),
    "first_categories": ("items", "routes"),
    "live_items": ("sightings", "items", "revised"),
    "departures": ("sightings",),
    "category_history": ("routes", "sightings", "departures", "live_items"),
    "item_predictions": ("live_items",),
    "placements": ("live_items", "items", "standing_routes"),
    "backlog": ("standing_routes", "live_items", "items", "item_predictions", "sheet_tokens"),
    "items": ("items", "live_items"),
}
# What sums by vendor read of each vendor.
BY_VENDOR = {
    "settled_by_brand": ("routes", "items"),
    "row_flows": ("routes", "sightings", "taken_deliveries"),
    "automation_by_brand": ("live_items", "items", "standing_routes"),
}


@dataclass(frozen=True)
class Parts:
    """Conditions on `vendor` and `item_id` that divide all items, and those on `vendor` alone; none where one part does."""

    by_item: tuple[str, ...] = ()
    by_vendor: tuple[str, ...] = ()


def among(store: Store) -> Parts:
    """Parts that fit into the memory that DuckDB may use."""
    room = int(store.one("SELECT parse_formatted_bytes(current_setting('memory_limit'))")) // BYTES_AN_ITEM
    return divided(store.query("SELECT vendor, count(*) FROM items GROUP BY vendor ORDER BY vendor").rows(), room)


def divided(rows: Sequence[tuple[str, int]], room: int) -> Parts:
    """The same for vendors with so many rows, in their order, and parts of at most `room` of them."""
    parts: list[tuple[str, int]] = []  # each with the vendor it begins with
    for vendor, count in rows:
        if parts and parts[-1][1] + count <= room:
            parts[-1] = (parts[-1][0], parts[-1][1] + count)
        else:
            parts.append((vendor, count))
    by_item: list[str] = []
    by_vendor: list[str] = []
    for place, (start, count) in enumerate(parts):
        bounds = [f"vendor >= {literal(start)}"] if place else []
        bounds += [f"vendor < {literal(end)}" for end, _ in parts[place + 1 : place + 2]]
        by_vendor.append(" AND ".join(bounds))
        pieces = -(-count // room)
        ids = [f"hash(item_id) % {pieces} = {piece}" for piece in range(pieces)] if pieces > 1 else []
        by_item += [" AND ".join([*bounds, one]) for one in ids] or by_vendor[-1:]
    return Parts(*(tuple(one) if len(one) > 1 else () for one in (by_item, by_vendor)))


def asked_of(table: Statement, parts: Parts) -> Iterator[str]:
    """What a table asks for, part by part."""
    conditions = parts.by_vendor if table.name in BY_VENDOR else parts.by_item
    read = BY_VENDOR.get(table.name) or BY_ITEM.get(table.name)
    if not conditions or read is None:
        yield table.asked
        return
    for part in conditions:
        yield table.asking_of(narrowed(part, read))


def narrowed(part: str, names: Iterable[str]) -> dict[str, str]:
    """Relations with the rows of a part alone, by name."""
    return {name: f"(FROM {name} WHERE {part})" for name in names}
