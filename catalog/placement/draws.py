"""Which items are drawn: for the control stream before routing, and of what was placed for the audit."""

import numpy as np
import polars as pl

from catalog.certification.policy import Policy, by_group, department_of
from catalog.labels.clusters import draw_hash, low_half
from catalog.taxonomies.taxonomy import Taxonomy

LARGE_CLUSTER = 20  # placed look-alikes above which one of them is always audited
STOPPED_DRAW = 0.2  # of what would be placed where automation stopped and nothing says how much of it comes a night
STOPPED = ("department_stopped", "vendor_suspended", "department_suspended")


def with_draws(work: pl.DataFrame, policy: Policy, taxonomy: Taxonomy) -> pl.DataFrame:
    """Adds drawn_control, a share chosen by the hash of the item and more of what would be placed at a leaf where automation
    stopped, and audit_draw, in [0, 1)."""
    stopped = pl.col("at_leaf") & pl.col("withheld").is_in(STOPPED).fill_null(False)
    own = by_group(policy.draw_shares, department_of(taxonomy, "proposed"))
    own = own.fill_null(pl.when(pl.col("withheld") == "department_stopped").then(STOPPED_DRAW).otherwise(0.0))
    # A product is drawn, not an item: else the more look-alikes it has, the likelier it would be to certify.
    product = pl.when(pl.col("leads").fill_null(True)).then(policy.control_share).otherwise(0.0)
    share = pl.max_horizontal(product, pl.when(stopped).then(own))
    drawn = draw_hash(work, policy.salt)
    high = (drawn >> np.uint64(32)) * 2.0**-32
    return work.with_columns(
        drawn=pl.Series(drawn),
        drawn_control=low_half(drawn) < pl.col("control_share").fill_null(share),
        audit_draw=pl.Series(high),
    )


def audited(work: pl.DataFrame, policy: Policy, department: pl.Expr, shares: dict[str, float]) -> pl.Expr:
    """A share of what the model placed, and one member of every large cluster: many items stand on one judgement.

    A department's own share counts for what it is given anew: raised, it would ask about all that stands there.
    """
    placed = pl.col("outcome").is_in(["placed", "placed_at_parent"])
    large = _of_large_cluster(placed) & pl.lit(policy.audit_share > 0)
    own = department.replace_strict(
        list(shares), list(shares.values()), default=policy.audit_share, return_dtype=pl.Float64
    )
    share = pl.when("standing").then(policy.audit_share).otherwise(own.fill_null(policy.audit_share))
    drawn = pl.col("audit_draw") < share
    if shares:
        still = pl.col("standing_audit") & pl.col("standing") & (pl.col("category_id") == pl.col("standing_category"))
        drawn |= still.fill_null(False)
    return (placed & (drawn | large.fill_null(False))).alias("audit")


def _of_large_cluster(placed: pl.Expr) -> pl.Expr:
    """The placed item that is asked for its large cluster; none where another was, whose answer speaks for all of them."""
    many = placed.sum().over("cluster") + pl.col("cluster_placed").fill_null(0) > LARGE_CLUSTER
    waits = placed & pl.col("standing_audit").fill_null(False)
    first = pl.col("drawn") == pl.col("drawn").filter(placed).min().over("cluster")
    anew = first & ~waits.any().over("cluster") & ~pl.col("cluster_audited").fill_null(False)
    return many & pl.col("cluster").is_not_null() & (waits | anew)
