"""Doubted labels: left-out answers are those of a fit without the item, and planted mistakes come first."""

import numpy as np
import polars as pl
import torch

from catalog.learning import doubts
from catalog.learning.doubts import LeftOut, doubted, left_out_shares


def places(items: int, classes: int, *, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Vectors around one centre per class, and labels as bool targets."""
    draw = torch.Generator().manual_seed(seed)
    label = torch.arange(items) % classes
    vectors = torch.randn(classes, 16, generator=draw)[label] + 0.4 * torch.randn(items, 16, generator=draw)
    return torch.nn.functional.normalize(vectors, dim=1), torch.eye(classes, dtype=torch.bool)[label]


def test_left_out_shares_are_those_of_a_fit_without_the_look_alikes() -> None:
    vectors, target = places(40, 3, seed=0)
    clusters = [f"c{n // 3}" if n < 12 else f"c{n}" for n in range(40)]
    shares = left_out_shares(vectors, target, clusters).float()
    x = torch.cat([vectors, torch.ones(40, 1)], dim=1).double()
    penalty = doubts.PENALTY * (x.T @ x).diagonal().mean() * torch.eye(17, dtype=torch.float64)
    for name in ("c0", "c2", "c30"):
        out = torch.tensor([n for n in range(40) if clusters[n] == name])
        rest = torch.tensor([n for n in range(40) if clusters[n] != name])
        fitted = torch.linalg.solve(x[rest].T @ x[rest] + penalty, x[rest].T @ target[rest].double())
        assert torch.allclose(shares[out], (x[out] @ fitted).float(), atol=2e-3)


def test_planted_mistakes_come_first_and_name_the_right_category() -> None:
    vectors, truth = places(400, 5, seed=1)
    flipped = np.random.default_rng(2).choice(400, 12, replace=False)
    given = truth.clone()
    given[flipped] = truth[flipped].roll(1, dims=1)
    shares = left_out_shares(vectors, given, [str(n) for n in range(400)])
    found = doubted([LeftOut(shares, torch.arange(400))], given)
    assert set(flipped) <= set(found.rows[:14])
    right = {row: int(truth[row].byte().argmax()) for row in flipped}
    assert {row: number for row, number in zip(found.rows, found.suggested, strict=True) if row in right} == right
    assert (found.share_suggested > found.share_label).all()


def test_a_branch_that_lacks_an_item_leaves_it_to_the_others() -> None:
    vectors, truth = places(300, 4, seed=3)
    given = truth.clone()
    given[[7, 8]] = truth[[7, 8]].roll(1, dims=1)
    names = [str(n) for n in range(300)]
    whole = LeftOut(left_out_shares(vectors, given, names), torch.arange(300))
    some = torch.arange(100, 300)
    part = LeftOut(left_out_shares(vectors[some], given[some], names[100:]), some)
    assert {7, 8} <= set(doubted([whole, part], given).rows[:4])


def test_labels_that_allow_several_categories_or_none_are_never_doubted() -> None:
    vectors, target = places(60, 3, seed=4)
    target[:30] = True
    target[30:] = False
    shares = left_out_shares(vectors, target, [str(n) for n in range(60)])
    assert not len(doubted([LeftOut(shares, torch.arange(60))], target).rows)


def test_without_any_branch_nothing_is_doubted() -> None:
    assert not len(doubted([], torch.eye(3, dtype=torch.bool)).rows)


def test_the_list_names_items_and_leaves_out_category_names_that_served_as_examples() -> None:
    learn = pl.DataFrame(
        {
            "vendor": ["acme", None, "acme"],
            "item_id": ["1", None, "3"],
            "input_hash": ["a", "b", "c"],
            "category_id": ["Mugs", "Plates", "Mugs"],
        }
    )
    rows, numbers = np.array([2, 1]), np.array([1, 0])
    found = doubts.table(
        doubts.Doubts(rows, numbers, np.array([0.1, 0.1]), np.array([0.8, 0.7])), learn, ["Mugs", "Plates"]
    )
    assert found.rows() == [("acme", "3", "c", "Mugs", "Plates", 0.1, 0.8)]
