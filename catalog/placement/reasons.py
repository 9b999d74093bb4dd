"""The reasons of a route in words: one plain sentence a reviewer can act on, with the names of the candidates."""

import polars as pl

from catalog.taxonomies.taxonomy import Taxonomy


def sentences(work: pl.DataFrame, taxonomy: Taxonomy) -> pl.Expr:
    """The sentence of each row from its reason, candidates and categories; never null."""
    ids, names, paths = (taxonomy.nodes[column] for column in ("category_id", "name", "path"))

    def named(node: pl.Expr) -> pl.Expr:
        return node.replace_strict(ids, names, default=None, return_dtype=pl.String)

    def path_of(node: pl.Expr) -> pl.Expr:
        return node.replace_strict(ids, paths, default=None, return_dtype=pl.String)

    first, second = (named(pl.col("top_ids").list.get(place, null_on_oob=True)) for place in (0, 1))
    # Worked out once: each of them stands in several sentences.
    guesses = work.select(first=pl.coalesce(first, named(pl.col("leaf_id")), pl.lit("none")), second=second)
    first, second = pl.lit(guesses["first"]), pl.lit(guesses["second"])
    # Two leaves of the same name cannot be told apart by it.
    twins = first == second
    one = pl.when(twins).then(path_of(pl.col("top_ids").list.get(0, null_on_oob=True))).otherwise(first)
    two = pl.when(twins).then(path_of(pl.col("top_ids").list.get(1, null_on_oob=True))).otherwise(second)
    best = pl.format("The best guess is {}.", first)
    decided = pl.coalesce(named(pl.col("decided_category")), "decided_category", pl.lit("another category"))
    kept = pl.coalesce(named(pl.col("category_id")), pl.lit("none"))
    department = pl.coalesce(named(pl.col("chain_ids").list.first()), pl.lit("This department"))
    texts = {
        # Control items must be answered in full and blindly: no candidate, no hint why they are shown.
        "control": pl.lit("Please choose the category."),
        "category_retired": pl.coalesce(
            "returned", pl.format("It was decided as {}, which the current taxonomy no longer has.", "decided_category")
        ),
        "guess_retired": pl.format("The best guess was {}.", "lost_leaf"),
        "contradicts_decision": pl.format(
            "It stands in {}, as it was decided; its content has changed since, and the model is now sure of {}.",
            decided, pl.coalesce(named(pl.col("proposed")), first),
        ),
        "no_category_fits": pl.lit("A reviewer found no category that fits."),
        "reviewer_unsure": pl.lit("A reviewer was unsure."),
        "reviewer_skipped": pl.lit("A reviewer skipped it."),
        "wrong_picture": pl.lit("A reviewer says that the picture shows something else."),
        "no_prediction": pl.lit("The model has no prediction for this item."),
        "product_conflict": pl.concat_str(
            pl.lit("Variants of this product point to different categories. For this one: "), best
        ),
        "no_certificate": pl.concat_str(
            pl.lit("Nothing is placed automatically yet: the model has no certificate. "), best
        ),
        "no_content": pl.lit("There is neither text nor a picture to judge by."),
        "unseen_kind": pl.format("It is unlike anything the model was trained on. The nearest category is {}.", first),
        "vendor_category_conflict": pl.concat_str("vendor_conflict", pl.lit(" "), best),
        "department_not_certified": pl.format(
            "{} is not placed automatically: too many of its products were wrong. The best guess is {}.",
            department, first,
        ),
        "rule_never_automate": pl.concat_str(
            pl.format("The rule {} keeps the model from placing there. ", pl.coalesce("rule_id", pl.lit("?"))), best
        ),
        "rule_target": pl.concat_str(
            pl.format("The model is not sure enough for the rule {}. ", pl.coalesce("rule_id", pl.lit("?"))), best
        ),
        "rule_probation": pl.concat_str(
            pl.format("Its vendor is on probation by the rule {}. ", pl.coalesce("rule_id", pl.lit("?"))), best
        ),
        "rule_unclear": pl.concat_str(pl.lit("A rule names a category that is none here; nothing is placed. "), best),
        "shadow_mode": pl.concat_str(pl.lit("Nothing is placed while the shop only compares. "), best),
        "automation_off": pl.concat_str(pl.lit("Placing automatically is switched off. "), best),
        "run_undone": pl.concat_str(pl.lit("The run in which the model placed it was taken back. "), best),
        "department_stopped": pl.format(
            "Too many audited products of {} were wrong, so nothing is placed there for now. The best guess is {}.",
            department, first,
        ),
        "vendor_suspended": pl.concat_str(
            pl.lit("How this vendor's file is read has changed since the model was certified. "), best
        ),
        "department_suspended": pl.format(
            "The categories of {} have changed since the model was certified. The best guess is {}.", department, first
        ),
        "unseen_vendor": pl.concat_str(pl.lit("No label of this vendor has ever been seen. "), best),
        "no_text": pl.concat_str(pl.lit("There is no text to judge by. "), best),
        "picture_unreadable": pl.concat_str(pl.lit("The picture cannot be read. "), best),
        "close_call": pl.format("Two categories are close: {} and {}.", one, two),
        "below_threshold": pl.format("The model is not sure enough. The best guess is {}.", first),
        "certified": pl.format("Placed in {} by the model.", kept),
        "rule_pin": pl.format("Placed in {} by the rule {}.", kept, pl.coalesce("rule_id", pl.lit("?"))),
        "move_held": pl.format(
            "It stays in {}; the model would move it to {}, but more would move at once than routing.max_moves allows.",
            kept, pl.coalesce(named(pl.col("proposed")), first),
        ),
        "sticky": pl.format("It stays in {}, where the model placed it before.", kept),
        "decided": pl.format("Decided as {}.", kept),
        "look_alike_decided": pl.format("Placed in {}, as its look-alikes were decided.", kept),
        "product_decided": pl.format("Decided as {}, with another item of the same product.", kept),
        "settled": pl.lit("A reviewer settled it without a category."),
    }  # fmt: skip
    # Each text is written for every row: all of them at once were most of the memory of routing.
    found = [(code, texts[code]) for code in work["reason"].unique().sort() if code in texts]
    sentence = pl.coalesce(
        [pl.lit(None, pl.String), *(pl.when(pl.col("reason") == code).then(text) for code, text in found)]
    )
    sentence = pl.coalesce(sentence, pl.lit("It needs a person's decision."))
    parent = pl.coalesce(named(pl.col("category_id")), pl.lit(""))
    at_parent = (pl.col("outcome") == "placed_at_parent") & ~pl.col("reason").is_in(["sticky", "move_held"])
    return (
        pl.when(at_parent)
        .then(pl.concat_str(pl.format("It stands at {} for now. ", parent), sentence))
        .otherwise(sentence)
        .alias("sentence")
    )
