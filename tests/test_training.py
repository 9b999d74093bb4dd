"""The parts of training whose mistakes no accuracy would show."""

import numpy as np
import polars as pl
import pytest

torch = pytest.importorskip("torch", reason="needs the extra `train`")
from torch import nn  # noqa: E402

from catalog.inference.lexical import GROUPS, Ngrams  # noqa: E402
from catalog.inference.weighting import SHARES, lexicon, padded, weighted  # noqa: E402
from catalog.learning import ridge  # noqa: E402
from catalog.learning.encoding import class_list, targets  # noqa: E402
from catalog.learning.head import FIRST_MIX, Fusion, LexicalBranch, LinearBranch, pattern  # noqa: E402
from catalog.learning.mixing import fit_mix  # noqa: E402
from catalog.learning.objective import score_logits, subset_loss  # noqa: E402
from catalog.learning.probe import fit_probe  # noqa: E402
from catalog.learning.tuning import DepthwiseInFull  # noqa: E402
from catalog.taxonomies.taxonomy import from_paths  # noqa: E402

pytestmark = pytest.mark.train
TREE = from_paths(["Home > Mugs", "Home > Plates", "Sport > Balls"])


def grams(rng: np.random.Generator, items: int, rows: int) -> Ngrams:
    lengths = rng.integers(2, 6, items)
    bucket = np.concatenate([np.sort(rng.choice(rows, n, replace=False)) for n in lengths]).astype(np.int32)
    ones, group = np.ones(len(bucket), np.float32), np.zeros(len(bucket), np.int8)
    found = Ngrams(np.concatenate(([0], np.cumsum(lengths))), bucket, ones, group)
    return weighted(found, np.ones(rows, np.float32))


def test_left_out_scores_are_those_of_a_fit_without_the_cluster() -> None:
    rng = np.random.default_rng(0)
    found, target = grams(rng, 30, 12), torch.eye(3, dtype=torch.bool)[torch.arange(30) % 3]
    clusters = [f"c{n // 2}" if n < 10 else f"c{n}" for n in range(30)]
    scores = ridge.fit(found, target, clusters, 12, ridge.Plan(1, left_out=True)).left_out
    for name in ("c0", "c4", "c20"):
        out = np.array([n for n in range(30) if clusters[n] == name])
        rest = np.array([n for n in range(30) if clusters[n] != name])
        table = ridge.fit(found.take(rest), target[rest], [clusters[n] for n in rest], 12, ridge.Plan(1)).table
        dense = torch.zeros(len(out), 12)
        taken = found.take(out)
        dense[np.repeat(np.arange(len(out)), taken.lengths()), taken.bucket] = torch.from_numpy(taken.weight)
        assert torch.allclose(scores[out].float(), dense @ table, atol=1e-3)  # kept in half precision


def test_a_table_too_large_keeps_the_directions_that_matter() -> None:
    rng = np.random.default_rng(1)
    found, target = grams(rng, 60, 20), torch.eye(9, dtype=torch.bool)[torch.arange(60) % 3]  # six classes are empty
    clusters = [str(n) for n in range(60)]
    whole = ridge.fit(found, target, clusters, 20, ridge.Plan(1))
    narrow = ridge.fit(found, target, clusters, 20, ridge.Plan(1, largest=20 * 4))
    assert whole.basis is None
    assert narrow.table.shape == (20, 4)
    assert torch.allclose(narrow.table @ narrow.basis, whole.table, atol=1e-4)


def test_a_label_at_an_inner_node_becomes_a_class_or_a_sum() -> None:
    labels = ["Home > Mugs"] * 3 + ["Home > Plates"] * 3 + ["Home"] * 5 + ["Sport"] * 2 + ["Sport > Balls"]
    learn = pl.DataFrame({"category_id": labels})
    classes = class_list(learn, TREE, inner="terminal", min_terminal=5)
    assert classes == ["Home", "Home > Mugs", "Home > Plates", "Sport > Balls"]
    assert targets(["Home", "Sport", "Home > Mugs"], classes, TREE).int().tolist() == [
        [1, 0, 0, 0],
        [0, 0, 0, 1],
        [0, 1, 0, 0],
    ]
    partial = class_list(learn, TREE, inner="partial", min_terminal=5)
    assert "Home" not in partial
    assert targets(["Home"], partial, TREE).int().tolist() == [[1, 1, 0]]


def test_the_loss_of_a_sum_is_minus_log_of_its_probability() -> None:
    logits = torch.tensor([[2.0, 1.0, 0.0]])
    target = torch.tensor([[True, True, False]])
    expected = -torch.log(logits.softmax(1)[0, :2].sum())
    assert torch.allclose(subset_loss(logits, target), expected)


def fusion() -> Fusion:
    torch.manual_seed(0)
    branches = [LinearBranch(width, 3, dropout=0.0) for width in (4, 6)]
    for branch in branches:
        torch.nn.init.normal_(branch.linear.weight)
    return Fusion(LexicalBranch(torch.rand(5, 3)), *branches, torch.tensor([0.0, 1.0, 2.0])).eval()


def test_a_missing_modality_is_not_read_and_nothing_at_all_gives_the_frequencies() -> None:
    rows, weights = torch.zeros(2, 1, dtype=torch.int64), torch.ones(2, 1)
    images = torch.stack([torch.zeros(6), torch.rand(6)])
    text_only = fusion()(torch.ones(2, 4), images, torch.tensor([[1.0, 0.0]] * 2), rows, weights)
    assert torch.equal(text_only[0], text_only[1])
    nothing = fusion()(torch.rand(2, 4), images, torch.zeros(2, 2), rows, weights)
    assert nothing.tolist() == [[0.0, 1.0, 2.0]] * 2


def test_a_category_expected_more_often_gains_the_same_of_every_item() -> None:
    rows, weights = torch.zeros(2, 1, dtype=torch.int64), torch.ones(2, 1)
    asked = (torch.ones(2, 4), torch.rand(2, 6), torch.tensor([[1.0, 1.0], [0.0, 0.0]]), rows, weights)
    network = fusion()
    before = network(*asked)
    network.lift.copy_(torch.tensor([0.0, 2.0, 0.0]))
    assert torch.equal(network(*asked) - before, torch.tensor([[0.0, 2.0, 0.0]] * 2))


def test_patterns_name_what_an_item_has() -> None:
    assert pattern(torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])).tolist() == [0, 1, 2, 3]


def informed(rng: np.random.Generator, target: np.ndarray, strength: float) -> torch.Tensor:
    """Logits of a branch that knows the class with some noise."""
    return torch.from_numpy(rng.normal(0, 1, (len(target), 3)) + strength * np.eye(3)[target]).float()


def test_the_mix_trusts_a_branch_as_far_as_held_out_products_do() -> None:
    rng = np.random.default_rng(0)
    target = rng.integers(0, 3, 600)
    parts = torch.stack([informed(rng, target, s) for s in (2.0, 0.0, 2.0)], dim=1)
    truth = torch.eye(3, dtype=torch.bool)[torch.from_numpy(target)]
    mix = fit_mix(parts, torch.ones(600, 2), truth)
    assert mix[3, 1] < 0.2 * mix[3, 0]
    assert mix[1].tolist()[:2] == [0.0, 0.0]
    both = score_logits((mix[3][None, :, None] * parts).sum(1), truth)
    assert both.accuracy > max(score_logits(parts[:, n], truth).accuracy for n in range(3))


def test_without_held_out_products_the_mix_stays_as_it_was() -> None:
    few = fit_mix(torch.rand(5, 3, 3), torch.ones(5, 2), torch.ones(5, 3, dtype=torch.bool))
    assert torch.equal(few, FIRST_MIX)


def test_the_probe_learns_what_its_vectors_tell() -> None:
    torch.manual_seed(0)
    target = torch.arange(300) % 3
    vectors = torch.nn.functional.normalize(torch.eye(8)[target] + 0.3 * torch.randn(300, 8), dim=1)
    truth = torch.eye(3, dtype=torch.bool)[target]
    branch, score = fit_probe((vectors[:200], truth[:200]), (vectors[200:], truth[200:]))
    assert score.accuracy > 0.9
    assert score == score_logits(branch(vectors[200:]).detach(), truth[200:])


def test_each_group_of_an_item_has_its_share_however_long_it_is() -> None:
    title, description = GROUPS.index(("title", "words")), GROUPS.index(("description", "words"))
    group = np.array([title, title] + [description] * 50, np.int8)
    found = Ngrams(np.array([0, 52]), np.arange(52, dtype=np.int32), np.ones(52, np.float32), group)
    squared = weighted(found, np.ones(52, np.float32)).weight ** 2
    assert squared[:2].sum() == pytest.approx(SHARES["title", "words"])
    assert squared[2:].sum() == pytest.approx(SHARES["description", "words"])


def test_the_lexicon_keeps_the_commonest_and_padding_weighs_nothing() -> None:
    group = np.zeros(6, np.int8)
    found = Ngrams(np.array([0, 2, 4, 6]), np.array([1, 7, 1, 9, 1, 7], np.int32), np.ones(6, np.float32), group)
    row_of_bucket, idf = lexicon(found, least=2, most=1)
    assert np.flatnonzero(row_of_bucket >= 0).tolist() == [1]
    assert len(idf) == 1
    rows, weights = padded(Ngrams(np.array([0, 0, 2]), np.array([3, 4], np.int32), np.ones(2, np.float32), group[:2]))
    assert weights.tolist() == [[0.0, 0.0], [1.0, 1.0]]
    assert rows.shape == (2, 2)


def test_single_channels_are_convolved_in_full_precision_and_others_in_half() -> None:
    torch.manual_seed(1)
    pixels = torch.randn(2, 8, 9, 9).bfloat16()
    single, every = nn.Conv2d(8, 8, 3, groups=8), nn.Conv2d(8, 8, 3)
    with torch.autocast("cpu", torch.bfloat16), DepthwiseInFull():
        found, others = single(pixels), every(pixels)
    expected = single(pixels.float())
    assert found.dtype == others.dtype == torch.bfloat16
    assert torch.equal(found, expected.bfloat16())
    (halved,) = torch.autograd.grad(found.float().square().sum(), single.weight)
    (full,) = torch.autograd.grad(expected.bfloat16().float().square().sum(), single.weight)
    assert torch.equal(halved, full)
    assert not torch.equal(others, every(pixels.float()).bfloat16())
