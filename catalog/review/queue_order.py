"""The order in which waiting rows are asked, as frames: what is hidden, what stands together, what comes first.

Doubtful rows come before those that already stand at a parent; then the decision that is worth more (`worth.py`), then the
reason, the older item. Rows nobody may recognise (audits, the control stream) hide among as many ordinary ones, all alone in
their group, spread evenly by a draw.

Frames have the columns of `review_queue.WAITING`; the same rows, draws and time give the same order.
"""

from datetime import datetime

import polars as pl

from catalog.errors import CatalogError
from catalog.review.worth import worth
from catalog.taxonomies.taxonomy import Taxonomy

_ITEM = pl.concat_str("vendor", "item_id", separator="\x1f")


def in_department(rows: pl.DataFrame, taxonomy: Taxonomy, text: str) -> pl.DataFrame:
    """Rows whose likeliest category lies in a top category, named by id or path. Raises CatalogError when there is none."""
    tops = taxonomy.nodes.filter(pl.col("level") == 1)
    said = text.strip().casefold()
    found = [
        path
        for key, path in tops.select("category_id", "path").iter_rows()
        if said in (key.casefold(), path.casefold())
    ]
    if not found:
        raise CatalogError(
            f"There is no department {text!r}.", remedy=f"Name one of: {', '.join(tops['path'].head(40))}."
        )
    top = pl.col("path").str.split(" > ").list.first()
    inside = taxonomy.nodes.filter(top == found[0])["category_id"].implode()
    return rows.filter(pl.col("likeliest").is_in(inside))


def for_reason(rows: pl.DataFrame, reason: str) -> pl.DataFrame:
    """Rows that wait for a reason, and its share of the hidden ones.

    Each hidden row falls to one reason by a hash, in proportion to the ordinary rows that wait for it: a team that works
    reason by reason answers all of them, and no part tells what they are.
    """
    ordinary = rows.filter(~pl.col("blind"))["reason"]
    many = max(1, ordinary.len())
    start = int((ordinary < reason).sum()) / many
    end = start + int((ordinary == reason).sum()) / many
    share = pl.col("lot").is_between(start, end, closed="left")
    return rows.filter(pl.when("blind").then(share).otherwise(pl.col("reason") == reason))


def ordered(rows: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """The rows in the order to be asked, with `blind` true for all that are hidden, `group` (one key per decision),
    `group_size` and, of ordinary rows, the `worth` of their decision in thousandths."""
    rows = rows.with_columns(worth(as_of), spread=_spread(rows))
    rows = rows.with_columns(blind=pl.col("spread").is_not_null())
    alone = pl.concat_str(pl.lit("\x1e"), _ITEM)
    rows = rows.with_columns(group=pl.when("blind").then(alone).otherwise(pl.coalesce("group_id", alone)))
    groups = _groups(rows.filter(~pl.col("blind")))
    doubtful = groups.filter(~pl.col("low")).height or groups.height
    rows = rows.drop("worth").join(groups.select("group", "place", "worth", "group_size"), on="group", how="left")
    # Hidden rows fall between the doubtful groups: at the end of the queue nobody would ever answer an audit.
    place = pl.when("blind").then(pl.col("spread") * doubtful).otherwise(pl.col("place").cast(pl.Float64))
    rows = rows.with_columns(place=place, group_size=pl.col("group_size").fill_null(1))
    return rows.sort("place", "group", "vendor", "item_id").drop("spread")


def _spread(rows: pl.DataFrame) -> pl.Series:
    """Where hidden rows fall, in [0, 1), null for the others: audits and controls, and beside them as many ordinary rows, at
    most half of those, the first by the draw.

    The draws of the ordinary ones that are hidden end where those of the others begin. Over that they are even in [0, 1)
    again; as they are, all would stand early in the queue, and a hidden row that comes late would be known for an audit.
    """
    ordinary = ~rows["blind"]
    many = min(rows.height - int(ordinary.sum()), int(ordinary.sum()) // 2)
    rank = pl.when(~pl.col("blind")).then(pl.struct("draw", "vendor", "item_id")).rank("ordinal")
    end = pl.col("draw").filter(rank == many + 1).first()
    hidden = pl.when((rank <= many).fill_null(False)).then(pl.col("draw") / end)
    return rows.select(pl.when("blind").then("draw").otherwise(hidden).alias("spread"))["spread"]


def _groups(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per decision, in order: its place, whether all of it stands at a parent, its worth and size."""
    groups = rows.group_by("group").agg(
        pl.col("low").all(),
        pl.col("worth").sum(),
        pl.len().alias("group_size"),
        pl.col("reason").fill_null("").min(),
        pl.col("queued_at").min(),
    )
    return groups.sort("low", -pl.col("worth"), "reason", "queued_at", "group").with_row_index("place")


def first_groups(queue: pl.DataFrame, *, groups: int | None = None, items: int | None = None) -> pl.DataFrame:
    """Whole groups from the front of an ordered queue, as many as fit. A first group that is too large alone is cut."""
    number = pl.col("group").rle_id()
    if groups is not None:
        queue = queue.filter(number < groups)
    if items is None or queue.height <= items:
        return queue
    cut = queue.select(number)["group"]
    return (
        queue.head(items)
        if cut[0] == cut[items]
        else queue.head(items).filter(pl.Series(cut.head(items) != cut[items]))
    )
