"""Scores of others become honest log-odds, whatever their scale, and masses claim no more than was said."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.certification import calibration as measures
from catalog.inference import foreign
from catalog.taxonomies.taxonomy import from_paths

TREE = from_paths(f"D{d} > D{d}G{g} > D{d}G{g}L{leaf}" for d in range(2) for g in range(2) for leaf in range(3))
LEAVES = TREE.nodes.filter("is_leaf")["category_id"].to_list()
Answer = list[tuple[str | None, float | None]]


def frame(items: list[Answer]) -> pl.DataFrame:
    rows = [
        {"line": n, "vendor": "v", "item_id": f"{n:05d}", "order": order, "category_id": node, "score": score}
        for n, answer in enumerate(items)
        for order, (node, score) in enumerate(answer)
    ]
    return pl.DataFrame(
        rows, schema_overrides={"category_id": pl.String, "score": pl.Float64}, infer_schema_length=None
    )


def labels(truth: list[str]) -> pl.DataFrame:
    ids = [f"{n:05d}" for n in range(len(truth))]
    return pl.DataFrame(
        {"vendor": "v", "item_id": ids, "category_id": truth},
        schema_overrides=dict.fromkeys(("vendor", "item_id", "category_id"), pl.String),
    )


NONE = labels([])


def world(n: int, seed: int) -> tuple[np.ndarray, list[list[str]], list[str]]:
    """True log-odds, two candidates and the truth of n items; the truth is the second in half of the other cases."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(2.0, 2.0, n)
    named = [list(rng.choice(LEAVES, 2, replace=False)) for _ in range(n)]
    u, half = rng.random(n), rng.random(n) < 0.5
    p = 1 / (1 + np.exp(-odds))
    truth = [
        pair[0] if u[row] < p[row] else pair[1] if half[row] else LEAVES[(LEAVES.index(pair[1]) + 1) % len(LEAVES)]
        for row, pair in enumerate(named)
    ]
    return odds, named, truth


# What the classifier says of a case whose true log-odds are x, and the form that is read into it.
SCALES = {
    "over-confident probability": (lambda x: 1 / (1 + np.exp(-3 * x)), "probability"),
    "shy probability": (lambda x: 1 / (1 + np.exp(-0.3 * x)), "probability"),
    "flattering probability": (lambda x: 1 / (1 + np.exp(-x - 2)), "probability"),
    "self-rating in steps of five": (lambda x: np.round(20 / (1 + np.exp(-0.6 * x - 1))) * 5.0, "percent"),
    "raw scores": (lambda x: 40 * x - 300, "logit"),
}


@pytest.mark.parametrize("scale", SCALES)
def test_a_mis_scaled_confidence_is_calibrated(scale: str) -> None:
    say, form = SCALES[scale]
    odds, named, truth = world(4000, 1)
    items: list[Answer] = [[(pair[0], float(s))] for pair, s in zip(named, say(odds), strict=True)]
    found = frame(items)
    assert foreign.form_of(found["score"]) == form
    fitted = foreign.fit(found.filter(pl.col("line") < 1000), labels(truth), form)
    later = foreign.predictions(found.filter(pl.col("line") >= 1000), fitted, TREE)
    right = (later["leaf_id"] == pl.Series(truth[1000:])).to_numpy()
    low, high = measures.confidence_gap(later["probability"].to_numpy(), right, 0.999)
    assert low < 0 < high
    assert measures.ece(later["probability"].to_numpy(), right) < 0.03
    # the order of the scores is kept: a certificate can still tell the surest apart
    assert (np.diff(later["log_odds"].to_numpy()[np.argsort(say(odds)[1000:], kind="stable")]) >= -1e-9).all()


def test_ranks_alone_are_as_sure_as_first_candidates_were_right() -> None:
    _, named, truth = world(2000, 2)
    found = frame([[(first, None), (second, None)] for first, second in named])
    assert foreign.form_of(found["score"]) == "rank"
    fitted = foreign.fit(found, labels(truth), "rank")
    share = np.mean([pair[0] == node for pair, node in zip(named, truth, strict=True)])
    made = foreign.predictions(found, fitted, TREE)
    assert made["probability"].n_unique() == 1
    assert made["probability"][0] == pytest.approx(share, abs=0.005)
    assert fitted.others == pytest.approx(0.5, abs=0.05)


def test_without_labels_scores_stand_as_they_claim() -> None:
    fitted = foreign.fit(frame([[("D0 > D0G0 > D0G0L0", 0.9)]]), NONE, "probability")
    assert (fitted.slope, fitted.bias, fitted.labels) == (1.0, 0.0, 0)


def test_a_confidence_that_points_the_wrong_way_says_nothing() -> None:
    rng = np.random.default_rng(3)
    p = rng.uniform(0.1, 0.9, 500)
    truth = [LEAVES[0] if rng.random() > q else LEAVES[1] for q in p]
    fitted = foreign.fit(frame([[(LEAVES[0], float(q))] for q in p]), labels(truth), "probability")
    assert fitted.slope == 0.0


def test_exact_ones_count_as_half_a_step_short_of_it() -> None:
    found = frame([[(LEAVES[0], score)] for score in (1.0, 0.99, 0.5, 0.0)])
    ends = foreign.edges(found, "probability")
    assert ends == pytest.approx((0.25, 0.005))
    z = foreign.claims(found, "probability", ends)["z"].to_list()
    assert z == pytest.approx([np.log(0.995 / 0.005), np.log(99), 0.0, np.log(0.25 / 0.75)])


def test_scores_out_of_their_form_are_found_item_by_item() -> None:
    found = frame([[(LEAVES[0], 0.5), (LEAVES[1], 7.0)], [(LEAVES[0], 0.5)], [(LEAVES[0], None)]])
    assert foreign.misfits(found, "probability").to_list() == [True, True, False, True]
    assert foreign.misfits(found, "percent").to_list() == [False, False, False, True]
    assert not foreign.misfits(found, "rank").any()


node = st.sampled_from([*LEAVES, "D0", "D1 > D1G0", None])
answer = st.lists(node, min_size=1, max_size=4, unique=True).filter(lambda nodes: nodes[0] is not None)


@given(st.lists(answer, min_size=1, max_size=4), st.floats(-40, 40), st.floats(0.01, 0.99), st.randoms())
def test_masses_add_up_and_never_exceed_what_was_named(items, bias, others, draw) -> None:
    found = frame([[(name, draw.uniform(0, 1)) for name in nodes] for nodes in items])
    made = foreign.predictions(found, foreign.Calibration("probability", 0.01, 0.01, 1.0, bias, others, 9), TREE)
    assert made.height == len(items)
    for row, nodes in zip(made.sort("item_id").iter_rows(named=True), items, strict=True):
        p = dict(zip(row["top_ids"], 1 / (1 + np.exp(-np.array(row["top_log_odds"]))), strict=True))
        assert set(p) == set(nodes) - {None}
        assert row["leaf_id"] == row["top_ids"][0] == nodes[0]
        assert row["top_log_odds"] == sorted(row["top_log_odds"], reverse=True)
        assert sum(p.values()) <= 1 + 1e-9
        assert row["probability"] + row["novelty"] == pytest.approx(1)
        at = None
        for name, mass, odds in zip(row["chain_ids"], row["chain_mass"], row["chain_log_odds"], strict=True):
            assert TREE.parent(name) == at
            inside = sum(share for named, share in p.items() if name in TREE.ancestors(named))
            assert mass == pytest.approx(inside, rel=1e-9)
            if inside < 0.99:
                assert odds == pytest.approx(np.log(inside / (1 - inside)), abs=1e-6)
            at = name


def test_a_sure_answer_keeps_its_log_odds_on_every_level() -> None:
    made = foreign.predictions(
        frame([[(LEAVES[0], 1.0), (LEAVES[1], 0.5)]]), foreign.Calibration("logit", 0.0, 0.0, 1.0, 60.0, 0.5, 9), TREE
    )
    odds = made["chain_log_odds"][0].to_list()
    assert odds[2] == pytest.approx(60.5)
    assert odds[0] == odds[1] == pytest.approx(60.5 + np.log(2))
