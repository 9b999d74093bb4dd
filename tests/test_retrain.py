"""Training unattended: what was said since is learned, a refusal fails no night, what was killed is finished."""

import shutil
import signal
import sys
from datetime import timedelta
from pathlib import Path
from subprocess import run as process

import pytest
from short_nights import short_night

from catalog.jobs import now
from catalog.placement import ledger
from pipelines import correct, nightly, retrain, status
from pipelines.session import Session, opened
from tests.crashing import children

pytestmark = pytest.mark.train

LONG_AGO = "UPDATE {table} SET {column} = {column} - INTERVAL 30 DAY"


@pytest.fixture(scope="module")
def due(learned: Path, shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace after a night, whose model is a month old and whose labels are not."""
    place = Path(shutil.copytree(learned, tmp_path_factory.mktemp("due") / "ws"))
    (place / "feeds" / "acme").mkdir()
    shutil.copy(shop / "first.csv", place / "feeds" / "acme" / "2026-01-01.csv")
    short_night(place)
    with opened(place) as session:
        months_pass(session)
        said(session)
    return place


@pytest.fixture
def place(due: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(due, tmp_path / "ws"))


def months_pass(session: Session) -> None:
    for table, column in (("models", "trained_at"), ("runs", "started_at"), ("retrainings", "said_at")):
        session.store.execute(LONG_AGO.format(table=table, column=column))


def said(session: Session) -> None:
    """Somebody corrects an item."""
    item, category = session.store.query(
        "SELECT item_id, p.leaf_id FROM live_items JOIN predictions p USING (input_hash) WHERE vendor = 'acme' ORDER BY 1 LIMIT 1"
    ).row(0)
    file = session.workspace.root / "correct.csv"
    file.write_text(f"vendor,item_id,category\nacme,{item},{category}\n")
    with session.single("correct") as job:
        correct.run(job, file, who="anna")


def test_nothing_is_due_before_time_or_without_a_new_word(place: Path) -> None:
    with opened(place) as session:
        assert retrain.due(session.store, "weekly") and retrain.due(session.store, "daily")
        assert not retrain.due(session.store, "monthly") or retrain.EVERY["monthly"] < timedelta(days=30)
        session.store.execute("DELETE FROM decisions WHERE source = 'correction'")
        assert not retrain.due(session.store, "daily")


def test_what_was_killed_is_finished_by_the_next_night_without_training_again(place: Path, tmp_path: Path) -> None:
    with children(tmp_path) as process:
        killed = process.run("nightly", "--retrain", "weekly", "-w", place, point="retrain.evaluated:1")
        assert killed == -signal.SIGKILL, process.said
    with opened(place) as session:
        assert session.store.query("SELECT step FROM retrainings ORDER BY seq")["step"].to_list() == [
            "begun",
            "trained",
        ]
        assert retrain.due(session.store, "monthly")
        trained = session.store.one("SELECT count(*) FROM models")
        found = nightly.run(session, retraining="weekly").retraining
        steps = session.store.query("SELECT step, outcome, model_id FROM retrainings ORDER BY seq").rows()
        assert [step for step, *_ in steps] == ["begun", "trained", "ended"]
        assert session.store.one("SELECT count(DISTINCT retraining_id) FROM retrainings") == 1
        assert session.store.one("SELECT count(*) FROM models") == trained
        assert found is not None and f"{steps[1][2]} {steps[2][1]}: " in found
        assert steps[2][1] in {"promoted", "refused"}
        assert (ledger.current_model(session.store) == steps[1][2]) == (steps[2][1] == "promoted")
        assert not retrain.due(session.store, "weekly")


@pytest.mark.parametrize(("since", "outcome"), [("before its model was promoted", "promoted"), ("after", "unchanged")])
def test_a_promotion_that_was_killed_before_its_pointer_is_finished(place: Path, since: str, outcome: str) -> None:
    pointer = place / "models" / "current"
    with opened(place) as session:
        serving = str(ledger.current_model(session.store))
        begun = session.store.one("SELECT max(promoted_at) FROM promotions") + timedelta(
            hours=-1 if "before" in since else 1
        )
        for seq, (step, model_id) in enumerate([("begun", None), ("trained", serving)], start=1):
            row = {"seq": seq, "step": step, "model_id": model_id, "said_at": begun}
            session.store.append_row("retrainings", retraining_id="left", **row)
        pointer.unlink()
        assert f"{serving} {outcome}: it " in retrain.run(session)
        assert pointer.read_text() == f"{serving}\n"


@pytest.mark.slow  # trains, and runs the command in a process of its own
def test_a_refusal_is_a_line_for_a_person_and_the_night_is_as_good_as_any(place: Path) -> None:
    with opened(place) as session:
        serving = ledger.current_model(session.store)
        # what serves is worse at nothing: a candidate of 60 labels cannot be better
        session.store.execute("DELETE FROM decisions WHERE source = 'label' AND seq > 120")
    command = [sys.executable, "-m", "pipelines.cli", "nightly", "--retrain", "weekly", "-w", str(place)]
    night = process(command, check=False, capture_output=True, text=True)
    assert night.returncode == 0, night.stderr
    (line,) = [line for line in night.stdout.splitlines() if line.startswith("retraining")]
    assert "refused: it" in line
    assert line in status.text(place)
    with opened(place) as session:
        assert ledger.current_model(session.store) == serving
        assert session.store.one("SELECT status FROM run_ends ORDER BY ended_at DESC LIMIT 1") == "done"
        assert not retrain.due(session.store, "weekly")


def test_too_few_labels_fail_no_night(place: Path) -> None:
    with opened(place) as session:
        session.store.execute("DELETE FROM decisions WHERE source = 'label' AND seq > 5")
        # one that was killed while it trained: the same one goes on
        session.store.append_row("retrainings", seq=1, retraining_id="left", step="begun")
        found = nightly.run(session, retraining="daily")
        assert session.store.query("SELECT retraining_id, step FROM retrainings ORDER BY seq").rows()[1:] == [
            ("left", "ended")
        ]
        assert found.retraining is not None and " failed: " in found.retraining
        assert retrain.attention(session.store) == [found.retraining]
        session.store.append_row("promotions", seq=1_000, model_id="by hand", promoted_at=now())
        assert retrain.attention(session.store) == []


def test_a_refusal_of_many_lines_is_one_that_names_where_it_stands_in_full(place: Path) -> None:
    said = "Refused: 6 of 925 items placed by a model would move, 0 go further down.\n2 from Mugs to Pans\n    acme a1 mug\nAllowed are 0.5%."
    with opened(place) as session:
        facts = {"retraining_id": "t", "step": "ended", "outcome": "refused", "model_id": "m9", "said_at": now()}
        session.store.append_row("retrainings", seq=1_000, sentence=said, **facts)
        (line,) = retrain.attention(session.store)
    assert line.endswith(
        "m9 refused: 6 of 925 items placed by a model would move, 0 go further down; catalog promote m9 says it in full"
    )
