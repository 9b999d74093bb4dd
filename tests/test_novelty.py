"""The novelty score: a rank among known products, whatever part of an item was read."""

import numpy as np
import pytest

from catalog.inference.novelty import KNOWN, LEAST, Novelty, energy


def known(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1, (count, 6))
    logits[np.arange(count), rng.integers(0, 6, count)] += rng.uniform(3, 9, count)
    return logits


def test_energy_falls_with_support_for_any_class() -> None:
    flat, sure = np.zeros((1, 4)), np.array([[9.0, 0, 0, 0]])
    assert energy(flat)[0] == pytest.approx(-np.log(4))
    assert energy(sure)[0] < energy(flat)[0]
    # A probability cannot tell these two apart.
    assert energy(sure - 5)[0] == pytest.approx(energy(sure)[0] + 5)
    assert np.isfinite(energy(np.array([[5000.0, 0.0]]))).all()


def test_known_products_are_spread_evenly_and_strange_ones_lie_beyond() -> None:
    both = np.ones((400, 2), bool)
    fitted = Novelty.fit(known(400), both)
    ranks = fitted.of(known(400, seed=1), both)
    assert abs((ranks < 0.5).mean() - 0.5) < 0.08
    strange = fitted.of(np.array([[-3.0] * 6, [-9.0] * 6]), np.ones((2, 2), bool))
    assert KNOWN < strange[0] < strange[1] <= 1.0


def test_each_modality_is_ranked_among_its_own() -> None:
    logits = np.concatenate([known(100), known(100) - 4.0])
    present = np.array([[True, True]] * 100 + [[True, False]] * 100)
    fitted = Novelty.fit(logits, present)
    ranks = fitted.of(logits, present)
    assert np.allclose(ranks[:100], ranks[100:], atol=1e-6)
    assert np.isnan(fitted.of(logits[:1], np.array([[False, True]]))).all()


def test_with_few_known_products_nothing_is_said_and_a_file_holds_it_all() -> None:
    assert Novelty.fit(known(LEAST - 1), np.ones((LEAST - 1, 2), bool)).quantiles == {}
    fitted = Novelty.fit(known(50), np.ones((50, 2), bool))
    assert Novelty.from_dict(fitted.to_dict()) == fitted
    assert Novelty.from_dict({"temperature": 1.0}) == Novelty()
