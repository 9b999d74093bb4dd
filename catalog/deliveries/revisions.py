"""Versions of items that come about between deliveries: a picture was fetched, changed, failed, or shows nothing."""

import polars as pl

from catalog.deliveries.canonical import IMAGE_FLAG, repictured
from catalog.jobs import now
from catalog.pictures.finding import PLACEHOLDER
from catalog.pictures.picture_cache import PATIENCE, PictureFiles
from catalog.store import Store
from catalog.values.image_references import PREFERRED

# One row per picture that many different products of a vendor show. Titles of variants begin alike: they count once.
_PLACEHOLDERS = """
    WITH shown AS (
        SELECT i.vendor, i.image_hash, i.title, i.product_id, i.item_id
        FROM live_items l JOIN items i USING (vendor, item_id, row_hash) WHERE i.image_hash IS NOT NULL
    ),
    -- most pictures are of one item: only of the others the titles are looked at
    often AS (SELECT vendor, image_hash FROM shown GROUP BY vendor, image_hash HAVING count(*) >= $least)
    SELECT i.vendor, i.image_hash AS sha256, count(DISTINCT list_slice(string_split(lower(i.title), ' '), 1, 3)) AS products
    FROM shown i SEMI JOIN often USING (vendor, image_hash)
    GROUP BY i.vendor, i.image_hash
    HAVING products >= $least AND count(DISTINCT coalesce(i.product_id, i.item_id)) >= $least"""

# One row per live item whose picture is not what is known of it now, with what it should be. Of several URLs the one to
# use is chosen as when a row is read (image_references.used); files beside the feed are looked at only then. An item
# whose row was read before pictures had versions of their own waits for its next delivery.
_OUTDATED = """CREATE OR REPLACE TEMP TABLE outdated AS
WITH told AS (
    SELECT
        l.vendor, l.item_id, l.row_hash, l.sighted_hash, i.image_status, i.image_hash, i.image_url, i.flags,
        coalesce(i.images, []) AS images
    FROM live_items l JOIN items i USING (vendor, item_id, row_hash)
    WHERE i.delivered_hash IS NOT NULL AND (i.image_url IS NOT NULL OR i.image_hash IS NOT NULL OR len(images) > 1)
),
listed AS (
    SELECT vendor, item_id, unnest(images) AS named, generate_subscripts(images, 1) AS place
    FROM told WHERE len(images) > 1
),
candidates AS (
    SELECT vendor, item_id, 0 AS place, image_url AS url FROM told WHERE image_url IS NULL OR len(images) <= 1
    UNION ALL
    SELECT
        vendor, item_id, place,
        CASE WHEN starts_with(named, '//') THEN 'https:' || named WHEN regexp_matches(named, '^(?i:https?|s3|gs):') THEN named END
            AS url
    FROM listed WHERE url IS NOT NULL
),
found AS (
    SELECT
        t.* EXCLUDE (images), c.place, c.url AS url_now, p.url_key IS NOT NULL AS asked, p.reason,
        CASE WHEN c.url IS NULL THEN t.image_hash WHEN p.failures < $patience THEN p.sha256 END AS content
    FROM candidates c
    JOIN told t USING (vendor, item_id)
    LEFT JOIN pictures_current p ON p.url_key = sha256(c.url)
),
due AS (
    SELECT
        f.* EXCLUDE (reason),
        CASE
            WHEN h.sha256 IS NOT NULL THEN 'missing'
            WHEN content IS NOT NULL THEN 'ok'
            WHEN url_now IS NULL THEN image_status
            WHEN asked THEN 'fetch_failed'
            ELSE 'remote'
        END AS status_now,
        CASE WHEN h.sha256 IS NOT NULL THEN $placeholder WHEN status_now = 'fetch_failed' THEN reason END AS reason_now,
        CASE WHEN h.sha256 IS NULL THEN content END AS hash_now
    FROM found f LEFT JOIN placeholders h ON h.vendor = f.vendor AND h.sha256 = f.content
    QUALIFY row_number() OVER (
        PARTITION BY f.vendor, f.item_id ORDER BY coalesce(list_position($preferred, status_now), 9), place
    ) = 1
)
SELECT
    row_number() OVER (ORDER BY vendor, item_id) AS place, vendor, item_id, row_hash, sighted_hash, url_now, status_now,
    reason_now, hash_now
FROM due
WHERE image_status <> status_now OR image_hash IS DISTINCT FROM hash_now OR image_url IS DISTINCT FROM url_now
    OR reason_now IS NOT NULL AND NOT list_contains(flags, $flag || reason_now)"""
_NEXT = """
    SELECT o.place, o.sighted_hash, o.url_now, o.status_now, o.reason_now, o.hash_now, i.*
    FROM outdated o JOIN items i USING (vendor, item_id, row_hash)
    WHERE o.place > ? ORDER BY o.place LIMIT ?"""
_EXISTING = "SELECT vendor, item_id, row_hash FROM items SEMI JOIN revised_rows USING (vendor, item_id, row_hash)"


def find_placeholders(store: Store, run_id: str, *, least: int) -> int:
    """Appends the pictures that `least` or more different products of a vendor show; returns how many are new.

    A placeholder stays one: if it depended on tonight's count, its items would change from night to night.
    """
    found = store.query(_PLACEHOLDERS, {"least": least})
    known = store.query("SELECT vendor, sha256 FROM placeholders")
    fresh = found.join(known, on=["vendor", "sha256"], how="anti")
    return store.append("placeholders", fresh.with_columns(run_id=pl.lit(run_id), found_at=pl.lit(now())))


def revise(store: Store, run_id: str, files: PictureFiles, *, batch_rows: int) -> int:
    """Appends a version of every live item whose picture is known better than when its row was read; returns how many.

    Repeating it appends nothing. Each batch is a transaction of its own. Where nothing was ever fetched and no picture is a
    placeholder, rows stand as they were read.
    """
    if not store.one("SELECT EXISTS (FROM pictures) OR EXISTS (FROM placeholders)"):
        return 0
    words = {"placeholder": PLACEHOLDER, "flag": IMAGE_FLAG, "preferred": list(PREFERRED)}
    store.execute(_OUTDATED, {"patience": PATIENCE, **words})
    last = done = 0
    while (part := store.query(_NEXT, [last, batch_rows])).height:
        last = part["place"][-1]
        done += part.height
        with store.transaction():
            _append(store, run_id, _versions(part, files))
    return done


def revised_in(store: Store, run_id: str) -> int:
    """Items that a run gave another version: one that went from picture to picture counts once."""
    return store.one("SELECT count(DISTINCT (vendor, item_id)) FROM revisions WHERE run_id = ?", [run_id])


def _versions(part: pl.DataFrame, files: PictureFiles) -> pl.DataFrame:
    """The rows of `_NEXT` as the versions that take their place."""
    paths = [str(files.path(content)) if content else None for content in part["hash_now"]]
    url = pl.col("url_now")
    shown = pl.when(url.is_not_null()).then(pl.coalesce(pl.Series("path", paths, dtype=pl.String), url))
    return repictured(
        part.with_columns(
            image=shown.otherwise("image"),
            image_url=url,
            image_hash=pl.col("hash_now"),
            image_status=pl.col("status_now"),
            image_reason=pl.col("reason_now"),
        )
    )


def _append(store: Store, run_id: str, versions: pl.DataFrame) -> None:
    first = 1 + (store.one("SELECT max(seq) FROM revisions") or 0)
    marks = {"run_id": pl.lit(run_id)}
    facts = versions.select(
        "vendor",
        "item_id",
        "sighted_hash",
        "row_hash",
        "input_hash",
        seq=pl.int_range(first, first + versions.height, dtype=pl.Int64),
        revised_at=pl.lit(now()),
        **marks,
    )
    with store.frame("revised_rows", versions.select("vendor", "item_id", "row_hash")):
        existing = store.query(_EXISTING)
    working = ("place", "sighted_hash", "url_now", "status_now", "reason_now", "hash_now", "image_reason")
    fresh = versions.join(existing, on=["vendor", "item_id", "row_hash"], how="anti")
    store.append("items", fresh.drop(working).with_columns(created_at=pl.lit(now()), **marks))
    store.append("revisions", facts)
