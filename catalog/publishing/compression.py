"""How the large tables of the published file are compressed, where DuckDB's own choice costs more than it saves.

DuckDB tries every text column as a dictionary of compressed pieces. Where nearly every row has a text of its own, as hashes and
numbers of items have, that is a third of what a table costs to write, and the bytes are as many as zstd leaves in half the time.
"""

from catalog.publishing.parts import BY_ITEM, BY_VENDOR, Parts, asked_of
from catalog.publishing.views import Statement
from catalog.store import Store, quoted

# Columns in which hardly a text comes twice, short or drawn like hashes: titles and descriptions shrink more as dictionaries.
UNLIKE = frozenset(
    [
        "item_id",
        "row_hash",
        "input_hash",
        "sighted_hash",
        "delivered_hash",
        "product_id",
        "gtin",
        "image",
        "image_url",
        "route_key",
        "group_id",
        "token",
    ]
)
# The tables with a row an item, or more, and sums of these; of small ones it is not worth asking for the columns.
TABLES = frozenset(
    [
        *BY_ITEM,
        *BY_VENDOR,
        "category_changes",
    ]
)
_MADE = "being_made"


def made(store: Store, table: Statement, parts: Parts) -> None:
    """Makes a table in the file being built, of what its statement asks for, part by part."""
    described = store.query(f"DESCRIBE {table.asked}")
    columns = [
        f"{quoted(name)} {kind}{' USING COMPRESSION zstd' if name in UNLIKE and kind == 'VARCHAR' else ''}"
        for name, kind in described.select("column_name", "column_type").rows()
    ]
    # Not under its own name yet: the statement may read facts of that name in the work file.
    store.execute(f"CREATE TABLE {_MADE} ({', '.join(columns)})")
    for asked in asked_of(table, parts):
        store.insert(_MADE, asked)
    store.execute(f"ALTER TABLE {_MADE} RENAME TO {quoted(table.name)}")
