"""Standing placements judged anew on purpose: shown first, let move by name, moved once, and by nothing else."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hand_made import HOSES, PANS, PUZZLES, hand_made, hour, job, rows
from test_gate import POLICY, says
from typer.testing import CliRunner

from catalog.jobs import Job
from catalog.placement import ledger
from catalog.placement.reclassification import Part
from catalog.publishing import views
from catalog.settings import Routing, Settings
from pipelines import reclassify, route
from pipelines.cli import app
from pipelines.runs import By


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Job]:
    """m3 serves and is certified; of a1, which stands at pans, it says hoses, and leaves 12% to pans; b1 it leaves in place."""
    workspace, store = hand_made(tmp_path)
    with store:
        work = job(workspace, store)
        rows(store, "models", {"model_id": "m3", "facts": "{}"})
        rows(store, "promotions", {"model_id": "m3", "seq": 3, "action": "promote", "promoted_at": hour(30)})
        rows(store, "policies", {
            "policy_id": POLICY.policy_id, "body": json.dumps(POLICY.to_dict()), "certificate_id": "c9", "seq": 9,
            "model_id": "m3", "settings_hash": work.settings.routing_hash, "created_at": hour(30),
        })  # fmt: skip
        views.create(store)
        says(work, "a1", HOSES, others=0.12)
        store.execute(
            "UPDATE predictions SET top_ids = ?, top_log_odds = [2.0, -2.0], log_odds = 2.0 "
            "WHERE model_id = 'm3' AND input_hash = 'in-a1'",
            [[HOSES, PANS]],
        )
        says(work, "b1", PUZZLES)
        route.run(work)
        yield work


def stands(work: Job) -> dict[str, str]:
    return dict(
        work.store.query("SELECT item_id, category_id FROM standing_routes WHERE category_id IS NOT NULL").rows()
    )


def test_what_only_stickiness_keeps_is_shown_and_moves_when_somebody_says_so(place: Job) -> None:
    assert stands(place)["a1"] == PANS
    key, by = ledger.state_key(place.store, place.settings), By("anna", "looked at them")
    shown = reclassify.run(place, Part(), None)
    assert "1 from Home > Kitchen > Pans to Home > Garden > Hoses" in shown.text()
    assert reclassify.run(place, Part(vendor="bolt"), by).items.is_empty()
    assert reclassify.run(place, Part(node="Toys"), by).items.is_empty()
    assert ledger.state_key(place.store, place.settings) == key and route.run(place) == 0
    assert reclassify.run(place, Part("acme", "Home > Kitchen"), by).items["item_id"].to_list() == ["a1"]
    assert ledger.state_key(place.store, place.settings) != key  # the next night has something to do
    assert route.run(place) == 1
    assert stands(place)["a1"] == HOSES and stands(place)["b1"] == PUZZLES
    assert route.run(place) == 0  # the word is used up
    moved = place.store.query("SELECT item_id, from_id, to_id FROM moved_items ORDER BY moved_at DESC LIMIT 1").rows()
    assert moved == [("a1", PANS, HOSES)]


def test_the_limit_of_a_night_does_not_hold_it_back_but_rules_do(place: Job) -> None:
    night = replace(place, settings=Settings(routing=Routing(max_moves=0.0)))
    reclassify.run(night, Part(), By("anna"))
    protected = 'kind = "never_automate"\nnode = "Home > Garden"\nowner = "anna"\nsince = 2026-01-01\nwhy = "heavy"\n'
    (place.workspace.root / "policy.toml").write_text(f'[[rule]]\nid = "no-garden"\n{protected}')
    route.run(night)
    assert stands(place)["a1"] == PANS
    (place.workspace.root / "policy.toml").write_text("")
    reclassify.run(night, Part(), By("anna"))
    route.run(night)
    assert stands(place)["a1"] == HOSES


def test_the_command_only_shows_without_a_name_and_refuses_what_is_no_category(place: Job) -> None:
    place.store.close()

    def said(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["reclassify", *words, "--workspace", str(place.workspace.root)])
        return result.exit_code, result.output or str(result.exception)

    code, shown = said()
    assert code == 0 and "a1 version 2" in shown and "Nothing was changed" in shown
    assert "names no category" in said("--node", "Nowhere")[1]
    assert "1 items may move in the next night" in said("--by", "anna")[1]
