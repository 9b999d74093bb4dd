"""Values as they stand in the tables after a night: new columns, their types, and the language of new text only."""

import json
from pathlib import Path

import pytest

from catalog.deliveries.inbox import pending
from catalog.jobs import Job, start_run
from catalog.publishing import views
from catalog.settings import Settings, Workspace
from catalog.store import Store
from pipelines import ingest

ENGLISH = "This table lamp gives a warm light and stands firmly on every desk in the house"
GERMAN = "Diese Lampe gibt ein warmes Licht und steht sicher auf jedem Schreibtisch im Haus"
HEADER = "item_id,title,price,availability,image\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    found = Workspace(tmp_path)
    for folder in found.folders:
        folder.mkdir(parents=True)
    (found.feeds / "acme").mkdir()
    return found


def night(workspace: Workspace, store: Store, rows: str) -> None:
    (workspace.feeds / "acme" / "items.csv").write_text(HEADER + rows, encoding="utf-8")
    views.create(store)
    counts = ingest.run(Job(workspace, Settings(), store, start_run(store, "nightly", "k" * 8)), pending(workspace))
    assert counts == {"accepted": 1}


def test_values_at_rest(workspace: Workspace) -> None:
    (workspace.vendors / "acme.toml").write_text('format = "csv"\n[rules]\nrepair_mojibake = true\n')
    with Store.open(workspace.work_db) as store:
        night(workspace, store, "1,CafÃ© lamp,1.299,in stock,a.jpg|b.jpg\n2,Lamp,5,soon,\n")
        found = store.query(
            "SELECT title, price::DOUBLE, availability, images, flags, raw_text, language FROM items ORDER BY item_id"
        ).rows()
    raw = json.dumps({"title": "CafÃ© lamp"}, ensure_ascii=False)
    flags = ["repaired_mojibake", "ambiguous_price"]
    assert found == [
        ("Café lamp", 1.299, "in_stock", ["a.jpg", "b.jpg"], flags, raw, None),
        ("Lamp", 5.0, None, [], ["unknown_availability"], None, None),
    ]


def test_a_new_price_keeps_the_language_and_new_text_gets_its_own(workspace: Workspace) -> None:
    versions = "SELECT price::DOUBLE, language FROM items ORDER BY created_at, price"
    with Store.open(workspace.work_db) as store:
        night(workspace, store, f"1,{ENGLISH},5,,\n")
        assert store.query(versions).rows() == [(5.0, "en")]
        # Another word for it where the text is known shows that nothing is detected again.
        store.execute("UPDATE items SET language = 'known'")
        night(workspace, store, f"1,{ENGLISH},6,,\n2,{GERMAN},7,,\n")
        assert store.query(versions).rows() == [(5.0, "known"), (6.0, "known"), (7.0, "de")]
