"""The whole flow on one page: labels teach a model, a vendor delivers twice, a reviewer decides, analysts ask."""

import csv
import json
from pathlib import Path

import pytest

from catalog.publishing import ask
from catalog.settings import Workspace
from pipelines import labels, nightly, review, taxonomy, train, workspace
from pipelines.session import opened

pytestmark = pytest.mark.train


def rows(place: Workspace, query: str) -> list[dict]:
    return json.loads(ask.ask(place, query, output="json"))


def test_from_feed_to_shelf_and_back(shop: Path, tmp_path: Path) -> None:
    place = workspace.init(tmp_path / "shop")
    place.settings_file.write_text((shop / "catalog.toml").read_text())

    # a hierarchy and products that already have their category
    with opened(place.root) as session:
        with session.single("taxonomy") as job:
            taxonomy.run(job, shop / "labels.csv")
        with session.single("labels") as job:
            labels.run(job, shop / "labels.csv", vendor="history", random=True)
        with session.single("train") as job:
            model = train.run(job)

    # the first night
    inbox = place.feeds / "acme"
    inbox.mkdir()
    (inbox / "2026-01-01.csv").write_bytes((shop / "first.csv").read_bytes())
    with opened(place.root) as session:
        first = nightly.run(session)
    (summary,) = rows(place, f"SELECT * FROM run_summary WHERE vendor = 'acme' AND run_id = '{first.run_id}'")
    outcomes = ("placed", "placed_at_parent", "review", "decided", "duplicate", "quarantine")
    assert summary["rows_in"] == sum(summary[name] for name in outcomes) > 0
    assert summary["placed"] > 0
    assert summary["review"] > 0
    assert {row["model_id"] for row in rows(place, "SELECT DISTINCT model_id FROM predictions_current")} == {model}

    # the same night again does nothing
    before = place.published_db.read_bytes()
    with opened(place.root) as session:
        assert nightly.run(session).run_id is None
    assert place.published_db.read_bytes() == before

    # a reviewer settles one item in a spreadsheet
    (sheet,) = place.outbox.glob("*.csv")
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    lines[0]["decision"] = "2"
    answered = place.inbox / "answered.csv"
    with answered.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, lines[0].keys())
        writer.writeheader()
        writer.writerows(lines)
    with opened(place.root) as session, session.single("review import") as job:
        report = review.import_sheet(job, answered, reviewer="anna")
    assert not report.problems

    # the second night: a changed price recomputes nothing, a new item is classified, the decision stands
    (inbox / "2026-01-02.csv").write_bytes((shop / "second.csv").read_bytes())
    with opened(place.root) as session:
        second = nightly.run(session)
        assert session.store.one("SELECT count(*) FROM predictions WHERE run_id = ?", [second.run_id]) == 1
    (decided,) = rows(
        place, f"SELECT * FROM current_category WHERE vendor = 'acme' AND item_id = '{lines[0]['item_id']}'"
    )
    assert decided["decided_by"] == "person"
    assert decided["path"] == lines[0]["candidate_2"]
    (freshness,) = rows(place, "SELECT run_id FROM freshness")
    assert freshness["run_id"] == second.run_id
