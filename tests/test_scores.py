"""What is kept of a prediction, against plain sums over the classes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.inference.scores import TOP, Tree, describe, softmax

# A class at an inner node (tools), a department without anything below (books), chains of one to three nodes.
CLASSES = ["hammer", "books", "tools", "saw", "shirt", "skirt"]
ANCESTORS = {
    "hammer": ["home", "tools", "hammer"],
    "books": ["books"],
    "tools": ["home", "tools"],
    "saw": ["home", "tools", "saw"],
    "shirt": ["wear", "shirt"],
    "skirt": ["wear", "skirt"],
}
LOGITS = st.lists(st.lists(st.floats(-40, 40), min_size=6, max_size=6), min_size=1, max_size=5)


@given(LOGITS)
def test_the_way_down_holds_the_sums_of_the_classes_below(rows: list[list[float]]) -> None:
    logits = np.array(rows)
    found = describe(logits, 1.0, Tree(CLASSES, ANCESTORS))
    for p, (chain, mass, odds) in zip(
        softmax(logits, 1.0), found.select("chain_ids", "chain_mass", "chain_log_odds").iter_rows(), strict=True
    ):
        for node, inside, log_odds in zip(chain, mass, odds, strict=True):
            below = np.array([node in ANCESTORS[name] for name in CLASSES])
            assert inside == pytest.approx(p[below].sum())
            assert log_odds == pytest.approx(math.log(p[below].sum()) - math.log(max(p[~below].sum(), 1e-300)))


def test_the_way_down_goes_to_the_child_of_most_mass_and_ends_at_a_class() -> None:
    p = np.array([[0.20, 0.30, 0.05, 0.15, 0.28, 0.02], [0.0, 1.0, 0.0, 0.0, 0.0, 0.0]])
    found = describe(np.log(np.maximum(p, 1e-30)), 1.0, Tree(CLASSES, ANCESTORS))
    assert found["chain_ids"].to_list() == [["home", "tools", "hammer"], ["books"]]
    assert found["leaf_id"].to_list() == ["books", "books"]
    assert found["chain_mass"][0].to_list() == pytest.approx([0.4, 0.4, 0.2])


@given(LOGITS)
def test_candidates_are_ordered_and_equals_stand_in_label_order(rows: list[list[float]]) -> None:
    logits = np.round(np.array(rows))
    found = describe(logits, 1.0, Tree(CLASSES, ANCESTORS))
    order = np.argsort(-softmax(logits, 1.0), axis=1, kind="stable")[:, :TOP]
    assert found["top_ids"].to_list() == [[CLASSES[column] for column in row] for row in order]
    assert found["leaf_id"].to_list() == [CLASSES[row[0]] for row in order]


def test_a_probability_that_rounds_to_one_keeps_its_log_odds() -> None:
    found = describe(np.array([[60.0, 0, 0, 0, 0, 0]]), 1.0, Tree(CLASSES, ANCESTORS))
    assert found["probability"][0] == 1.0
    assert found["log_odds"][0] == pytest.approx(60 - math.log(5))


def test_no_items_give_the_same_columns() -> None:
    tree = Tree(CLASSES, ANCESTORS)
    assert describe(np.empty((0, 6)), 1.0, tree).schema == describe(np.zeros((1, 6)), 1.0, tree).schema
