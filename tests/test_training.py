"""The parts of training whose mistakes no accuracy would show."""

import numpy as np
import polars as pl
import pytest

torch = pytest.importorskip("torch", reason="needs the extra `train`")

from catalog import ridge  # noqa: E402
from catalog.encoding import class_list, targets  # noqa: E402
from catalog.head import Head  # noqa: E402
from catalog.lexical import Ngrams  # noqa: E402
from catalog.taxonomy import from_paths  # noqa: E402
from catalog.training import drop_modalities, subset_loss  # noqa: E402
from catalog.weighting import lexicon, padded, weighted  # noqa: E402

pytestmark = pytest.mark.train
TREE = from_paths(["Home > Mugs", "Home > Plates", "Sport > Balls"])


def grams(rng: np.random.Generator, items: int, rows: int) -> Ngrams:
    lengths = rng.integers(2, 6, items)
    bucket = np.concatenate([np.sort(rng.choice(rows, n, replace=False)) for n in lengths]).astype(np.int32)
    found = Ngrams(np.concatenate(([0], np.cumsum(lengths))), bucket, np.ones(len(bucket), np.float32))
    return weighted(found, np.ones(rows, np.float32))


def test_left_out_scores_are_those_of_a_fit_without_the_cluster() -> None:
    rng = np.random.default_rng(0)
    found, target = grams(rng, 30, 12), torch.eye(3, dtype=torch.bool)[torch.arange(30) % 3]
    clusters = [f"c{n // 2}" if n < 10 else f"c{n}" for n in range(30)]
    _, scores = ridge.fit(found, target, clusters, 12, seed=1)
    for name in ("c0", "c4", "c20"):
        out = np.array([n for n in range(30) if clusters[n] == name])
        rest = np.array([n for n in range(30) if clusters[n] != name])
        table, _ = ridge.fit(found.take(rest), target[rest], [clusters[n] for n in rest], 12, seed=1)
        dense = torch.zeros(len(out), 12)
        taken = found.take(out)
        dense[np.repeat(np.arange(len(out)), taken.lengths()), taken.bucket] = torch.from_numpy(taken.weight)
        assert torch.allclose(scores[out], dense @ table, atol=1e-4)


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


def test_dropping_never_leaves_an_item_with_nothing() -> None:
    torch.manual_seed(0)
    present = torch.tensor([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]]).repeat(200, 1)
    kept = drop_modalities(present, 0.5)
    assert (kept.sum(1) > 0).all()
    assert 0 < (kept.sum(1) < present.sum(1)).sum() < len(present)
    assert (kept <= present).all()


def test_a_missing_modality_adds_nothing_but_its_bias() -> None:
    torch.manual_seed(0)
    head = Head((4, 6), torch.rand(5, 3), hidden=8, dropout=0.0).eval()
    rows, weights = torch.zeros(2, 1, dtype=torch.int64), torch.ones(2, 1)
    present = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    images = torch.stack([torch.zeros(6), torch.rand(6)])
    logits = head(torch.ones(2, 4), images, present, rows, weights)
    assert torch.equal(logits[0], logits[1])


def test_the_lexicon_keeps_the_commonest_and_padding_weighs_nothing() -> None:
    found = Ngrams(np.array([0, 2, 4, 6]), np.array([1, 7, 1, 9, 1, 7], np.int32), np.ones(6, np.float32))
    row_of_bucket, idf = lexicon(found, least=2, most=1)
    assert np.flatnonzero(row_of_bucket >= 0).tolist() == [1]
    assert len(idf) == 1
    rows, weights = padded(Ngrams(np.array([0, 0, 2]), np.array([3, 4], np.int32), np.ones(2, np.float32)))
    assert weights.tolist() == [[0.0, 0.0], [1.0, 1.0]]
    assert rows.shape == (2, 2)
