"""Between a file and the tables: the rows of one delivery, compared with what is known.

The rows stand in temporary tables meanwhile, which DuckDB moves to disk when they grow, so that memory does not grow
with the feed and a repeated id is found wherever in the file it stands.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from catalog.deliveries.canonical import Canonical
from catalog.deliveries.inbox import NOT_READ_AGAIN
from catalog.errors import FeedRefused
from catalog.jobs import digest, now
from catalog.store import Store

_ARRIVED = """CREATE OR REPLACE TEMP TABLE arrived (
    line BIGINT, vendor VARCHAR, item_id VARCHAR, row_hash VARCHAR, input_hash VARCHAR, delivered_hash VARCHAR,
    title VARCHAR, description VARCHAR, brand VARCHAR, price DECIMAL(18, 4), currency VARCHAR, gtin VARCHAR, product_id VARCHAR,
    vendor_category VARCHAR, attributes VARCHAR, image VARCHAR, image_hash VARCHAR, image_status VARCHAR,
    image_url VARCHAR, images VARCHAR[], availability VARCHAR, raw_text VARCHAR, flags VARCHAR[], unread_price VARCHAR,
    category_id VARCHAR, who VARCHAR, decided_at TIMESTAMPTZ, action VARCHAR,
    own_category VARCHAR, own_means VARCHAR)"""
_TURNED_AWAY = """CREATE OR REPLACE TEMP TABLE turned_away (
    line BIGINT, vendor VARCHAR, item_id VARCHAR, rule VARCHAR, detail VARCHAR, raw VARCHAR)"""

# One row per item that is live before the delivery: the version that stands, as its row was read.
_LIVE = """CREATE OR REPLACE TEMP TABLE live_before AS
WITH undone AS (SELECT delivery_id FROM delivery_orders WHERE word = 'undo'),
standing AS (
    SELECT delivery_id, delivery_no, max(delivery_no) FILTER (kind = 'full') OVER () AS last_full
    FROM deliveries WHERE vendor = $1 AND status = 'accepted' AND delivery_id NOT IN (FROM undone)
)
SELECT s.item_id, arg_max(s.row_hash, s.delivery_no) AS row_hash, arg_max(s.input_hash, s.delivery_no) AS input_hash
FROM sightings s JOIN standing d USING (delivery_id)
WHERE s.vendor = $1 AND s.status <> 'duplicate' AND s.delivery_no >= coalesce(d.last_full, s.delivery_no)
GROUP BY s.item_id HAVING arg_max(s.status, s.delivery_no) <> 'deleted'"""

# One row per row of the delivery. verdict: new, changed, unchanged (against what is live: an item that comes back is new),
# deleted, duplicate, or differing: several rows with this id say different things, and none is believed.
# Which row stays depends on line numbers alone, never on the order in which threads see them.
_JUDGED = """CREATE OR REPLACE TEMP TABLE judged AS
WITH again AS MATERIALIZED (  -- hashes of ids that may come twice: most come once, and to sort all of them takes long
    SELECT hash(item_id) AS hashed FROM arrived WHERE vendor = $1 GROUP BY hashed HAVING count(*) > 1
),
repeated AS (
    SELECT
        line, line = max(line) OVER item AS stays,
        min((row_hash, category_id)) OVER item <> max((row_hash, category_id)) OVER item AS differing
    FROM arrived WHERE vendor = $1 AND hash(item_id) IN (FROM again)
    WINDOW item AS (PARTITION BY item_id)
),
ranked AS (
    SELECT
        a.line, a.item_id, a.row_hash, a.action, coalesce(r.stays, true) AS stays, coalesce(r.differing, false) AS differing
    FROM arrived a LEFT JOIN repeated r USING (line) WHERE a.vendor = $1
),
known AS (  -- a picture that came after the row made another version of it, which the row now repeats
    SELECT s.item_id, coalesce(r.row_hash, s.row_hash) AS row_hash
    FROM live_before s
    LEFT JOIN revised r ON r.vendor = $1 AND r.item_id = s.item_id AND r.sighted_hash = s.row_hash
),
kept AS (SELECT item_id, row_hash FROM items WHERE vendor = $1)
SELECT
    r.line,
    CASE
        WHEN r.differing AND $2 THEN 'differing'
        WHEN NOT r.stays THEN 'duplicate'
        WHEN r.action = 'delete' THEN 'deleted'
        WHEN k.row_hash IS NULL THEN 'new'
        WHEN k.row_hash = r.row_hash THEN 'unchanged'
        ELSE 'changed'
    END AS verdict,
    NOT EXISTS (SELECT 1 FROM kept WHERE kept.item_id = r.item_id AND kept.row_hash = r.row_hash) AS unseen
FROM ranked r LEFT JOIN known k USING (item_id)"""

# What a row of `arrived` said, in our columns: its own text does not stand there, which would double what a large
# delivery moves to disk.
SAID = """substr(to_json({
    'title': a.title, 'brand': a.brand, 'price': a.price, 'currency': a.currency, 'gtin': a.gtin, 'product_id': a.product_id,
    'vendor_category': a.vendor_category, 'images': a.images, 'attributes': a.attributes, 'description': a.description
})::VARCHAR, 1, 500)"""

# One row per live item whose rows are all quarantined: the vendor still has it, so it is not gone when the delivery is a
# full one. An id that could not be read names no item.
_KEPT = """CREATE OR REPLACE TEMP TABLE kept_back AS
WITH quarantined AS (
    SELECT line, item_id FROM turned_away WHERE vendor = $1
    UNION ALL
    SELECT line, item_id FROM arrived JOIN judged USING (line) WHERE verdict = 'differing'
)
SELECT item_id, min(line) AS line, any_value(row_hash) AS row_hash, any_value(input_hash) AS input_hash
FROM quarantined JOIN live_before USING (item_id)
WHERE item_id NOT IN (SELECT item_id FROM arrived JOIN judged USING (line) WHERE verdict <> 'differing')
GROUP BY item_id"""


@dataclass(frozen=True)
class Delivery:
    """One delivery of one vendor, about to be written. parts, manifest: JSON; origin: the one it was read again from."""

    vendor: str
    run_id: str
    file_name: str
    sha256: str
    bytes: int
    kind: str
    mapping_hash: str
    folder: Path
    dated: datetime | None = None
    parts: str | None = None
    manifest: str | None = None
    origin: str | None = None


def collect(store: Store, found: Iterable[Canonical]) -> None:
    """Reads a whole file into the temporary tables, replacing what stood there.

    What came before a FeedRefused stays, to be counted. It is one transaction: one for each piece would cost
    DuckDB more than the rows themselves.
    """
    refused = None
    with store.one_thread(), store.transaction():
        store.execute(_ARRIVED)
        store.execute(_TURNED_AWAY)
        try:
            for part in found:
                store.append("arrived", part.items)
                store.append("turned_away", part.rejects)
        except FeedRefused as error:
            refused = error
    if refused:
        raise refused


def rows_read(store: Store, vendor: str) -> int:
    """Rows collected so far, refused ones too."""
    return sum(
        store.one(f"SELECT count(*) FROM {table} WHERE vendor = ?", [vendor]) for table in ("arrived", "turned_away")
    )


def vendors(store: Store) -> list[str]:
    """Whose rows were collected."""
    found = store.query("SELECT vendor FROM arrived UNION SELECT vendor FROM turned_away ORDER BY vendor")
    return found["vendor"].to_list()


def by_vendor(store: Store) -> Iterator[str]:
    """The vendors whose rows were collected, one after the other; while one is at hand, `arrived` holds its rows alone.

    Else each of three hundred vendors would read the rows of all of them, several times.
    """
    names = vendors(store)
    if len(names) > 1:
        store.execute("CREATE OR REPLACE TEMP TABLE collected AS FROM arrived ORDER BY vendor, line")
    for name in names:
        if len(names) > 1:
            store.execute(_ARRIVED)
            store.execute("INSERT INTO arrived FROM collected WHERE vendor = ?", [name])
        yield name
    store.execute("DROP TABLE IF EXISTS collected")


def judge(store: Store, vendor: str, *, duplicates: str) -> int:
    """Compares a vendor's collected rows with each other and with what is known; returns how many items they make."""
    store.execute(_LIVE, [vendor])
    store.execute(_JUDGED, [vendor, duplicates == "quarantine"])
    store.execute(_KEPT, [vendor])
    return store.one("SELECT count(*) FROM judged WHERE verdict IN ('new', 'changed', 'unchanged')")


def last_full(store: Store, vendor: str) -> tuple[int, int]:
    """Items the vendor's latest accepted full delivery brought, and how many it kept for quarantined rows."""
    found = store.query(
        """SELECT count(s.item_id) FILTER (s.status <> 'kept'), count(s.item_id) FILTER (s.status = 'kept')
           FROM deliveries d LEFT JOIN sightings s
           ON s.delivery_id = d.delivery_id AND s.status NOT IN ('duplicate', 'deleted')
           WHERE d.vendor = $1 AND d.status = 'accepted' AND d.kind = 'full'
             AND d.delivery_id NOT IN (SELECT delivery_id FROM delivery_orders WHERE word = 'undo')
           GROUP BY d.delivery_no ORDER BY d.delivery_no DESC LIMIT 1""",
        [vendor],
    )
    return found.row(0) if found.height else (0, 0)


def shrunk(store: Store, delivery: Delivery, items: int, allowed: float) -> tuple[str, str] | None:
    """(code, sentence) when a full delivery is empty, or smaller than the last full one by `allowed` or more.

    It is smaller when it brings fewer items, and when it names fewer, those it keeps for quarantined rows included: else
    a file with many bad rows would be the measure of the next, and the items of those rows could vanish unnoticed.
    """
    if delivery.kind != "full":
        return None
    stays = "What this vendor had before stays."
    if not items:
        return "empty", f"The file has no row that can be taken. {stays} Ask the vendor for a complete file."
    brought, kept_then = last_full(store, delivery.vendor)
    kept = store.one("SELECT count(*) FROM kept_back")
    sizes = [(items, brought), (items + kept, brought + kept_then)]
    found = next(((has, had) for has, had in sizes if had and had - has >= allowed * had), None)
    if found is None:
        return None
    has, had = found
    bad = f" The rows of {kept:,} more are quarantined." if kept and has == items else ""
    return "shrunk", (
        f"The file has {has:,} items, the last full delivery had {had:,}: {1 - has / had:.0%} fewer, and less "
        f"than {allowed:.0%} are allowed (max_drop).{bad} {stays}"
    )


def taken_back(store: Store, delivery: Delivery) -> tuple[str, str] | None:
    """(code, sentence) when a person undid a delivery of these bytes, read under the same form."""
    found = store.query(
        """SELECT o.who, o.said_at FROM deliveries d JOIN delivery_orders o USING (delivery_id)
           WHERE o.word = 'undo' AND d.vendor = ? AND d.sha256 = ? AND d.mapping_hash = ? ORDER BY o.seq DESC LIMIT 1""",
        [delivery.vendor, delivery.sha256, delivery.mapping_hash],
    )
    if not found.height:
        return None
    who, when = found.row(0)
    return "undone_before", f"{who} undid a delivery of this very file on {when:%Y-%m-%d %H:%M}; it is not taken again."


def latest(store: Store, vendor: str, *, labels: bool) -> tuple[str, str, int] | None:
    """(sha256, mapping hash, rows) of the vendor's latest accepted feed, or label file."""
    found = store.query(
        """SELECT sha256, mapping_hash, rows_in FROM deliveries
           WHERE vendor = ? AND status = 'accepted' AND (kind = 'labels') = ?
             AND delivery_id NOT IN (SELECT delivery_id FROM delivery_orders WHERE word = 'undo') ORDER BY delivery_no DESC LIMIT 1""",
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
        sentence=f"{why[1]} {what_to_run(status, why[0], delivery_id)}".strip() if why else None,
        mapping_hash=delivery.mapping_hash,
        folder=str(delivery.folder),
        received_at=now(),
        dated=delivery.dated,
        parts=delivery.parts,
        manifest=delivery.manifest,
        origin=delivery.origin,
    )
    return delivery_id


def what_to_run(status: str, reason: str, delivery_id: str) -> str:
    """The command for the person who reads the sentence in the morning."""
    if status == "held":
        return f"If it is right: catalog feeds release {delivery_id} --by NAME"
    if status == "refused" and reason not in NOT_READ_AGAIN:
        return f"To have it read again then: catalog feeds retry {delivery_id} --by NAME"
    return ""
