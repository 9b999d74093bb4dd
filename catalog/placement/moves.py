"""What would move, were another model to serve, and putting back what a withdrawn one moved.

Only what a model placed can move by a model: decisions of people and labels stand whatever serves.
"""

from dataclasses import dataclass

import polars as pl

from catalog.certification.policy import Policy
from catalog.errors import CatalogError
from catalog.jobs import Job, now
from catalog.placement import routing
from catalog.store import Store
from catalog.taxonomies.category_moves import model_translation, standing_now
from catalog.taxonomies.taxonomy import SEPARATOR, Taxonomy

EXAMPLES = 3  # items shown for each pair of categories
LISTED = 12  # pairs of categories
# One row per live item that a model placed, with what another model says of it.
STANDING = """
    SELECT l.vendor, l.item_id, l.row_hash, l.input_hash, l.product_id, i.title, i.image_hash,
           NULL::VARCHAR AS decided_category, NULL::VARCHAR AS decided_verdict,
           r.category_id AS standing_category, r.outcome AS standing_outcome, r.taxonomy_version AS standing_version,
           p.* EXCLUDE (input_hash, model_id, run_id, predicted_at, provider, stage)
    FROM live_items l
    JOIN items i USING (vendor, item_id, row_hash)
    JOIN standing_routes r USING (vendor, item_id)
    LEFT JOIN predictions p ON p.input_hash = l.input_hash AND p.model_id = ?
    WHERE r.outcome IN ('placed', 'placed_at_parent') AND r.decided_by = 'model'
    ORDER BY l.vendor, l.item_id
"""
# One row per live item that stands, by the withdrawn model, elsewhere than before it began to serve.
MOVED = """
    WITH reign AS (SELECT max(promoted_at) AS since FROM promotions WHERE model_id = $model),
    before AS (
        SELECT r.* FROM routes r, reign WHERE r.routed_at < reign.since
        QUALIFY row_number() OVER (PARTITION BY vendor, item_id ORDER BY seq DESC) = 1
    )
    SELECT l.vendor, l.item_id, l.row_hash, l.input_hash, b.outcome, b.category_id AS standing_category, b.confidence,
           b.certified_precision, b.model_id, b.policy_id, b.taxonomy_version AS standing_version, b.parent_id,
           r.category_id AS left_id
    FROM live_items l
    JOIN standing_routes r USING (vendor, item_id)
    JOIN before b USING (vendor, item_id)
    WHERE r.model_id = $model AND r.decided_by = 'model' AND b.decided_by = 'model'
      AND r.outcome IN ('placed', 'placed_at_parent') AND b.outcome IN ('placed', 'placed_at_parent')
    ORDER BY l.vendor, l.item_id
"""


@dataclass(frozen=True)
class Moves:
    """What would move: vendor, item_id, title, from_id, to_id, from_path, to_path, refined (only further down).

    `standing`: how many live items a model has placed.
    """

    items: pl.DataFrame
    standing: int

    @property
    def elsewhere(self) -> pl.DataFrame:
        """Those that would leave their branch; going on to a category below is no jump."""
        return self.items.filter(~pl.col("refined"))

    def require_few(self, most: float) -> None:
        """Raises CatalogError, with the categories and examples, when more than the share `most` would leave their branch."""
        if self.elsewhere.height > most * self.standing:
            raise CatalogError(
                f"Refused: {self.text()}\nAllowed are {most:.1%} (routing.max_moves).",
                remedy="Look at the examples; if they are right, add --approve-moves.",
            )

    def text(self) -> str:
        """How many would move, by category, each with examples."""
        moved = self.elsewhere
        refined = self.items.height - moved.height
        lines = [
            f"{moved.height:,} of {self.standing:,} items placed by a model would move, {refined:,} go further down."
        ]
        pairs = moved.group_by("from_path", "to_path").agg(
            pl.len().alias("items"), pl.col("vendor", "item_id", "title").head(EXAMPLES)
        )
        pairs = pairs.sort("items", "from_path", "to_path", descending=[True, False, False])
        for pair in pairs.head(LISTED).iter_rows(named=True):
            lines.append(f"  {pair['items']:,} from {pair['from_path']} to {pair['to_path']}")
            shown = zip(pair["vendor"], pair["item_id"], pair["title"], strict=True)
            lines += [f"    {vendor} {item_id}  {(title or '')[:60]}" for vendor, item_id, title in shown]
        if pairs.height > LISTED:
            lines.append(f"  and {pairs.height - LISTED} other pairs of categories")
        return "\n".join(lines)


def would_move(store: Store, policy: Policy, taxonomy: Taxonomy) -> Moves:
    """Settles every item that a model placed anew, as a night under `policy` would, and says what differs. Records nothing."""
    model = policy.model_id
    rows = standing_now(store, model_translation(store, model).predictions(store.query(STANDING, [model])))
    return moved(rows.filter(pl.col("standing_category").is_not_null()), policy, taxonomy)


def moved(rows: pl.DataFrame, policy: Policy, taxonomy: Taxonomy) -> Moves:
    """What routing makes of standing placements: rows as `routing.route` reads them, with `title`."""
    settled = routing.route(rows, policy, taxonomy)
    paths = dict(taxonomy.nodes.select("category_id", "path").iter_rows())
    items = settled.filter(
        pl.col("category_id").is_not_null() & (pl.col("category_id") != pl.col("standing_category"))
    ).select("vendor", "item_id", "title", from_id="standing_category", to_id="category_id")
    items = items.with_columns(
        pl.col(f"{end}_id").replace_strict(paths, default=None, return_dtype=pl.String).alias(f"{end}_path")
        for end in ("from", "to")
    )
    below = pl.col("to_path").str.starts_with(pl.col("from_path") + SEPARATOR).fill_null(False)
    return Moves(items.with_columns(refined=below), rows.height)


def restore(job: Job, withdrawn: str, taxonomy: Taxonomy) -> int:
    """Appends a route back to its category for each item that the withdrawn model moved; returns how many.

    What it placed that stood nowhere before stays, and so does what it moved out of a category that is gone. The next
    night settles the restored ones anew from there.
    """
    store = job.store
    back = standing_now(store, store.query(MOVED, {"model": withdrawn}))
    back = back.filter(pl.col("standing_category") != pl.col("left_id"))
    back = back.filter(pl.col("standing_category").is_in(taxonomy.nodes["category_id"].implode()))
    if not back.height:
        return 0
    names = dict(taxonomy.nodes.select("category_id", "name").iter_rows())
    first = 1 + (store.one("SELECT max(seq) FROM routes") or 0)
    where = pl.col("standing_category").replace_strict(names, default="", return_dtype=pl.String)
    rows = back.drop("standing_category", "left_id").with_columns(
        category_id=back["standing_category"],
        sentence=back.select(
            pl.format("It is back in {}, where it stood before {} served.", where, pl.lit(withdrawn))
        ).to_series(),
        reason=pl.lit("rolled_back"),
        reasons=pl.lit(["rolled_back"]),
        decided_by=pl.lit("model"),
        audit=pl.lit(False),
        control=pl.lit(False),
        taxonomy_version=pl.lit(taxonomy.version),
        run_id=pl.lit(job.run_id),
        routed_at=pl.lit(now()),
        seq=pl.int_range(first, first + back.height, dtype=pl.Int64),
    )
    store.append("routes", rows)
    return rows.height
