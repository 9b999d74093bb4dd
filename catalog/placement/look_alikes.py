"""Which look-alikes every item belongs to, kept in the work database: what comes anew is compared, the rest stays."""

from concurrent.futures import ThreadPoolExecutor

import polars as pl

from catalog.jobs import Job
from catalog.labels import leaders
from catalog.pictures import outlines
from catalog.store import Store

_OUTLINE = {"image_hash": pl.String, "outline": pl.Binary}
PART = 100_000  # items at a time, about: memory does not grow with a delivery

# One row per due item of `due_items` whose content was never given a cluster. lot: the order in which they are taken.
_NEW = """
    CREATE OR REPLACE TEMP TABLE newcomers AS
    SELECT n.vendor, n.item_id, n.input_hash, i.product_id, i.title, i.brand,
           CASE WHEN i.image_status = 'ok' THEN i.image_hash END AS image_hash,
           md5_number_lower(n.vendor || chr(31) || n.item_id) AS lot
    FROM (FROM due_items ANTI JOIN look_alikes USING (vendor, item_id, input_hash)) n
    JOIN items i USING (vendor, item_id, row_hash)
"""
_COMPARED = """
    SELECT * EXCLUDE (lot) FROM newcomers WHERE lot >= $first AND lot <= $last ORDER BY lot, vendor, item_id
"""
# The clusters that began with one of the keys of `given`, of each key the first $tried by name.
_FOUND = """
    SELECT key, "cluster"
    FROM (SELECT "cluster", unnest(keys) AS key FROM look_alikes WHERE keys IS NOT NULL) SEMI JOIN given USING (key)
    QUALIFY row_number() OVER (PARTITION BY key ORDER BY "cluster") <= $tried
"""
# One row per cluster of `given`: what it began with, and how many items it has.
_LEADERS = """
    SELECT "cluster", any_value(words) AS words, any_value(image_hash) AS image_hash,
           count(DISTINCT (vendor, item_id)) AS size
    FROM look_alikes SEMI JOIN given USING ("cluster") GROUP BY "cluster"
"""
# One row per item of `given`, in the order in which they are taken.
_LABELLED = """
    SELECT i.vendor, i.item_id, i.input_hash, any_value(i.product_id) AS product_id, any_value(i.title) AS title,
           any_value(i.brand) AS brand, max(CASE WHEN i.image_status = 'ok' THEN i.image_hash END) AS image_hash
    FROM items i SEMI JOIN given USING (vendor, item_id, input_hash)
    GROUP BY i.vendor, i.item_id, i.input_hash
    ORDER BY md5_number_lower(i.vendor || chr(31) || i.item_id), i.vendor, i.item_id
"""
_OUTLINES = "SELECT image_hash, outline FROM outlines SEMI JOIN given USING (image_hash)"
_PATHS = """
    SELECT image_hash, min(image) AS image FROM items SEMI JOIN given USING (image_hash)
    WHERE image_status = 'ok' GROUP BY image_hash
"""
# One row per cluster of `due_routes` with more than $many items.
_LARGE = """
    SELECT "cluster" FROM look_alikes SEMI JOIN due_routes USING ("cluster")
    GROUP BY "cluster" HAVING count(DISTINCT (vendor, item_id)) > $many
"""
# One row per cluster of `given`: how many of those that are not settled anew now the model has placed, and whether one of the
# cluster was audited under the policy that serves.
_BESIDE = """
    WITH large AS (FROM given),
    members AS (
        SELECT a."cluster", vendor, item_id, input_hash
        FROM look_alikes a SEMI JOIN large USING ("cluster") JOIN live_items l USING (vendor, item_id, input_hash)
    ),
    asked AS (
        SELECT m."cluster", m.item_id IS NOT NULL AS audited
        FROM routes r JOIN members m USING (vendor, item_id, input_hash) WHERE r.audit AND r.policy_id = $policy
    ),
    standing AS (
        SELECT m."cluster", count(*) AS placed
        FROM (FROM members ANTI JOIN due_routes USING (vendor, item_id)) m JOIN standing_routes r USING (vendor, item_id)
        WHERE r.outcome IN ('placed', 'placed_at_parent') AND r.decided_by IN ('model', 'look_alike') GROUP BY m."cluster"
    )
    SELECT "cluster", coalesce(placed, 0) AS cluster_placed, coalesce(audited, false) AS cluster_audited
    FROM large LEFT JOIN standing USING ("cluster") LEFT JOIN (FROM asked SELECT DISTINCT *) USING ("cluster")
"""


def join_new(job: Job) -> int:
    """Gives every item of the table `due_items` its cluster, part after part, each in a transaction; says how many were new.

    What was given stays given: begun again after a kill it goes on with the rest, and ends the same.
    """
    store = job.store
    store.execute(_NEW)
    count = store.one("SELECT count(*) FROM newcomers")
    parts = -(-count // PART)
    for part in range(parts):
        bounds = {"first": part * 2**64 // parts, "last": (part + 1) * 2**64 // parts - 1}
        items = leaders.compared_by(store.query(_COMPARED, bounds))
        if items.height:
            _join(job, items)
    store.execute("DROP TABLE newcomers")
    return count


def among(job: Job, items: pl.DataFrame) -> pl.DataFrame:
    """The clusters that some items alone would be put in: vendor, item_id, look_alikes. Nothing is kept.

    items: vendor, item_id and input_hash of a content that is known.
    """
    rows = leaders.compared_by(job.store.query(_LABELLED, given=items))
    known = leaders.Known()
    compared = leaders.contested(leaders.keys_of(rows), known)
    _, seen = _outlines(job, rows, compared, known)
    found = leaders.joined(rows, compared, known, _by_sight(seen))
    return found.select("vendor", "item_id", look_alikes="cluster")


def beside(store: Store, policy_id: str, many: int) -> pl.DataFrame:
    """Of clusters with more than `many` items and one in the table `due_routes`: cluster, cluster_placed (items that stay where
    the model placed them) and cluster_audited (one was drawn for the audit under this policy)."""
    large = store.query(_LARGE, {"many": many})
    if not large.height:  # what is live need not be asked for them
        return pl.DataFrame(schema={"cluster": pl.String, "cluster_placed": pl.Int64, "cluster_audited": pl.Boolean})
    return store.query(_BESIDE, {"policy": policy_id}, given=large)


def _join(job: Job, items: pl.DataFrame) -> None:
    keys = leaders.keys_of(items)
    known = _known(job.store, keys)
    compared = leaders.contested(keys, known)
    new, seen = _outlines(job, items, compared, known)
    joined = leaders.joined(items, compared, known, _by_sight(seen))
    began = leaders.by_row(keys.select("row", "key").unique(), "key").rename({"key": "keys"})
    rows = joined.with_row_index("row").join(began, on="row", how="left", maintain_order="left")
    nothing = pl.lit([], pl.List(pl.UInt64))
    rows = rows.select(
        "vendor", "item_id", "input_hash", "cluster",
        keys=pl.when("leads").then(pl.col("keys").fill_null(nothing)),
        words=pl.when("leads").then("key_title"),
        image_hash=pl.when("leads").then("image_hash"),
        run_id=pl.lit(job.run_id),
    )  # fmt: skip
    with job.store.transaction():
        job.store.append(
            "outlines",
            pl.DataFrame(list(new.items()), schema=_OUTLINE, orient="row").with_columns(run_id=pl.lit(job.run_id)),
        )
        job.store.append("look_alikes", rows)


def _by_sight(seen: dict[str, bytes]) -> leaders.Agree:
    return lambda one, other: one in seen and other in seen and outlines.agree(seen[one], seen[other])


def _known(store: Store, keys: pl.DataFrame) -> leaders.Known:
    found = store.query(_FOUND, {"tried": leaders.TRIED}, given=keys.select(pl.col("key").unique()))
    facts = store.query(_LEADERS, given=found.select(pl.col("cluster").unique()))
    by_name = {
        name: leaders.Leader(name, leaders.words_of(words), image, size)
        for name, words, image, size in facts.iter_rows()
    }
    known = leaders.Known()
    for key, name in found.iter_rows():
        known.add(key, by_name[name])
    return known


def _outlines(
    job: Job, items: pl.DataFrame, compared: pl.DataFrame, known: leaders.Known
) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Outlines of the pictures that may be compared, by image hash: those found out now, and all of them."""
    by_sight = compared.filter(pl.col("kind").is_in([leaders.TITLE, leaders.NEAR]))
    own = items["image_hash"].gather(by_sight["row"].unique())
    theirs = {leader.image_hash for key in by_sight["key"].unique() for leader in known.by_key.get(key, [])}
    wanted = pl.DataFrame({"image_hash": sorted({*own, *theirs} - {None})}, schema={"image_hash": pl.String})
    if not wanted.height:
        return {}, {}
    kept = dict(job.store.query(_OUTLINES, given=wanted).iter_rows())
    paths = job.store.query(_PATHS, given=wanted.filter(~pl.col("image_hash").is_in(list(kept)))).sort("image_hash")
    with ThreadPoolExecutor(job.settings.serving.threads) as pool:
        read = zip(paths["image_hash"], pool.map(outlines.outline, paths["image"]), strict=True)
        new = {name: found for name, found in read if found is not None}
    return new, kept | new
