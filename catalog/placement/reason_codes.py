"""Why an item stands where it stands or waits, as codes: all that hold, the main one first. `reasons` puts them in words."""

import polars as pl

from catalog.certification.policy import Policy

CLOSE = 0.5  # the runner-up has at least this share of the first candidate's probability
OPEN_VERDICTS = {
    "none": "no_category_fits",
    "unsure": "reviewer_unsure",
    "skip": "reviewer_skipped",
    "wrong_picture": "wrong_picture",
}
RULED = ("rule_never_automate", "rule_target", "rule_probation", "rule_unclear")
WITHHELD = (
    *RULED,
    "shadow_mode",
    "automation_off",
    "run_undone",
    "department_stopped",
    "vendor_suspended",
    "department_suspended",
    "unseen_vendor",
)
# Which reason is the main one, when several hold: what a reviewer must know first.
PRIORITY = (
    "control",
    "category_retired",
    "contradicts_decision",
    *OPEN_VERDICTS.values(),
    "guess_retired",
    "no_prediction",
    "product_conflict",
    "no_certificate",
    "no_content",
    "unseen_kind",
    "vendor_category_conflict",
    "department_not_certified",
    *WITHHELD,
    "no_text",
    "picture_unreadable",
    "close_call",
    "below_threshold",
)


def with_reasons(work: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Adds reasons (all that hold, the main one first) and reason."""
    holds = _holds(policy)
    rechecked = pl.col("rechecked") & (pl.col("way") == "stays")
    holds["department_stopped"] |= rechecked
    contested = pl.col("way") == "contradicted"
    waits = pl.col("outcome").is_in(["review", "placed_at_parent"]) | rechecked | contested
    held = pl.when((pl.col("way") == "stays") & pl.col("move_held")).then(pl.lit("move_held"))
    codes = [pl.when(holds[code].fill_null(False)).then(pl.lit(code)) for code in PRIORITY]
    lead = (
        pl.when(rechecked)
        .then(pl.lit("department_stopped"))
        .when(contested)
        .then(pl.lit("contradicts_decision"))
        .otherwise(
            pl.col("way").replace_strict(
                {"stays": "sticky", "pinned": "rule_pin"}, default=None, return_dtype=pl.String
            )
        )
    )
    waiting = work.filter(waits)
    # Most have one reason: the long list is built for the others only.
    alone = waiting.select(pl.sum_horizontal(said.is_not_null() for said in (held, lead, *codes)) == 1).to_series()
    one = waiting.filter(alone).select("row", reasons=pl.concat_list(pl.coalesce(held, lead, *codes)))
    many = waiting.filter(~alone).select(
        "row", reasons=pl.concat_list(held, lead, *codes).list.drop_nulls().list.unique(maintain_order=True)
    )
    fixed = {
        "model": "certified",
        "stays": "sticky",
        "pinned": "rule_pin",
        "decided": "decided",
        "by_product": "product_decided",
        "settled": "settled",
    }
    warned = pl.when((pl.col("way") == "model") & pl.col("unseen")).then(pl.lit("unseen_vendor"))
    shared = (pl.col("way") == "decided") & pl.col("through_product").fill_null(False)
    way = pl.when(shared).then(pl.lit("by_product")).otherwise("way")
    own = pl.concat_list(held, way.replace_strict(fixed, default=None, return_dtype=pl.String), warned)
    work = work.join(pl.concat([one, many]), on="row", how="left", maintain_order="left")
    work = work.with_columns(pl.col("reasons").fill_null(own.list.drop_nulls()))
    return work.with_columns(reason=pl.col("reasons").list.first())


def _holds(policy: Policy) -> dict[str, pl.Expr]:
    """Of each code of `PRIORITY`, whether it holds for a row."""
    certificate = policy.leaf_bar is not None or policy.parent_bar is not None
    unread = pl.col("image_status").is_in(["unreadable", "refused"]) & ~pl.col("has_image").fill_null(False)
    second, first = (
        pl.col("top_log_odds").list.get(1, null_on_oob=True),
        pl.col("top_log_odds").list.get(0, null_on_oob=True),
    )
    likely = [1.0 / (1.0 + (-odds).exp()) for odds in (first, second)]
    novelty = pl.lit(False) if policy.novelty_threshold is None else pl.col("novelty") > policy.novelty_threshold
    unsure = pl.col("leaf_id").is_not_null() & ~pl.col("at_leaf")
    return {
        "control": pl.col("control"),
        "category_retired": pl.col("retired") | pl.col("returned").is_not_null(),
        "contradicts_decision": pl.col("contradicted"),
        **{code: pl.col("open_reason") == code for code in OPEN_VERDICTS.values()},
        "guess_retired": pl.col("lost_leaf").is_not_null(),
        "no_prediction": pl.col("leaf_id").is_null() & pl.col("lost_leaf").is_null(),
        "product_conflict": pl.col("conflict"),
        "no_certificate": pl.lit(not certificate),
        "no_content": ~pl.col("has_text").fill_null(True) & ~pl.col("has_image").fill_null(True),
        "unseen_kind": novelty,
        "vendor_category_conflict": pl.col("vendor_conflict").is_not_null(),
        "department_not_certified": pl.col("blocked"),
        **{code: pl.col("withheld") == code for code in WITHHELD},
        "no_text": unsure & ~pl.col("has_text").fill_null(True),
        "picture_unreadable": unsure & unread,
        "close_call": unsure & (likely[1] >= CLOSE * likely[0]),
        "below_threshold": unsure & pl.lit(certificate),
    }
