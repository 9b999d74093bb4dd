"""The simulated weeks of benchmarks/review: what their tables count adds up, and their models are what they are said to be."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from benchmarks.review import groups, weeks
from benchmarks.review.shop import Shop
from benchmarks.review.weeks import Simulation
from benchmarks.review.whole import Mixture, _System, present
from benchmarks.review.work import added, table

LEAVES = {"Tools > Drills": "drill bit steel", "Tools > Saws": "saw blade teeth", "Wear > Shirts": "shirt sleeve cotton", "Wear > Shoes": "shoe sole lace"}  # fmt: skip


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A thousand products whose titles mostly tell what they are."""
    rng, paths = np.random.default_rng(0), list(LEAVES)
    leaves = rng.integers(0, len(paths), 1000)
    told = np.where(rng.random(1000) < 0.02, rng.integers(0, len(paths), 1000), leaves)
    words = [
        f"{rng.choice(LEAVES[paths[one]].split())} {rng.choice(list('abcdefgh'))}{rng.integers(50)} grey"
        for one in told
    ]
    data: Path = tmp_path_factory.mktemp("data")
    (data / "bigbasket").mkdir()
    rows = {"item_id": [f"i{n}" for n in range(1000)], "title": words, "brand": [f"brand {n % 7}" for n in range(1000)]}
    pl.DataFrame(rows | {"category_path": [paths[one] for one in leaves]}).write_csv(data / "bigbasket" / "items.csv")
    opened = Shop.opened("bigbasket", data, whole=True)
    opened.target = 0.8
    return opened


def test_every_item_of_the_weeks_is_placed_or_decided_however_it_is_grouped(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weeks, "WEEKS", 2)
    simulation = Simulation(shop, first=0.5)
    works = list(simulation.weeks())
    total = added(works)
    assert total.incoming == shop.frame.height - simulation.known == 500
    assert 0 < total.placed < 500
    assert total.placed_wrong <= 0.2 * total.placed
    assert sum(total.why.values()) == total.incoming - total.placed
    assert {one.settled for one in total.careful.values()} == {total.settled}
    fewer = [total.careful[way].decisions - total.careful[way].differ for way in groups.WAYS]
    assert fewer[0] >= fewer[-1]
    assert all(one.seconds <= 12.0 * one.settled + 15.0 * one.decisions for one in total.careful.values())
    assert len(table(works)) > len(works)


def test_conjugate_gradients_end_at_the_ridge() -> None:
    rng = np.random.default_rng(1)
    x = sparse.random(40, 25, 0.4, format="csr", random_state=2, dtype=np.float32)
    wanted = rng.random((40, 3), np.float32)
    dual = _System(x, x.T.tocsr(), 0.7).towards(wanted, np.zeros_like(wanted), 60)
    exact = np.linalg.solve((x @ x.T).toarray() + 0.7 * np.eye(40), wanted)
    np.testing.assert_allclose(dual, exact, atol=1e-3)


def test_an_item_without_an_embedding_has_the_words_answer() -> None:
    rng = np.random.default_rng(3)
    target = rng.integers(0, 3, 90)
    one_hot = np.eye(3, dtype=np.float32)[target]
    words = sparse.csr_matrix(one_hot + 0.3 * rng.random((90, 3), np.float32))
    vectors = rng.random((90, 4)).astype(np.float32)
    vectors[::9] = 0.0
    both = Mixture.fit([words, vectors], one_hot, [words, vectors], target)
    alone = Mixture.fit([words], one_hot, [words], target)
    missing = ~present([words, vectors])[1]
    assert missing.sum() == 10
    np.testing.assert_allclose(both.logits([words, vectors])[missing], alone.logits([words])[missing], atol=1e-6)


def test_wider_groups_join_one_best_guess_and_leave_hidden_rows_alone() -> None:
    n = 60
    queue = pl.DataFrame(
        {
            "seq": range(n), "group": [str(k // 2) for k in range(n)], "blind": [k < 4 for k in range(n)],
            "likeliest": ["a" if k % 4 < 2 else "b" for k in range(n)], "log_odds_1": [float(k % 4) for k in range(n)],
            "brand": [None] * n, "vendor": ["v"] * n, "title": [f"thing {k // 2}" for k in range(n)],
        },
        schema_overrides={"brand": pl.String},
    )  # fmt: skip
    guess = queue["likeliest"].to_list()
    for way in groups.WAYS:
        found = groups.grouped(queue, way)
        assert sorted(np.concatenate(found)) == list(range(n))
        assert max(map(len, found)) <= groups.MOST
        assert all(len({guess[one] for one in members}) == 1 for members in found)
        assert all(len(members) == 2 for members in found if members.min() < 4)
    assert len(groups.grouped(queue, "look-alikes")) == 30
    assert len(groups.grouped(queue, "best guess")) == 2 + 4


def test_a_careful_reviewer_takes_out_who_belongs_elsewhere() -> None:
    tally, rng = groups.Tally(), np.random.default_rng(5)
    for _ in range(500):
        tally.add(np.array(["a"] * 8 + ["b"] * 2), rng)
    assert tally.settled == tally.looked == 5000
    assert tally.differ == 1000
    assert 5 <= tally.missed <= 40  # 2% of those that differ
    assert tally.decisions == 500 + tally.differ - tally.missed
    assert tally.seconds == 500 * groups.seconds(10) + (tally.differ - tally.missed) * groups.ITEM_SECONDS
