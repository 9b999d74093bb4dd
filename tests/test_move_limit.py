"""A plain night moves at most `routing.max_moves` of what a model placed: the surest first, the rest with a word."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hand_made import HOSES, KETTLES, KITCHEN, PANS, PUZZLES, hand_made, hour, rows
from hand_made import job as job_of
from test_gate import POLICY, says

from catalog.jobs import Job
from catalog.placement import move_limit, moves
from catalog.placement.routing import route
from catalog.publishing import views
from catalog.settings import Routing, Settings
from catalog.taxonomies.versions import latest_taxonomy


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Job]:
    """m3 serves and has served when everything was settled last; a1 stands at pans, b1 at puzzles."""
    workspace, store = hand_made(tmp_path)
    with store:
        rows(store, "promotions", {"model_id": "m3", "seq": 3, "action": "promote", "promoted_at": hour(30)})
        views.create(store)
        work = job_of(workspace, store)
        says(work, "a1", HOSES, others=0.01)
        says(work, "b1", KETTLES, others=0.02)
        yield work


def settled(work: Job, model: str = "m3", **facts: pl.Expr) -> pl.DataFrame:
    """What routing makes of what stands, as a night reads it; model: the one that settled it last."""
    standing = work.store.query(moves.STANDING, ["m3"])
    standing = standing.with_columns(
        **facts, standing_by=pl.lit("model"), standing_model=pl.lit(model), move_approved=pl.lit(False)
    )
    return route(standing, POLICY, latest_taxonomy(work.store))


def held(work: Job, share: float, model: str = "m3") -> list[str]:
    night = replace(work, settings=Settings(routing=Routing(max_moves=share)))
    found = settled(work, model)
    return found.filter(move_limit.over(night, found, latest_taxonomy(work.store)))["item_id"].to_list()


def test_the_surest_go_first(place: Job) -> None:
    assert held(place, 1.0) == []
    assert held(place, 0.5) == held(place, 0.005) == ["b1"]  # one of two: even the smallest share is one item
    assert held(place, 0.0) == ["a1", "b1"]


def test_what_a_promotion_moves_was_weighed_then_but_what_a_rollback_moves_was_not(place: Job) -> None:
    assert held(place, 0.0, model="m2") == []
    rows(place.store, "promotions", {"model_id": "m3", "seq": 5, "action": "rollback", "promoted_at": hour(31)})
    assert held(place, 0.0, model="m2") == ["a1", "b1"]


def test_what_this_run_has_moved_already_counts(place: Job) -> None:
    mine = {"run_id": place.run_id, "vendor": "acme", "item_id": "a2", "outcome": "placed", "decided_by": "model"}
    rows(place.store, "routes", {**mine, "category_id": PANS, "seq": 90, "reasons": ["certified"], "run_id": "earlier"},
         {**mine, "category_id": PUZZLES, "seq": 91, "reasons": ["certified"]})  # fmt: skip
    assert held(place, 0.3) == ["a1", "b1"]


def test_going_further_down_is_no_move(place: Job) -> None:
    place.store.execute(
        "UPDATE routes SET outcome = 'placed_at_parent', category_id = ? WHERE item_id = 'b1'", [KITCHEN]
    )
    assert held(place, 0.0) == ["a1"]


def test_what_is_held_stays_with_a_reason_in_words(place: Job) -> None:
    by_item = {row["item_id"]: row for row in settled(place, move_held=pl.lit(True)).iter_rows(named=True)}
    assert (by_item["a1"]["category_id"], by_item["a1"]["outcome"]) == (PANS, "placed")
    assert by_item["a1"]["reasons"] == ["move_held", "sticky"]
    assert "stays in Pans; the model would move it to Hoses" in by_item["a1"]["sentence"]
