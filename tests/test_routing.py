from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.certification.policy import Policy
from catalog.placement.reason_codes import PRIORITY
from catalog.placement.routing import ROUTED, route
from catalog.taxonomies.taxonomy import from_paths

TREE = from_paths(
    ["Sport > Shoes > Trail Shoes", "Sport > Shoes > Running Shoes", "Sport > Balls > Tennis", "Home > Light > Lamps",
     "Home > Light > Candles"]
)  # fmt: skip
TRAIL, RUNNING, TENNIS, LAMPS, CANDLES = (
    "Sport > Shoes > Trail Shoes", "Sport > Shoes > Running Shoes", "Sport > Balls > Tennis", "Home > Light > Lamps",
    "Home > Light > Candles",
)  # fmt: skip
SHOES = "Sport > Shoes"
POLICY = Policy(
    "m", 0.95, 0.05, leaf_threshold=3.0, parent_threshold=2.0, leaf_certified_precision=0.95,
    parent_certified_precision=0.94, audit_share=0.0, control_share=0.0, novelty_threshold=0.9,
)  # fmt: skip
SCHEMA = {
    **dict.fromkeys(
        ["vendor", "item_id", "row_hash", "input_hash", "product_id", "title", "cluster", "decided_category",
         "decided_verdict", "decided_input_hash", "decided_source", "standing_category", "standing_outcome", "leaf_id",
         "image_status"], pl.String,
    ),
    **dict.fromkeys(["standing_probability", "standing_certified_precision"], pl.Float64),
    **dict.fromkeys(["probability", "log_odds", "novelty"], pl.Float64),
    **dict.fromkeys(["top_ids", "chain_ids"], pl.List(pl.String)),
    **dict.fromkeys(["top_log_odds", "chain_mass", "chain_log_odds"], pl.List(pl.Float64)),
    **dict.fromkeys(["has_text", "has_image"], pl.Boolean),
}  # fmt: skip


def probability(odds: float) -> float:
    return float(1 / (1 + pl.Series([-odds]).exp()[0]))


def predicted(
    leaf: str = TRAIL, odds: float = 4.0, node: float = 5.0, second: str = RUNNING, runner: float = -4.0
) -> dict:
    """A prediction of `leaf` at `odds`, its parent at `node`, the department surer still, a runner-up."""
    lineage = [node + 2.0, node, odds]
    return {
        "leaf_id": leaf, "probability": probability(odds), "log_odds": odds, "top_ids": [leaf, second],
        "top_log_odds": [odds, runner], "chain_ids": TREE.ancestors(leaf), "chain_log_odds": lineage,
        "chain_mass": [probability(value) for value in lineage], "novelty": 0.1, "has_text": True, "has_image": True,
        "image_status": "ok",
    }  # fmt: skip


def items(*rows: dict) -> pl.DataFrame:
    blank = dict.fromkeys(SCHEMA)
    usual = {"vendor": "v", "row_hash": "r", "input_hash": "now"}
    return pl.DataFrame([{**blank, **usual, "item_id": str(n), **row} for n, row in enumerate(rows)], schema=SCHEMA)


def one(row: dict, policy: Policy = POLICY) -> dict:
    return route(items(row), policy, TREE).row(0, named=True)


def placing(row: dict, policy: Policy = POLICY) -> tuple:
    found = one(row, policy)
    return found["outcome"], found["category_id"], found["reason"]


def test_sure_at_its_leaf():
    found = one(predicted())
    assert (found["outcome"], found["category_id"], found["reason"]) == ("placed", TRAIL, "certified")
    assert found["confidence"] == pytest.approx(probability(4.0))
    assert (found["certified_precision"], found["decided_by"], found["parent_id"]) == (0.95, "model", SHOES)


def test_sure_of_the_parent_only():
    found = one(predicted(odds=0.3, node=2.5, runner=-0.6))
    assert (found["outcome"], found["category_id"], found["parent_id"]) == ("placed_at_parent", SHOES, SHOES)
    assert found["confidence"] == pytest.approx(probability(2.5))
    assert (found["certified_precision"], found["reason"]) == (0.94, "close_call")
    assert found["sentence"] == "It stands at Shoes for now. Two categories are close: Trail Shoes and Running Shoes."


def test_never_above_the_leafs_parent_unless_told():
    row = predicted(odds=0.3, node=1.0)
    assert placing(row)[:2] == ("review", None)
    higher = Policy.from_dict({**POLICY.to_dict(), "min_level": 1})
    assert placing(row, higher)[:2] == ("placed_at_parent", "Sport")
    assert one(row)["parent_id"] == SHOES


@pytest.mark.parametrize(
    ("change", "reason", "words"),
    [
        (predicted(odds=1.0, node=1.5), "below_threshold", "Trail Shoes"),
        (
            predicted(odds=-0.1, node=1.5, runner=-0.2),
            "close_call",
            "Two categories are close: Trail Shoes and Running",
        ),
        ({**predicted(), "novelty": 0.95}, "unseen_kind", "unlike anything"),
        ({**predicted(odds=1.0, node=1.5), "has_text": False}, "no_text", "no text"),
        ({**predicted(), "has_text": False, "has_image": False}, "no_content", "neither text nor a picture"),
        (
            {**predicted(odds=1.0, node=1.5), "has_image": False, "image_status": "unreadable"},
            "picture_unreadable",
            "picture cannot be read",
        ),
        ({}, "no_prediction", "no prediction"),
        ({**predicted(), "decided_verdict": "none"}, "no_category_fits", "no category that fits"),
        ({**predicted(), "decided_verdict": "unsure"}, "reviewer_unsure", "unsure"),
        ({**predicted(), "decided_verdict": "skip"}, "reviewer_skipped", "skipped"),
        ({**predicted(), "decided_verdict": "wrong_picture"}, "wrong_picture", "picture"),
        ({**predicted(), "decided_category": "gone"}, "category_retired", "gone"),
    ],
)
def test_reasons_for_review(change, reason, words):
    found = one(change)
    assert (found["outcome"], found["category_id"], found["reason"]) == ("review", None, reason)
    assert words in found["sentence"] and found["reasons"][0] == reason
    assert found["confidence"] is found["certified_precision"] is found["decided_by"] is None


def test_without_a_certificate_everything_is_reviewed():
    found = one(predicted(), Policy.review_everything("m", control_share=0.0))
    assert (found["outcome"], found["reason"], found["parent_id"]) == ("review", "no_certificate", SHOES)
    assert "Trail Shoes" in found["sentence"]
    assert one({**predicted(), "decided_category": LAMPS}, Policy.review_everything("m"))["outcome"] == "decided"


def test_an_uncertified_department_goes_to_review_and_no_other():
    policy = Policy.from_dict({**POLICY.to_dict(), "review_departments": ["Sport"]})
    assert placing(predicted(), policy) == ("review", None, "department_not_certified")
    assert placing(predicted(LAMPS, second=CANDLES), policy)[0] == "placed"
    assert placing(predicted(odds=0.0, node=2.5), policy)[0] == "placed_at_parent"  # its certificate is another
    parents = Policy.from_dict({**POLICY.to_dict(), "parent_review_departments": ["Sport"]})
    assert placing(predicted(), parents)[0] == "placed"
    assert placing(predicted(odds=0.0, node=2.5), parents)[2] == "department_not_certified"


@pytest.mark.parametrize("source", ["label", "review", "correction", None])
def test_a_decision_stands_also_when_the_content_changes(source):
    row = {**predicted(), "decided_category": TRAIL, "decided_source": source, "decided_input_hash": "before"}
    found = one(row)
    assert (found["outcome"], found["category_id"]) == ("decided", TRAIL)
    assert found["decided_by"] == ("label" if source == "label" else "person")
    assert placing({**row, "leaf_id": None, "log_odds": None})[:2] == ("decided", TRAIL)


def test_only_a_certified_contradiction_of_changed_content_asks_about_a_decision_which_stands_meanwhile():
    row = {**predicted(), "decided_category": LAMPS, "decided_input_hash": "before"}
    found = one(row)
    assert (found["outcome"], found["category_id"], found["reason"]) == ("decided", LAMPS, "contradicts_decision")
    assert found["decided_by"] == "person"
    assert "Lamps" in found["sentence"] and "Trail Shoes" in found["sentence"]
    assert placing({**row, "decided_input_hash": "now"})[0] == "decided"
    assert placing({**row, **predicted(odds=1.0, node=1.0)})[0] == "decided"
    assert placing({**row, "decided_category": SHOES})[0] == "decided"  # the prediction lies below it
    assert placing({**row, **predicted(RUNNING, odds=1.0, node=2.5), "decided_category": TRAIL})[0] == "decided"


@pytest.mark.parametrize("verdict", ["bad_data", "not_sellable"])
def test_verdicts_that_settle_without_a_category(verdict):
    found = one({**predicted(), "decided_verdict": verdict})
    assert (found["outcome"], found["category_id"], found["decided_by"]) == ("decided", None, "person")


def test_a_standing_placement_is_sticky():
    before = {"standing_category": RUNNING, "standing_outcome": "placed", "standing_probability": 0.97,
              "standing_certified_precision": 0.98}  # fmt: skip
    unsure = one({**predicted(odds=1.0, node=1.0), **before})
    assert (unsure["outcome"], unsure["category_id"], unsure["reason"]) == ("placed", RUNNING, "sticky")
    assert (unsure["confidence"], unsure["certified_precision"]) == (0.97, 0.98)
    probable = {**predicted(odds=3.1, runner=-2.5), **before}  # the old one still has 7.6%
    assert placing(probable) == ("placed", RUNNING, "sticky")
    assert placing({**predicted(odds=3.1, runner=-3.5), **before}) == ("placed", TRAIL, "certified")
    assert placing({**predicted(RUNNING, second=TRAIL), **before}) == ("placed", RUNNING, "certified")
    assert placing(before) == ("placed", RUNNING, "sticky")  # not predicted yet
    assert placing({**predicted(), **before}, Policy.review_everything("m"))[2] == "sticky"
    assert placing({**predicted(odds=1.0, node=1.0), **before, "standing_category": "gone"})[0] == "review"
    assert placing({**predicted(odds=1.0, node=1.0), **before, "standing_outcome": "review"})[0] == "review"


def test_a_standing_parent_is_refined_and_unseen_mass_is_not_taken_for_none():
    parent = {"standing_category": SHOES, "standing_outcome": "placed_at_parent", "standing_probability": 0.96}
    assert placing({**predicted(), **parent}) == ("placed", TRAIL, "certified")
    assert placing({**predicted(odds=0.0, node=1.0), **parent}) == ("placed_at_parent", SHOES, "sticky")
    # Not among the shown candidates: what they leave over may all be the old category's.
    lamps = {"standing_category": LAMPS, "standing_outcome": "placed"}
    lenient = Policy.from_dict({**POLICY.to_dict(), "leaf_threshold": 1.0})
    assert placing({**predicted(odds=1.5, runner=-2.5), **lamps}, lenient) == ("placed", LAMPS, "sticky")
    assert placing({**predicted(odds=4.0, runner=-5.0), **lamps}, lenient) == ("placed", TRAIL, "certified")


def test_variants_that_disagree_are_reviewed():
    same = {"product_id": "p"}
    torn = route(items({**predicted(), **same}, {**predicted(LAMPS, second=CANDLES), **same}), POLICY, TREE)
    assert torn["reason"].to_list() == ["product_conflict"] * 2 and torn["outcome"].to_list() == ["review"] * 2
    weak = route(items({**predicted(), **same}, {**predicted(LAMPS, odds=-0.5, node=0.0), **same}), POLICY, TREE)
    assert weak["outcome"].to_list() == ["placed", "review"]
    decided = route(items({**predicted(), **same}, {**same, "decided_category": LAMPS}), POLICY, TREE)
    assert decided["outcome"].to_list() == ["review", "decided"]
    others = route(items({**predicted(), **same}, {**predicted(LAMPS), **same, "vendor": "w"}), POLICY, TREE)
    assert others["outcome"].to_list() == ["placed", "placed"]


def test_control_items_are_drawn_blindly_and_leave_what_stands_alone():
    policy = Policy.from_dict({**POLICY.to_dict(), "control_share": 1.0})
    found = one(predicted(), policy)
    assert (found["outcome"], found["reason"], found["control"]) == ("review", "control", True)
    assert "Trail" not in found["sentence"]
    standing = {**predicted(), "standing_category": TRAIL, "standing_outcome": "placed"}
    for row in (standing, {**predicted(), "decided_category": LAMPS}, {**predicted(), "decided_verdict": "unsure"}):
        assert not one(row, policy)["control"]
    twins = items(*({**predicted(), "title": "same long title", "product_id": "p"} for _ in range(2)))
    assert route(twins, policy, TREE)["group_id"].n_unique() == 2


def test_shares_are_drawn_by_hash_and_independently():
    many = items(*(predicted() for _ in range(3_000)))
    policy = Policy.from_dict({**POLICY.to_dict(), "control_share": 0.2, "audit_share": 0.1})
    found = route(many, policy, TREE)
    assert found["control"].mean() == pytest.approx(0.2, abs=0.015)
    placed = found.filter(pl.col("outcome") == "placed")
    assert placed["audit"].mean() == pytest.approx(0.1, abs=0.015)
    assert found.filter("control")["audit"].sum() == 0
    other = route(many, Policy.from_dict({**policy.to_dict(), "salt": "x"}), TREE)
    assert (found["control"] & other["control"]).mean() == pytest.approx(0.04, abs=0.015)


def test_large_clusters_always_send_one_member_to_audit():
    many = items(*({**predicted(), "cluster": "c" if n < 30 else f"c{n}"} for n in range(60)))
    policy = Policy.from_dict({**POLICY.to_dict(), "audit_share": 1e-9})
    found = route(many, policy, TREE)
    assert found.filter("audit")["cluster"].to_list() == ["c"]


def test_look_alikes_with_the_same_candidate_share_a_group():
    weak = predicted(odds=-0.5, node=0.0)
    found = route(
        items(
            {**weak, "title": "Blue trail shoe size 42"},
            {**weak, "title": "BLUE trail shoe, size 43", "vendor": "w"},
            {**weak, "title": "Blue trail shoe size 42", "leaf_id": RUNNING},
            {**weak, "title": "Shoe"},
            {**weak, "title": "Shoe"},
        ),
        POLICY,
        TREE,
    )["group_id"]
    assert found[0] == found[1]
    assert found.n_unique() == 4


def test_policies_are_named_by_their_content():
    again = Policy.from_dict(POLICY.to_dict())
    assert again == POLICY and again.policy_id == POLICY.policy_id == POLICY.to_dict()["policy_id"]
    assert Policy.from_dict({**POLICY.to_dict(), "issued_at": "later"}).policy_id == POLICY.policy_id
    for change in ({"leaf_threshold": 3.1}, {"review_departments": ["Sport"]}, {"model_id": "n"}, {"min_level": 1}):
        assert Policy.from_dict({**POLICY.to_dict(), **change}).policy_id != POLICY.policy_id


def test_an_empty_delivery_and_columns_of_nulls():
    assert set(route(items(), POLICY, TREE).columns) >= set(ROUTED)
    bare = items({}, {}).select(
        pl.when(pl.col(name).is_not_null()).then(pl.col(name))
        if name in ("vendor", "item_id")
        else pl.lit(None).alias(name)
        for name in SCHEMA
        if not name.startswith("standing_p") and name != "cluster"
    )
    assert route(bare, POLICY, TREE)["reason"].to_list() == ["no_prediction"] * 2


LEAVES = st.sampled_from([TRAIL, RUNNING, TENNIS, LAMPS, CANDLES])
MAYBE = st.one_of(st.none(), st.sampled_from([TRAIL, SHOES, LAMPS, "gone"]))


@st.composite
def rows(draw):
    leaf, odds = draw(LEAVES), draw(st.floats(-3, 8))
    given = predicted(leaf, odds, odds + draw(st.floats(0, 4)), draw(LEAVES), draw(st.floats(-8, 0)))
    row = draw(st.sampled_from([{}, given, given, given]))
    return {
        **row,
        "product_id": draw(st.sampled_from([None, None, "p", "q", ""])),
        "title": draw(st.sampled_from([None, "", "blue trail shoe", "Blue Trail Shoe!"])),
        "decided_category": draw(st.one_of(st.none(), MAYBE)),
        "decided_verdict": draw(
            st.sampled_from([None, None, "none", "unsure", "skip", "wrong_picture", "bad_data", "?"])
        ),
        "decided_input_hash": draw(st.sampled_from([None, "now", "before"])),
        "standing_category": draw(MAYBE),
        "standing_outcome": draw(st.sampled_from([None, "placed", "placed_at_parent", "review", "decided"])),
        "has_text": draw(st.sampled_from([True, False, None])),
        "image_status": draw(st.sampled_from(["ok", "missing", "unreadable", None])),
    }


@settings(max_examples=25, deadline=None)
@given(
    st.lists(rows(), min_size=1, max_size=12) | st.lists(rows(), min_size=12, max_size=36),
    st.randoms(use_true_random=False),
    st.sampled_from([None, 3.0]),
    st.sampled_from([None, 2.0]),
    st.sampled_from([0.0, 0.3]),
)
def test_every_row_gets_exactly_one_outcome_whatever_the_order(given_rows, random, leaf, parent, share):
    policy = Policy("m", 0.95, 0.05, leaf, parent, 0.95, 0.95, control_share=share, audit_share=share)
    frame = items(*given_rows)
    found = route(frame, policy, TREE)
    assert found.select(frame.columns).equals(frame)
    assert found["outcome"].is_in(["placed", "placed_at_parent", "review", "decided"]).all()
    filled = ["outcome", "reason", "sentence", "audit", "control", "group_id"]
    assert found.select(pl.col(filled).is_null().any()).row(0) == (False,) * len(filled)
    assert found["reason"].is_in([*PRIORITY, "certified", "sticky", "decided", "settled"]).all()
    placed = found.filter(pl.col("outcome").is_in(["placed", "placed_at_parent"]))
    assert placed["category_id"].is_in(TREE.nodes["category_id"].to_list()).all()
    assert (placed["decided_by"] == "model").all()
    if leaf is None and parent is None:
        assert (placed["reason"] == "sticky").all()
    order = list(range(len(given_rows)))
    random.shuffle(order)
    assert route(frame[order], policy, TREE).equals(found[order])
    assert route(found, policy, TREE).select(found.columns).equals(found)


def test_an_unseen_vendor_is_placed_with_a_warning_or_reviewed():
    warned = replace(POLICY, known_vendors=frozenset({"w"}))
    assert one(predicted(), warned)["reasons"] == ["certified", "unseen_vendor"]
    assert one(predicted() | {"vendor": "w"}, warned)["reasons"] == ["certified"]
    strict = replace(warned, review_unseen_vendors=True)
    assert placing(predicted(), strict) == ("review", None, "unseen_vendor")
    assert placing(predicted() | {"vendor": "w"}, strict)[0] == "placed"
    assert placing(predicted(odds=0.3, node=2.5), strict)[0] == "review"


def test_a_suspension_stops_its_vendor_or_department_and_moves_nothing():
    for policy, code in (
        (replace(POLICY, suspended_vendors=frozenset({"v"})), "vendor_suspended"),
        (replace(POLICY, suspended_departments=frozenset({"Sport"})), "department_suspended"),
    ):
        assert placing(predicted(), policy) == ("review", None, code)
        stands = {"standing_category": RUNNING, "standing_outcome": "placed"}
        assert placing(predicted() | stands, policy)[:2] == ("placed", RUNNING)
        assert placing(predicted(LAMPS, second=CANDLES) | {"vendor": "w"}, policy)[0] == "placed"


def test_departments_may_have_thresholds_of_their_own():
    policy = replace(POLICY, leaf_threshold=None, leaf_groups={"Sport": 5.0}, parent_threshold=None)
    assert placing(predicted(odds=4.5), policy) == ("review", None, "below_threshold")
    assert placing(predicted(odds=5.5), policy)[0] == "placed"
    assert placing(predicted(LAMPS, odds=9.0, second=CANDLES), policy)[0] == "review"
    assert Policy.from_dict(policy.to_dict()) == policy
