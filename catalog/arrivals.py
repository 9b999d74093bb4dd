"""Between a file and the tables: the rows of one delivery, compared with what is known, then appended as facts.

The rows stand in temporary tables meanwhile, which DuckDB moves to disk when they grow, so that memory does not grow
with the feed and a repeated id is found wherever in the file it stands.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from catalog.canonical import Canonical
from catalog.errors import CatalogError
from catalog.jobs import digest, now
from catalog.store import Store

_ARRIVED = """CREATE OR REPLACE TEMP TABLE arrived (
    line BIGINT, vendor VARCHAR, item_id VARCHAR, row_hash VARCHAR, input_hash VARCHAR, delivered_hash VARCHAR,
    title VARCHAR, description VARCHAR, brand VARCHAR, price DECIMAL(18, 4), currency VARCHAR, gtin VARCHAR, product_id VARCHAR,
    vendor_category VARCHAR, attributes VARCHAR, image VARCHAR, image_hash VARCHAR, image_status VARCHAR,
    image_url VARCHAR, flags VARCHAR[], price_text VARCHAR, raw VARCHAR, category_id VARCHAR, who VARCHAR, decided_at TIMESTAMPTZ)"""
_TURNED_AWAY = """CREATE OR REPLACE TEMP TABLE turned_away (
    line BIGINT, vendor VARCHAR, item_id VARCHAR, rule VARCHAR, detail VARCHAR, raw VARCHAR)"""

# One row per row of the delivery. verdict: new, changed, unchanged (against the vendor's latest sighting of the item),
# duplicate, or differing: several rows with this id say different things, and none is believed.
# Which row stays depends on line numbers alone, never on the order in which threads see them.
_JUDGED = """CREATE OR REPLACE TEMP TABLE judged AS
WITH ranked AS (
    SELECT
        line, item_id, row_hash, line = max(line) OVER item AS stays,
        min((row_hash, category_id)) OVER item <> max((row_hash, category_id)) OVER item AS differing
    FROM arrived WHERE vendor = $1
    WINDOW item AS (PARTITION BY item_id)
),
sighted AS (
    SELECT item_id, arg_max(row_hash, delivery_no) AS row_hash
    FROM sightings WHERE vendor = $1 AND status <> 'duplicate' GROUP BY item_id
),
known AS (  -- a picture that came after the row made another version of it, which the row now repeats
    SELECT s.item_id, coalesce(r.row_hash, s.row_hash) AS row_hash
    FROM sighted s
    LEFT JOIN revised r ON r.vendor = $1 AND r.item_id = s.item_id AND r.sighted_hash = s.row_hash
),
kept AS (SELECT item_id, row_hash FROM items WHERE vendor = $1)
SELECT
    r.line,
    CASE
        WHEN r.differing AND $2 THEN 'differing'
        WHEN NOT r.stays THEN 'duplicate'
        WHEN k.row_hash IS NULL THEN 'new'
        WHEN k.row_hash = r.row_hash THEN 'unchanged'
        ELSE 'changed'
    END AS verdict,
    NOT EXISTS (SELECT 1 FROM kept WHERE kept.item_id = r.item_id AND kept.row_hash = r.row_hash) AS unseen
FROM ranked r LEFT JOIN known k USING (item_id)"""

_NEXT = """SELECT a.*, j.verdict, j.unseen FROM arrived a JOIN judged j USING (line)
WHERE a.line > ? AND a.vendor = ? ORDER BY a.line LIMIT ?"""
_NEXT_TURNED_AWAY = "SELECT * FROM turned_away WHERE line > ? AND vendor = ? ORDER BY line LIMIT ?"

_NOT_ITEM_COLUMNS = ("line", "price_text", "raw", "category_id", "who", "decided_at", "verdict", "unseen")


@dataclass(frozen=True)
class Delivery:
    """One accepted file of one vendor, about to be written."""

    vendor: str
    run_id: str
    file_name: str
    sha256: str
    bytes: int
    kind: str
    mapping_hash: str
    folder: Path


def collect(store: Store, found: Iterable[Canonical]) -> None:
    """Reads a whole file into the temporary tables, replacing what stood there."""
    store.execute(_ARRIVED)
    store.execute(_TURNED_AWAY)
    for part in found:
        store.append("arrived", part.items)
        store.append("turned_away", part.rejects)


def rows_read(store: Store, vendor: str) -> int:
    """Rows collected so far, refused ones too."""
    return sum(
        store.one(f"SELECT count(*) FROM {table} WHERE vendor = ?", [vendor]) for table in ("arrived", "turned_away")
    )


def vendors(store: Store) -> list[str]:
    """Whose rows were collected."""
    found = store.query("SELECT vendor FROM arrived UNION SELECT vendor FROM turned_away ORDER BY vendor")
    return found["vendor"].to_list()


def judge(store: Store, vendor: str, *, duplicates: str) -> int:
    """Compares a vendor's collected rows with each other and with what is known; returns how many items they make."""
    store.execute(_JUDGED, [vendor, duplicates == "quarantine"])
    return store.one("SELECT count(*) FROM judged WHERE verdict NOT IN ('duplicate', 'differing')")


def last_full(store: Store, vendor: str) -> int | None:
    """Items in the vendor's latest accepted full delivery; None when there was none."""
    return store.one(
        """SELECT count(s.item_id) FROM deliveries d LEFT JOIN sightings s
           ON s.delivery_id = d.delivery_id AND s.status <> 'duplicate'
           WHERE d.vendor = $1 AND d.status = 'accepted' AND d.kind = 'full'
           GROUP BY d.delivery_no ORDER BY d.delivery_no DESC LIMIT 1""",
        [vendor],
    )


def shrunk(store: Store, delivery: Delivery, items: int, allowed: float) -> tuple[str, str] | None:
    """(code, sentence) when a full delivery is empty, or smaller than the last full one by `allowed` or more."""
    if delivery.kind != "full":
        return None
    stays = "What this vendor had before stays."
    if not items:
        return "empty", f"The file has no row that can be taken. {stays} Ask the vendor for a complete file."
    before = last_full(store, delivery.vendor)
    if not before or before - items < allowed * before:
        return None
    return "shrunk", (
        f"The file has {items:,} items, the last full delivery had {before:,}: {1 - items / before:.0%} fewer, and less "
        f"than {allowed:.0%} are allowed. {stays} If the file is right, write `max_drop = 1.0` under [rules] of "
        f"vendors/{delivery.vendor}.toml and deliver it again."
    )


def latest(store: Store, vendor: str, *, labels: bool) -> tuple[str, str, int] | None:
    """(sha256, mapping hash, rows) of the vendor's latest accepted feed, or label file."""
    found = store.query(
        """SELECT sha256, mapping_hash, rows_in FROM deliveries
           WHERE vendor = ? AND status = 'accepted' AND (kind = 'labels') = ? ORDER BY delivery_no DESC LIMIT 1""",
        [vendor, labels],
    )
    return found.row(0) if found.height else None


def record(
    store: Store, delivery: Delivery, status: str, *, rows: int | None, why: tuple[str, str] | None = None
) -> str:
    """Appends the delivery's row and returns its id. why: (code, sentence). Accepted ones are numbered per vendor."""
    number = None
    if status == "accepted":
        number = 1 + (store.one("SELECT max(delivery_no) FROM deliveries WHERE vendor = ?", [delivery.vendor]) or 0)
    ordinal = store.one("SELECT count(*) FROM deliveries WHERE vendor = ?", [delivery.vendor])
    delivery_id = digest(delivery.vendor, ordinal, number, delivery.sha256, delivery.file_name)
    store.append_row(
        "deliveries",
        delivery_id=delivery_id,
        vendor=delivery.vendor,
        delivery_no=number,
        run_id=delivery.run_id,
        file_name=delivery.file_name,
        sha256=delivery.sha256,
        kind=delivery.kind,
        bytes=delivery.bytes,
        rows_in=rows,
        status=status,
        reason=why[0] if why else None,
        sentence=why[1] if why else None,
        mapping_hash=delivery.mapping_hash,
        folder=str(delivery.folder),
        received_at=now(),
    )
    return delivery_id


def write(store: Store, delivery: Delivery, *, batch_rows: int) -> str:
    """Appends a judged delivery: its row, new versions of items, sightings, rejects. Call it inside a transaction.

    Returns the delivery's id. Raises CatalogError when a row read would end nowhere, or twice.
    """
    rows = rows_read(store, delivery.vendor)
    delivery_id = record(store, delivery, "accepted", rows=rows)
    number = store.one("SELECT delivery_no FROM deliveries WHERE delivery_id = ?", [delivery_id])
    marks = {"delivery_id": pl.lit(delivery_id), "run_id": pl.lit(delivery.run_id)}
    for part in _parts(store, _NEXT, delivery.vendor, batch_rows):
        _append(store, part, number, marks)
    for part in _parts(store, _NEXT_TURNED_AWAY, delivery.vendor, batch_rows):
        store.append("rejects", part.with_columns(**marks))
    _conserved(store, delivery_id, rows)
    return delivery_id


def _parts(store: Store, sql: str, vendor: str, batch_rows: int) -> Iterable[pl.DataFrame]:
    last = -1
    while (part := store.query(sql, [last, vendor, batch_rows])).height:
        yield part
        last = part["line"][-1]


def _append(store: Store, part: pl.DataFrame, number: int, marks: dict[str, pl.Expr]) -> None:
    fresh = part.filter(pl.col("verdict").is_in(["new", "changed"]), "unseen")
    store.append("items", fresh.drop(_NOT_ITEM_COLUMNS).with_columns(**marks, created_at=pl.lit(now())))
    seen = part.filter(pl.col("verdict") != "differing")
    sightings = seen.select("vendor", "line", "item_id", "row_hash", "input_hash", status="verdict")
    store.append(
        "sightings", sightings.with_columns(delivery_id=marks["delivery_id"], delivery_no=pl.lit(number, pl.Int32))
    )
    refused = part.filter(pl.col("verdict") == "differing").select(
        "vendor",
        "line",
        "item_id",
        "raw",
        rule=pl.lit("duplicate_id"),
        detail=pl.lit("several rows have this id and say different things"),
    )
    store.append("rejects", refused.with_columns(**marks))


def _conserved(store: Store, delivery_id: str, rows: int) -> None:
    kept = sum(
        store.one(f"SELECT count(*) FROM {table} WHERE delivery_id = ?", [delivery_id])
        for table in ("sightings", "rejects")
    )
    if kept != rows:
        raise CatalogError(
            f"invariant: {rows} rows were read and {kept} kept as sightings or rejects; nothing was written.",
            remedy="This is a fault of the program: report it with the file.",
        )
