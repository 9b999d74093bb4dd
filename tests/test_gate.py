"""The gate before promotion: what it refuses and where, what it lets pass, what would move, and the way back."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hand_made import HOSES, KETTLES, KITCHEN, PANS, PUZZLES, hand_made, hour, job, rows

from catalog.certification.policy import Policy
from catalog.errors import CatalogError
from catalog.labels.clusters import assert_no_leak, assign_splits, hold_control
from catalog.learning import gate, history
from catalog.learning.history import History
from catalog.placement import moves
from catalog.placement.routing import PREDICTION
from catalog.publishing import views
from catalog.settings import Workspace
from catalog.store import Store
from catalog.taxonomies.versions import latest_taxonomy
from pipelines import evaluate, promote

CATEGORIES = 40


def products(
    seed: int, *, n: int = 1200, first: float = 0.86, second: float = 0.86, agree: float = 0.9
) -> pl.DataFrame:
    """Drawn products; where the models agree they are right or wrong together."""
    rng = np.random.default_rng(seed)
    category = rng.integers(0, CATEGORIES, n)
    together, luck = rng.random(n) < agree, rng.random(n)
    right = [np.where(together, luck < rate, rng.random(n) < rate) for rate in (first, second)]
    return pl.DataFrame(
        {
            "department": [f"D{c % 5}" for c in category],
            "vendor": [f"v{v}" for v in rng.integers(0, 4, n)],
            "modality": np.where(rng.random(n) < 0.7, "text and picture", "text alone"),
            "category": [f"D{c % 5} > C{c}" for c in category],
            "first_right": right[0],
            "second_right": right[1],
            "first_placed": luck < 0.6,
            "second_placed": luck < 0.6,
        }
    )


def test_a_candidate_that_is_no_worse_is_seldom_refused_and_a_better_one_hardly_ever() -> None:
    equal = sum(bool(gate.judge(products(seed, agree=0.97), 0.8).refusals) for seed in range(30))
    assert equal <= 5  # 5% by the tests, the rest by the margin
    better = sum(bool(gate.judge(products(seed, first=0.89), 0.8).refusals) for seed in range(30))
    assert better <= 3


def test_worse_everywhere_is_said_so() -> None:
    found = gate.judge(products(1, first=0.8), 0.7)
    assert found.refusals[0].startswith("it is worse on all products: ")
    with pytest.raises(CatalogError, match=r"all products.*--anyway"):
        found.require_passed()
    assert found.slices[0].paired.high < 0


@pytest.mark.parametrize("kind", ["vendor", "modality", "department"])
def test_worse_in_one_slice_is_refused_there_though_better_elsewhere(kind: str) -> None:
    frame = products(2, n=3000, first=0.95)
    where = frame[kind].value_counts().sort("count", kind)[kind][0]  # the smallest
    lower = (
        pl.when(pl.col(kind) == where)
        .then(pl.col("second_right") & (pl.int_range(pl.len()) % 6 > 0))
        .otherwise("first_right")
    )
    found = gate.judge(frame.with_columns(first_right=lower), 0.8)
    assert any(f"{kind} {where}" in refusal for refusal in found.refusals)
    assert not found.slices[0].worse
    assert f"{kind} {where}" in gate.text(found)


def test_a_lost_category_is_refused_though_it_is_small() -> None:
    frame = products(3, first=0.9)
    lost = frame["category"].value_counts().sort("count")["category"][0]
    found = gate.judge(frame.with_columns(first_right=pl.col("first_right") & (pl.col("category") != lost)), 0.8)
    assert any(lost in refusal for refusal in found.refusals)


def test_automation_that_is_given_up_or_falls_short_is_refused() -> None:
    frame = products(4)
    found = gate.judge(frame.with_columns(first_placed=pl.lit(False)), 0.8)
    assert any("places fewer products" in refusal for refusal in found.refusals)
    assert gate.judge(frame, 0.8).refusals == ()
    wrong = frame.with_columns(pl.col("first_right") & (pl.int_range(pl.len()) % 10 > 0))
    assert any("less than 98%" in refusal for refusal in gate.judge(wrong, 0.98).refusals)


def remembered(*, flipped: int = 0, to: str = "D1 > C1", relabelled: bool = False, seed: int = 5) -> History:
    """Labels of 40 categories, 20 products each; both models get nine in ten of them right, the first none of `flipped`
    categories, which it puts all at `to`; `relabelled`: as it was taught."""
    rng = np.random.default_rng(seed)
    category = [f"D{c % 5} > C{c}" for c in range(CATEGORIES) for _ in range(20)]
    lost = {f"D{c % 5} > C{c}" for c in range(10, 10 + flipped)}
    frame = pl.DataFrame(
        {"vendor": "v", "item_id": [str(n) for n in range(len(category))], "title": "thing", "category": category}
    )
    elsewhere = pl.when(pl.col("category").is_in(sorted(lost))).then(pl.lit(to))
    says = [
        pl.when(pl.Series(rng.random(len(category)) < 0.9)).then("category").otherwise(pl.lit("D0 > C0"))
        for _ in range(2)
    ]
    return History(
        frame.with_columns(now=elsewhere.otherwise("category") if relabelled else pl.col("category")),
        frame.with_columns(first_says=elsewhere.otherwise(says[0]), second_says=says[1]),
    )


def test_a_small_category_filed_elsewhere_as_a_whole_is_refused_though_no_product_compared_shows_it() -> None:
    frame = products(3, first=0.9)
    assert gate.judge(frame, 0.8, remembered()).refusals == ()
    (refusal,) = gate.judge(frame, 0.8, remembered(flipped=1)).refusals
    assert "what was labelled D0 > C10: 0.0% against" in refusal
    assert "puts 20 of them D1 > C1 (v 200 thing; v 201 thing; v 202 thing)" in refusal


def test_a_category_renamed_by_its_labels_is_refused_with_examples() -> None:
    seen = remembered(flipped=1, relabelled=True).taught
    (refusal,) = history.renamed(seen)
    assert refusal.startswith(
        "of 20 products of D0 > C10 that both learned from, 20 are labelled otherwise now, 20 of them D1 > C1 (v 200"
    )
    few = pl.when(pl.int_range(pl.len()) % 3 > 0).then("category").otherwise("now")  # a third: people correct that much
    assert history.renamed(seen.with_columns(now=few)) == []
    assert history.renamed(seen.head(0)) == []


def test_look_alikes_count_once_and_a_large_category_is_looked_at_in_part() -> None:
    known = pl.DataFrame({"vendor": "v", "item_id": [str(n) for n in range(300)], "category_id": ["1"] * 200 + ["2"] * 100,
                          "cluster": [f"c{n}" for n in range(200)] + ["same"] * 100})  # fmt: skip
    found = history.few_of_each(known)
    assert found["category_id"].value_counts().sort("category_id").rows() == [("1", history.MOST), ("2", 1)]
    assert history.few_of_each(known.sample(fraction=1.0, shuffle=True, seed=1)).equals(found)


def test_the_control_stream_never_trains_and_half_of_it_compares() -> None:
    rng = np.random.default_rng(0)
    clusters = pl.Series([f"c{n}" for n in rng.integers(0, 3000, 5000)])
    control = pl.Series(rng.random(5000) < 0.2)
    splits = hold_control(assign_splits(clusters, pl.Series([True] * 5000), 7), clusters, control, 7)
    assert_no_leak(clusters, splits)
    drawn = splits.filter(control)
    assert set(drawn) == {"comparison", "calibration"}
    assert 0.45 < (drawn == "comparison").mean() < 0.55
    near = pl.Series(clusters.is_in(clusters.filter(control).implode())) & ~control
    assert set(splits.filter(near)) == {"excluded"}
    assert "comparison" not in set(hold_control(assign_splits(clusters, control, 7), clusters, control & False, 7))


@pytest.fixture(scope="module")
def ready(tmp_path_factory) -> Path:
    """m2 serves since hour 30; it had a1 moved from kettles, where m1 had placed it, to pans. Its views are made once."""
    workspace, store = hand_made(tmp_path_factory.mktemp("gate"))
    with store:
        rows(store, "promotions", {"model_id": "m1", "seq": 3, "action": "promote", "promoted_at": hour(3)},
             {"model_id": "m2", "seq": 4, "action": "promote", "promoted_at": hour(30)})  # fmt: skip
        views.create(store)
    return workspace.root


@pytest.fixture
def place(ready: Path, tmp_path: Path):
    workspace = Workspace(Path(shutil.copytree(ready, tmp_path, dirs_exist_ok=True)))
    with Store.open(workspace.work_db) as store:
        yield job(workspace, store)


def says(work, item: str, leaf: str, others: float = 0.01) -> None:
    """What m3 says of an item: sure of a leaf."""
    path = [leaf[0], leaf[:2], leaf] if len(leaf) == 3 else [leaf[0], leaf]
    sure = {"leaf_id": leaf, "probability": 1 - others, "log_odds": 5.0, "top_ids": [leaf], "top_log_odds": [5.0],
            "chain_ids": path, "chain_mass": [0.999] * len(path), "chain_log_odds": [7.0] * len(path)}  # fmt: skip
    assert set(sure) <= set(PREDICTION)
    rows(work.store, "predictions", {"input_hash": f"in-{item}", "model_id": "m3", "has_text": True, **sure})


POLICY = Policy("m3", 0.95, 0.05, leaf_threshold=2.0, leaf_certified_precision=0.95, control_share=0.0)


def test_what_would_move_is_counted_by_category_with_examples_and_needs_approval(place):
    says(place, "a1", HOSES)
    says(place, "b1", PUZZLES)
    found = moves.would_move(place.store, POLICY, latest_taxonomy(place.store))
    assert found.standing == 2  # what people or labels decided moves for no model
    assert found.elsewhere.select("item_id", "from_id", "to_id").rows() == [("a1", PANS, HOSES)]
    text = found.text()
    assert "1 from Home > Kitchen > Pans to Home > Garden > Hoses" in text and "a1 version 2" in text
    with pytest.raises(CatalogError, match=r"routing\.max_moves.*--approve-moves"):
        found.require_few(0.005)
    found.require_few(0.5)


def test_what_the_serving_model_was_taught_is_kept_and_read_in_todays_ids(place):
    split = {"vendor": "archive", "item_id": "x1", "input_hash": "in-x1", "cluster": "c"}
    rows(place.store, "example_splits", {**split, "model_id": "m1", "split": "train", "category_id": "k0"},
         {**split, "model_id": "m3", "split": "train", "category_id": PANS})  # fmt: skip
    says(place, "x1", PANS)
    place.store.execute(
        "INSERT INTO predictions BY NAME SELECT * REPLACE ('m1' AS model_id, 'k0' AS leaf_id) FROM predictions WHERE model_id = 'm3'"
    )
    place.store.append_row("models", model_id="m3", taxonomy_version="tax1")
    found = evaluate._history(place, "m3", "m1")
    paths = ["Home > Kitchen > Kettles", "Home > Kitchen > Pans"]
    assert found.taught.select("item_id", "category", "now").rows() == [("x1", *paths)]
    assert found.known.select("category", "first_says", "second_says").rows() == [(paths[0], paths[1], paths[0])]
    assert evaluate._history(place, "m3", "m2") is None  # m2 is older than the column
    place.store.execute("UPDATE example_splits SET split = 'calibration' WHERE model_id = 'm3'")
    assert not evaluate._history(place, "m3", "m1").known.height  # it certifies the one, so it chooses neither


def test_going_further_down_is_no_jump(place):
    place.store.execute(
        "UPDATE routes SET outcome = 'placed_at_parent', category_id = ? WHERE item_id = 'a1'", [KITCHEN]
    )
    says(place, "a1", KETTLES)
    found = moves.would_move(place.store, POLICY, latest_taxonomy(place.store))
    assert found.items["refined"].to_list() == [True]
    found.require_few(0.0)


def test_what_is_not_certified_moves_nothing(place):
    says(place, "a1", HOSES)
    strict = replace(POLICY, leaf_threshold=6.0)
    assert moves.would_move(place.store, strict, latest_taxonomy(place.store)).items.is_empty()


def test_a_rollback_puts_back_what_the_withdrawn_model_moved(place, monkeypatch):
    (place.workspace.models / "m1").mkdir(parents=True)
    rows(place.store, "models", {"model_id": "m1", "facts": '{"kind": "foreign"}'})
    place.store.execute("DELETE FROM models WHERE model_id = 'm1' AND facts IS NULL")
    assert promote.rollback(place) == ("m1", 1)
    back = place.store.query(
        "SELECT category_id, outcome, decided_by, reason, model_id, route_key FROM standing_routes WHERE item_id = 'a1'"
    )
    assert back.rows() == [(KETTLES, "placed", "model", "rolled_back", "m1", None)]
    moved = place.store.query("SELECT item_id, from_id, to_id, reason FROM moved_items ORDER BY moved_at DESC LIMIT 1")
    assert moved.rows() == [("a1", PANS, KETTLES, "rolled_back")]
    others = place.store.query(
        "SELECT item_id, category_id FROM standing_routes WHERE item_id IN ('a2', 'b1', 'x1') ORDER BY 1"
    )
    assert others.rows() == [("a2", PANS), ("b1", PUZZLES), ("x1", PANS)]
