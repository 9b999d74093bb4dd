"""A shop's existing placements, taken over: they stand and are published, nobody is asked about them, and no model moves them."""

import csv
import random
from pathlib import Path

import pytest
from conftest import FIELDS, SHELVES, product, write
from short_nights import short_night
from typer.testing import CliRunner

from catalog.publishing.reader import query_published
from catalog.settings import Workspace
from pipelines import route
from pipelines.cli import app
from pipelines.session import opened

pytestmark = pytest.mark.train


def test_the_first_nights_ask_for_what_is_new_or_surely_contradicted_alone(
    workspace_copy: Path, tmp_path: Path
) -> None:
    rng, place, shelves = random.Random(31), workspace_copy, list(SHELVES)
    filed = [product(rng, 20_000 + n) for n in range(60)]
    for row in filed[:5]:  # as their owner wants them, whatever a model thinks
        row["category_path"] = shelves[shelves.index(row["category_path"]) - 1]
    write(tmp_path / "filed.csv", filed, FIELDS)
    result = CliRunner().invoke(
        app,
        ["labels", "import", str(tmp_path / "filed.csv"), "--vendor", "acme", "-w", str(place)],
        catch_exceptions=False,
    )
    assert result.exit_code == 0, result.output
    short_night(place)
    published = Workspace(place).published_db

    def stands() -> dict[str, str]:
        sql = "SELECT item_id, path FROM current_category WHERE vendor = 'acme' AND decided_by = 'label'"
        return dict(query_published(published, sql).rows())

    waits = "SELECT item_id, reason FROM review_backlog WHERE vendor = 'acme' ORDER BY item_id"
    wanted = {row["item_id"]: row["category_path"] for row in filed}
    assert stands() == wanted and query_published(published, waits).is_empty()

    # then its file comes: prices change, one product becomes another, three are new and say nothing
    other = next(row for row in filed[5:] if row["category_path"] != filed[-1]["category_path"])
    told = {name: other[name] for name in ("title", "description")}
    cheaper = [row | {"price": "1.00"} for row in filed[:-1]]
    new = [product(rng, 30_000 + n, vague=True) for n in range(3)]
    (place / "feeds" / "acme").mkdir()
    write(place / "feeds" / "acme" / "2026-01-01.csv", [*cheaper, filed[-1] | told, *new], FIELDS[:-1])
    short_night(place)
    doubted = filed[-1]["item_id"]
    assert stands() == wanted  # what is doubted too, until somebody answers: the shop has nothing to apply
    assert query_published(published, "SELECT * FROM changes WHERE action <> 'set' AND vendor = 'acme'").is_empty()
    asked = dict(query_published(published, waits).rows())
    assert asked.pop(doubted) == "contradicts_decision"
    assert set(asked) <= {row["item_id"] for row in new}

    # an outcome of an earlier version, which took what is doubted out of the catalogue, is settled once more
    with opened(place) as session:
        session.store.execute(
            "UPDATE routes SET outcome = 'review' WHERE vendor = 'acme' AND reason = 'contradicts_decision'"
        )
        assert route.due(session.job("000009-upgraded"), off=False) == 1
    # the answer ends it, one way or the other
    sheet = next(path for path in (place / "review" / "outbox").glob("*.csv") if f",{doubted}," in path.read_text())
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        rows = [row | {"category": wanted[doubted]} for row in csv.DictReader(file) if row["item_id"] == doubted]
    write(tmp_path / "answered.csv", rows, list(rows[0]))
    answered = ["review", "import", str(tmp_path / "answered.csv"), "--reviewer", "anna", "-w", str(place)]
    assert CliRunner().invoke(app, answered, catch_exceptions=False).exit_code == 0
    short_night(place)
    assert doubted not in dict(query_published(published, waits).rows())
    now = f"SELECT path, decided_by FROM current_category WHERE vendor = 'acme' AND item_id = '{doubted}'"
    assert query_published(published, now).row(0) == (wanted[doubted], "person")
