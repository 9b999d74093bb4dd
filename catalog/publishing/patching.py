"""Tables of single items, made anew in the published file for the items alone that something happened to.

A row of such a table follows from facts of its own item, and from little beside: the model that serves, the hierarchy. Where
what stands beside is as it was, and the facts of items have only grown, the rows of items that something came for are deleted
and asked for once more, by the very statement that makes the table whole; the others stay. A delivery that names a million
items and changes some is then paid for by those.

What was appended is told by the place of the last row that the last publication saw. Where rows are missing since, the table
is built whole, as it is where much of it changed or much of it is deleted already.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from catalog.publishing.views import Statement
from catalog.store import Store, quoted

CHANGED = "items_changed"
BEFORE = "_before"  # ends the name of a table of the last file, kept to be compared with
_FEW = 1000  # so many items are always worth it
_MOST = 0.25  # of a table's rows: above that they are written faster all together
MOST_DEAD = 0.25  # of the rows on the disk; deleted ones are skipped by every question, and take room

# Which items something came for. {routes} and the like: the place of the last row that was seen.
_ROUTED = "SELECT vendor, item_id FROM routes WHERE rowid > {routes}"
_READ = "SELECT vendor, item_id FROM items WHERE rowid > {items}"
_CAME_OR_WENT = "SELECT vendor, item_id FROM items_come UNION ALL SELECT vendor, item_id FROM items_gone"
_PREDICTED = """
    SELECT vendor, item_id FROM live_items
    SEMI JOIN (SELECT input_hash FROM predictions WHERE rowid > {predictions}) USING (input_hash)"""
_DEPARTED = """
    SELECT vendor, item_id FROM (
        (FROM departures EXCEPT FROM departures_before) UNION ALL (FROM departures_before EXCEPT FROM departures)
    )"""
_ON_OTHER_SHEETS = """
    SELECT vendor, item_id FROM (
        (FROM sheet_tokens EXCEPT FROM sheet_tokens_before) UNION ALL (FROM sheet_tokens_before EXCEPT FROM sheet_tokens)
    )"""
# All of a group are as many as its size says: with one of them come the others, those of before and those of now.
_THEIR_GROUPS = """
    WITH groups AS (
        SELECT group_id FROM backlog SEMI JOIN items_changed USING (vendor, item_id) WHERE group_id IS NOT NULL
        UNION
        SELECT group_id FROM standing_routes SEMI JOIN items_changed USING (vendor, item_id) WHERE group_id IS NOT NULL
    )
    SELECT vendor, item_id FROM backlog SEMI JOIN groups USING (group_id)
    UNION ALL
    SELECT vendor, item_id FROM standing_routes SEMI JOIN groups USING (group_id)"""


@dataclass(frozen=True)
class ByItem:
    """How a table's rows follow from facts of their items.

    asked: the relations that its statement reads for the changed items alone. followed: those whose changes `changed` finds,
    these and further ones. further: asked once the others are known.
    """

    asked: tuple[str, ...]
    followed: frozenset[str]
    changed: tuple[str, ...]
    beside: tuple[str, ...] = ()
    further: str = ""


TABLES = {
    "standing_routes": ByItem(("routes",), frozenset({"routes"}), (_ROUTED,)),
    "first_categories": ByItem(("items", "routes"), frozenset({"items", "routes"}), (_READ, _ROUTED)),
    "category_history": ByItem(
        ("routes",),
        frozenset({"routes", "live_items", "departures", "sightings", "taken_deliveries"}),
        (_ROUTED, _CAME_OR_WENT, _DEPARTED),
        beside=("delivery_orders",),  # rows of a delivery that was undone since are nobody's any more
    ),
    "item_predictions": ByItem(
        ("live_items",), frozenset({"live_items", "predictions"}), (_CAME_OR_WENT, _READ, _PREDICTED)
    ),
    "placements": ByItem(
        ("live_items",), frozenset({"live_items", "items", "standing_routes"}), (_CAME_OR_WENT, _READ, _ROUTED)
    ),
    "backlog": ByItem(
        ("standing_routes", "live_items"),
        frozenset({"live_items", "items", "standing_routes", "item_predictions", "sheet_tokens", "waiting_groups"}),
        (_CAME_OR_WENT, _READ, _ROUTED, _PREDICTED, _ON_OTHER_SHEETS),
        further=_THEIR_GROUPS,
    ),
}  # fmt: skip
COMPARED = ("departures", "sheet_tokens")  # tables whose last state tells what changed
GROWING = ("items", "predictions", "routes")  # facts whose new rows tell it


def grown(store: Store, last: Mapping[str, str]) -> dict[str, int] | None:
    """The places of the last rows of facts that the last publication saw, by table; None where not all of them are there.

    last: what `seen` said then.
    """
    places: dict[str, int] = {}
    for table in GROWING:
        if f"seen {table}" not in last:
            return None
        rows, place = last[f"seen {table}"].split()
        places[table] = -1 if place == "None" else int(place)
        sql = f"SELECT count(*) FILTER (rowid <= ?) FROM {quoted(table)}"
        if store.one(sql, [places[table]]) != int(rows):
            return None
    return places


def alike(last: Mapping[str, str], now: Mapping[str, str]) -> frozenset[str]:
    """The tables for which all that stands beside the facts of items is as it was. last, now: what carrying.Origins.beside says."""
    return frozenset(
        name for name in TABLES if (kept := last.get(f"beside {name}")) and kept == now.get(f"beside {name}")
    )


def patched(store: Store, table: Statement, places: Mapping[str, int], before: Collection[str]) -> bool:
    """Makes the rows of changed items of a table that was taken over; False, and the table is gone, where it is better built
    whole. before: the compared tables that were made anew; items that came and went are known by then, and so is what the
    table follows from."""
    how, name = TABLES[table.name], quoted(table.name)
    absent = [f"{other}{BEFORE}" for other in COMPARED if other not in before]
    changed = " UNION ".join(sql for sql in how.changed if not any(other in sql for other in absent))
    store.execute(f"CREATE OR REPLACE TEMP TABLE {CHANGED} AS " + changed.format_map(places))
    if statement := how.further:
        store.execute(f"INSERT INTO {CHANGED} FROM (({statement}) EXCEPT FROM {CHANGED})")
    count = store.one(f"SELECT count(*) FROM {CHANGED}")
    rows, room = store.query(f"SELECT count(*), coalesce(max(rowid) + 1, 0) FROM {name}").row(0)
    if count > max(_FEW, _MOST * rows) or room - rows > MOST_DEAD * room:
        store.execute(f"DROP TABLE {name}")
        return False
    if count:
        store.execute(
            f"DELETE FROM {name} WHERE rowid IN "
            f"(SELECT t.rowid FROM {name} t SEMI JOIN {CHANGED} USING (vendor, item_id))"
        )
        theirs = {read: f"(FROM {read} SEMI JOIN {CHANGED} USING (vendor, item_id))" for read in how.asked}
        store.insert(table.name, table.asking_of(theirs))
    return True
