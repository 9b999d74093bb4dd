"""Versions of items that come about between deliveries: a picture was fetched, changed, failed, or shows nothing."""

import polars as pl

from catalog.canonical import IMAGE_FLAG, repictured
from catalog.jobs import now
from catalog.picture_cache import PATIENCE, PictureFiles
from catalog.pictures import PLACEHOLDER
from catalog.store import Store

# One row per picture that many different products of a vendor show. Titles of variants begin alike: they count once.
_PLACEHOLDERS = """
    SELECT i.vendor, i.image_hash AS sha256, count(DISTINCT list_slice(string_split(lower(i.title), ' '), 1, 3)) AS products
    FROM live_items l JOIN items i USING (vendor, item_id, row_hash)
    WHERE i.image_hash IS NOT NULL
    GROUP BY i.vendor, i.image_hash
    HAVING products >= $least AND count(DISTINCT coalesce(i.product_id, i.item_id)) >= $least"""

# One row per live item whose picture is not what is known of it now, with what it should be. An item whose row was read
# before pictures had versions of their own waits for its next delivery.
_OUTDATED = """CREATE OR REPLACE TEMP TABLE outdated AS
WITH told AS (
    SELECT
        l.vendor, l.item_id, l.row_hash, l.sighted_hash, i.image_status, i.image_hash, i.flags,
        i.image_url IS NOT NULL AS remote, p.reason,
        CASE WHEN i.image_url IS NULL THEN i.image_hash WHEN p.failures < $patience THEN p.sha256 END AS content
    FROM live_items l
    JOIN items i USING (vendor, item_id, row_hash)
    LEFT JOIN pictures_current p ON p.url_key = sha256(i.image_url)
    WHERE i.delivered_hash IS NOT NULL
        AND (p.url_key IS NOT NULL OR i.image_url IS NULL AND i.image_hash IS NOT NULL)
),
due AS (
    SELECT
        t.* EXCLUDE (reason),
        CASE WHEN h.sha256 IS NOT NULL THEN 'missing' WHEN content IS NULL THEN 'fetch_failed' ELSE 'ok' END AS status_now,
        CASE WHEN h.sha256 IS NOT NULL THEN $placeholder WHEN content IS NULL THEN reason END AS reason_now,
        CASE WHEN h.sha256 IS NULL THEN content END AS hash_now
    FROM told t LEFT JOIN placeholders h ON h.vendor = t.vendor AND h.sha256 = t.content
)
SELECT
    row_number() OVER (ORDER BY vendor, item_id) AS place, vendor, item_id, row_hash, sighted_hash, remote, status_now,
    reason_now, hash_now
FROM due
WHERE image_status <> status_now OR image_hash IS DISTINCT FROM hash_now
    OR reason_now IS NOT NULL AND NOT list_contains(flags, $flag || reason_now)"""
_NEXT = """
    SELECT o.place, o.sighted_hash, o.remote, o.status_now, o.reason_now, o.hash_now, i.*
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

    Repeating it appends nothing. Each batch is a transaction of its own.
    """
    store.execute(_OUTDATED, {"patience": PATIENCE, "placeholder": PLACEHOLDER, "flag": IMAGE_FLAG})
    last = done = 0
    while (part := store.query(_NEXT, [last, batch_rows])).height:
        last = part["place"][-1]
        done += part.height
        with store.transaction():
            _append(store, run_id, _versions(part, files))
    return done


def _versions(part: pl.DataFrame, files: PictureFiles) -> pl.DataFrame:
    """The rows of `_NEXT` as the versions that take their place."""
    paths = [str(files.path(content)) if content else None for content in part["hash_now"]]
    shown = pl.when("remote").then(pl.coalesce(pl.Series("path", paths, dtype=pl.String), pl.col("image_url")))
    return repictured(
        part.with_columns(
            image=shown.otherwise("image"),
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
    working = ("place", "sighted_hash", "remote", "status_now", "reason_now", "hash_now", "image_reason")
    fresh = versions.join(existing, on=["vendor", "item_id", "row_hash"], how="anti")
    store.append("items", fresh.drop(working).with_columns(created_at=pl.lit(now()), **marks))
    store.append("revisions", facts)
