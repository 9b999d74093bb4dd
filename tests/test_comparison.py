"""Side by side: the interval of a paired difference, what is spread over leaves nobody named, and who alone is right."""

import numpy as np
import polars as pl
import pytest

from catalog.learning.comparison import compare, paired, table, truth_probability
from catalog.taxonomies.taxonomy import from_paths

TREE = from_paths(["A > A1", "A > A2", "B > B1", "B > B2"])


def test_the_interval_of_a_paired_difference_holds_what_it_promises() -> None:
    rng, held, draws = np.random.default_rng(0), 0, 2000
    cells = np.array([0.80, 0.06, 0.03, 0.11])  # both, first alone, second alone, neither
    for _ in range(draws):
        kind = rng.choice(4, 150, p=cells)
        found = paired(np.isin(kind, [0, 1]), np.isin(kind, [0, 2]))
        held += found.low <= 0.03 <= found.high
    assert held / draws == pytest.approx(0.95, abs=0.015)


def test_models_that_never_differ_are_not_known_to_be_equal() -> None:
    same = np.ones(40, bool)
    found = paired(same, same)
    assert found.gain == 0.0
    assert found.low == pytest.approx(-found.high)
    assert found.high > 0.02


def test_a_truth_that_is_not_listed_gets_its_share_of_what_is_left() -> None:
    frame = pl.DataFrame(
        {
            "category_id": ["A > A1", "B > B2", "A > A2", "B > B1"],
            "top_ids": [["A > A1", "A > A2"], ["A > A1", "A > A2"], None, ["A > A1"]],
            "top_log_odds": [[0.0, -np.log(3)], [0.0, -np.log(3)], None, [900.0]],
        }
    )
    assert truth_probability(frame, 4) == pytest.approx([0.5, 0.125, 0.25, 1e-6])


def answers(*leaves: str | None) -> pl.DataFrame:
    rows = [(f"h{n}", leaf, [leaf], [2.0]) for n, leaf in enumerate(leaves) if leaf]
    return pl.DataFrame(rows, schema=["input_hash", "leaf_id", "top_ids", "top_log_odds"], orient="row")


def held_out() -> pl.DataFrame:
    truth = ["A > A1", "A > A2", "B > B1", "B > B2"] * 10
    facts = {"vendor": "v", "item_id": [str(n) for n in range(40)], "input_hash": [f"h{n}" for n in range(40)]}
    return pl.DataFrame(facts | {"title": "x", "category_id": truth})


def test_who_alone_is_right_and_where() -> None:
    truth = held_out()["category_id"].to_list()
    worse = [None if n % 8 == 3 else "A > A1" if node == "A > A2" else node for n, node in enumerate(truth)]
    found = compare(held_out(), (answers(*truth), answers(*worse)), ("good", "poor"), TREE)
    assert (found.overall.first, found.overall.second) == (1.0, 25 / 40)
    assert (found.first.answered, found.second.answered) == (1.0, 35 / 40)
    assert [(name, part.n, part.second) for name, part in found.departments] == [("A", 20, 0.5), ("B", 20, 0.75)]
    assert found.only_first.height == 15
    assert found.only_second.height == 0
    said = table(found, TREE, ("all", "none"))
    assert "Only good is right: 15 products" in said
    assert "v 1  x  is A > A2; poor said A > A1" in said
    assert "poor said nothing" in said
