"""Taking back what is no night: a promotion, corrections; on a workspace whose every answer is known."""

import json
from pathlib import Path

import pytest
from hand_made import KETTLES, PANS, hand_made

from catalog.errors import CatalogError
from catalog.placement import ledger
from catalog.publishing import views
from pipelines import correct, promote, runs
from pipelines.session import Session, opened

ANNA = runs.By("anna", "a mistake")


@pytest.fixture
def session(tmp_path: Path):
    workspace, store = hand_made(tmp_path)
    store.execute("UPDATE models SET facts = ?", [json.dumps({"kind": "foreign", "name": "llm"})])
    views.create(store)
    store.close()
    with opened(workspace.root) as found:
        yield found


def undo(session: Session, run_id: str) -> list[str]:
    with session.single("runs undo", run_id) as job:
        found = runs.plan(job, run_id)
        runs.undo(job, found, ANNA)
    return found.lines()


def test_a_promotion_is_taken_back_unless_another_came_after(session: Session) -> None:
    ids = []
    for model in ("m1", "m2"):
        with session.single("promote", model) as job:
            promote.run(job, model, reason="compared")
            ids.append(job.run_id)
    with pytest.raises(CatalogError, match="Another model was promoted after"):
        undo(session, ids[0])
    assert undo(session, ids[1]) == ["model         m1 serves again from the next night on"]
    assert ledger.current_model(session.store) == "m1"
    assert session.workspace.current_model.read_text().strip() == "m1"


def test_corrections_are_taken_back_and_the_word_before_stands(session: Session, tmp_path: Path) -> None:
    (tmp_path / "wrong.csv").write_text(f"vendor,item_id,category\nacme,a2,{KETTLES}\n")
    with session.single("correct") as job:
        correct.run(job, tmp_path / "wrong.csv", who="bo")
        run_id = job.run_id
    said = "SELECT category_id FROM standing_decisions WHERE vendor = 'acme' AND item_id = 'a2'"
    assert session.store.one(said) == KETTLES
    state = ledger.state_key(session.store, session.settings)
    (line,) = undo(session, run_id)
    assert line.startswith("answers       those of import ")
    assert session.store.one(said) == PANS
    assert ledger.state_key(session.store, session.settings) != state  # the next night has something to do
    with pytest.raises(CatalogError, match="nothing of run"):
        undo(session, run_id)
    assert "taken back  answers" in runs.detail(session.store, run_id)
    assert "taken back by anna" in runs.listed(session.store)


def test_an_open_run_is_finished_first(session: Session) -> None:
    with pytest.raises(CatalogError, match="has not ended"):
        undo(session, "000004-dddd")
