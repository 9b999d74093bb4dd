"""A judged delivery becomes facts: its row, new versions of items with their language, sightings, rejects.

DuckDB moves the rows from the temporary tables of `arrivals`; only texts whose language nobody knows pass through here.
"""

from catalog.deliveries import own_categories
from catalog.deliveries.arrivals import SAID, Delivery, record, rows_read
from catalog.errors import CatalogError
from catalog.failpoints import reached
from catalog.jobs import now
from catalog.store import Store
from catalog.values.languages import languages

# Known text keeps its language, none where none was found: a night that only changes prices detects nothing.
_FRESH = """CREATE OR REPLACE TEMP TABLE fresh AS
SELECT a.line, a.input_hash, known.language, known.input_hash IS NOT NULL AS known
FROM arrived a JOIN judged j USING (line)
LEFT JOIN (
    SELECT input_hash, any_value(language) AS language FROM items
    WHERE input_hash IN
        (SELECT input_hash FROM arrived JOIN judged USING (line) WHERE verdict = 'changed' AND unseen)
    GROUP BY input_hash
) known USING (input_hash)
WHERE a.vendor = $1 AND j.verdict IN ('new', 'changed') AND j.unseen"""
_UNTOLD = """CREATE OR REPLACE TEMP TABLE untold AS
SELECT row_number() OVER () AS number, f.line, a.title, a.description
FROM fresh f JOIN arrived a USING (line) WHERE NOT f.known"""
_TOLD = "CREATE OR REPLACE TEMP TABLE told (line BIGINT, language VARCHAR)"
_SOME_UNTOLD = "SELECT line, title, description FROM untold WHERE number > ? AND number <= ?"

_ITEMS = """SELECT
    a.* EXCLUDE (line, unread_price, category_id, who, decided_at, action, own_category, own_means),
    coalesce(f.language, t.language) AS language, $1 AS delivery_id, $2 AS run_id, $3::TIMESTAMPTZ AS created_at
FROM fresh f JOIN arrived a USING (line) LEFT JOIN told t USING (line)"""
_SIGHTINGS = """SELECT
    $1 AS delivery_id, $2::INTEGER AS delivery_no, a.vendor, line, a.item_id, j.verdict AS status,
    CASE WHEN a.action IS NULL THEN a.row_hash END AS row_hash,
    CASE WHEN a.action IS NULL THEN a.input_hash END AS input_hash
FROM arrived a JOIN judged j USING (line) WHERE a.vendor = $3 AND j.verdict <> 'differing'"""
# Items named by quarantined rows alone stay as they were: they are sighted in their last good version.
_KEPT = """SELECT
    $1 AS delivery_id, $2::INTEGER AS delivery_no, $3 AS vendor, line, item_id, 'kept' AS status, row_hash, input_hash
FROM kept_back ORDER BY line"""
_REJECTS = f"""SELECT $1 AS delivery_id, $2 AS run_id, * FROM (
    SELECT vendor, line, item_id, rule, detail, raw FROM turned_away WHERE vendor = $3
    UNION ALL
    SELECT a.vendor, line, a.item_id, 'duplicate_id', 'several rows have this id and say different things', {SAID}
    FROM arrived a JOIN judged j USING (line) WHERE a.vendor = $3 AND j.verdict = 'differing'
) ORDER BY line"""


def write(store: Store, delivery: Delivery, *, batch_rows: int) -> str:
    """Appends a judged delivery. Call it inside a transaction.

    Returns the delivery's id. Raises CatalogError when a row read would end nowhere, or twice.
    """
    vendor, run_id = delivery.vendor, delivery.run_id
    rows = rows_read(store, vendor)
    delivery_id = record(store, delivery, "accepted", rows=rows)
    number = store.one("SELECT delivery_no FROM deliveries WHERE delivery_id = ?", [delivery_id])
    _find_languages(store, vendor, batch_rows)
    store.insert("items", _ITEMS, [delivery_id, run_id, now()])
    store.insert("sightings", _SIGHTINGS, [delivery_id, number, vendor])
    store.insert("rejects", _REJECTS, [delivery_id, run_id, vendor])
    own_categories.note(store, vendor, delivery_id, run_id)
    if delivery.kind == "full":
        reached("ingest.kept")
        store.insert("sightings", _KEPT, [delivery_id, number, vendor])
    _conserved(store, delivery_id, rows)
    return delivery_id


def _find_languages(store: Store, vendor: str, batch_rows: int) -> None:
    store.execute(_FRESH, [vendor])
    store.execute(_UNTOLD)
    store.execute(_TOLD)
    for before in range(0, store.one("SELECT count(*) FROM untold"), batch_rows):
        some = store.query(_SOME_UNTOLD, [before, before + batch_rows])
        store.append("told", some.select("line").with_columns(languages(some["title"], some["description"])))


def _conserved(store: Store, delivery_id: str, rows: int) -> None:
    ended = store.one(
        """SELECT (SELECT count(*) FROM sightings WHERE delivery_id = $1 AND status <> 'kept')
                + (SELECT count(*) FROM rejects WHERE delivery_id = $1)""",
        [delivery_id],
    )
    if ended != rows:
        raise CatalogError(
            f"invariant: {rows} rows were read and {ended} ended as sightings or rejects; nothing was written.",
            remedy="This is a fault of the program: report it with the file.",
        )
