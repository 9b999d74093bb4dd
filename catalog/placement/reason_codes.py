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
    codes, holds = zip(*_said(policy), strict=True)
    # A bit each: rows share few sets of reasons, and a list is made of those alone.
    bits = [pl.when(said).then(pl.lit(1 << place, pl.UInt64)) for place, said in enumerate(holds)]
    found = work.select(bits=pl.sum_horizontal(bits))
    sets = found["bits"].unique()
    lists = [list(dict.fromkeys(code for place, code in enumerate(codes) if held >> place & 1)) for held in sets]
    named = pl.DataFrame({"bits": sets, "reasons": pl.Series(lists, dtype=pl.List(pl.String))})
    reasons = found.join(named, on="bits", how="left", maintain_order="left")["reasons"]
    return work.with_columns(reasons, reason=reasons.list.first())


def _said(policy: Policy) -> list[tuple[str, pl.Expr]]:
    """Codes with whether they are said of a row, the main one first; one of them may stand at two places."""
    holds = _holds(policy)
    way = pl.col("way")
    stays, decided, model = (way == name for name in ("stays", "decided", "model"))
    rechecked, contested = pl.col("rechecked") & stays, way == "contradicted"
    waits = pl.col("outcome").is_in(["review", "placed_at_parent"]) | rechecked | contested
    shared = pl.col("through_product").fill_null(False)
    first = {
        "move_held": stays & pl.col("move_held"),
        "department_stopped": rechecked,
        "contradicts_decision": contested,
        "sticky": stays & ~rechecked,
        "rule_pin": way == "pinned",
        "look_alike_decided": way == "carried",
        "certified": ~waits & model,
        "product_decided": ~waits & decided & shared,
        "decided": ~waits & decided & ~shared,
        "settled": ~waits & (way == "settled"),
    }
    spoken = {code: waits & holds[code] for code in PRIORITY}
    spoken["unseen_vendor"] |= ~waits & model & pl.col("unseen")
    return [*first.items(), *spoken.items()]


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
