"""Large tables of the published file, made of the items of some vendors after those of others.

Each joins or orders the rows of all items at once, which takes as much memory as there are items, and what finds no room goes by
the disk. What is said of an item follows from facts of its own, so that a statement asked of a part of the items, all it reads
narrowed to these, gives their rows: in parts of some million items it needs the memory of one of them.

Parts are ranges of vendors, whose facts stand side by side, so that a part reads little of the others. A vendor with more items
than a part may have is divided by their ids.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from catalog.publishing.views import Statement
from catalog.store import Store, literal

BYTES_AN_ITEM = 900  # of database.memory_limit: a million items were published whole within a thousand bytes each
# What each table reads an item at a time. Predictions belong to inputs, which vendors share; groups have items of many.
READ = {
    "standing_routes": ("routes",),
    "first_categories": ("items", "routes"),
    "live_items": ("sightings", "items", "revised"),
    "category_history": ("routes", "sightings", "departures", "live_items"),
    "item_predictions": ("live_items",),
    "placements": ("live_items", "items", "standing_routes"),
    "backlog": ("standing_routes", "live_items", "items", "item_predictions", "sheet_tokens"),
    "items": ("items", "live_items"),
}


def among(store: Store) -> list[str]:
    """Conditions on `vendor` and `item_id` that divide all items into parts which fit into the memory that DuckDB may use; none
    where one part does."""
    room = int(store.one("SELECT parse_formatted_bytes(current_setting('memory_limit'))")) // BYTES_AN_ITEM
    return divided(store.query("SELECT vendor, count(*) FROM items GROUP BY vendor ORDER BY vendor").rows(), room)


def divided(rows: Sequence[tuple[str, int]], room: int) -> list[str]:
    """The same for vendors with so many rows, in their order, and parts of at most `room` of them."""
    parts: list[tuple[str, int]] = []  # each begins with a vendor
    for vendor, count in rows:
        if parts and parts[-1][1] + count <= room:
            parts[-1] = (parts[-1][0], parts[-1][1] + count)
        else:
            parts.append((vendor, count))
    if len(parts) < 2 and not any(count > room for _, count in parts):
        return []
    ends: list[str | None] = [None, *(vendor for vendor, _ in parts[1:]), None]
    conditions = []
    for (start, end), (_, count) in zip(pairwise(ends), parts, strict=True):
        pieces = -(-count // room)
        bounds = [f"vendor >= {literal(start)}"] if start is not None else []
        bounds += [f"vendor < {literal(end)}"] if end is not None else []
        for piece in range(pieces):
            ids = [f"hash(item_id) % {pieces} = {piece}"] if pieces > 1 else []
            conditions.append(" AND ".join(bounds + ids))
    return conditions


def asked_of(table: Statement, parts: Sequence[str]) -> Iterator[str]:
    """What a table asks for, part by part."""
    if not parts or table.name not in READ:
        yield table.asked
    else:
        for part in parts:
            yield table.asking_of({name: f"(FROM {name} WHERE {part})" for name in READ[table.name]})
