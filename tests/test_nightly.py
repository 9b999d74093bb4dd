"""The night as a whole: repeatable, in order, safe beside readers, one at a time."""

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest
from conftest import SHELVES
from short_nights import short_night

from catalog.errors import Busy, CatalogError
from catalog.lock import hold
from catalog.publishing import ask
from catalog.publishing.reader import query_published
from catalog.settings import Workspace
from pipelines import correct
from pipelines.session import opened
from tests.hostile_pictures import JPEG
from tests.picture_server import content, served

pytestmark = pytest.mark.train


def deliver(place: Path, source: Path, name: str, vendor: str = "acme") -> None:
    inbox = place / "feeds" / vendor
    inbox.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, inbox / name)


@pytest.fixture(scope="module")
def first_night(learned: Path, shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace after the night of first.csv."""
    place = Path(shutil.copytree(learned, tmp_path_factory.mktemp("first") / "ws"))
    deliver(place, shop / "first.csv", "2026-01-01.csv")
    short_night(place)
    return place


@pytest.fixture
def place(first_night: Path, tmp_path: Path) -> Path:
    """A copy of it of one's own."""
    return Path(shutil.copytree(first_night, tmp_path / "after"))


def state(place: Path) -> list[dict]:
    query = (
        "SELECT c.vendor, c.item_id, c.title, c.path, c.outcome FROM current_category c "
        "WHERE vendor = 'acme' ORDER BY item_id"
    )
    return json.loads(ask.ask(Workspace(place), query, output="json"))


def prices(place: Path) -> dict[str, str]:
    with opened(place) as session:
        found = session.store.query(
            "SELECT item_id, price FROM live_items JOIN items USING (vendor, item_id, row_hash) WHERE vendor = 'acme'"
        )
    return {row["item_id"]: str(row["price"]) for row in found.iter_rows(named=True)}


def test_a_b_a_ends_at_a(place: Path, shop: Path) -> None:
    first, first_prices = state(place), prices(place)
    deliver(place, shop / "second.csv", "2026-01-02.csv")
    short_night(place)
    assert prices(place) != first_prices
    deliver(place, shop / "first.csv", "2026-01-03.csv")
    short_night(place)
    assert prices(place) == first_prices
    assert state(place) == first


def test_counts_balance_per_vendor(workspace_copy: Path, shop: Path) -> None:
    broken = shop / "first.csv"
    text = broken.read_text().splitlines()
    text.insert(3, text[2])  # the same row twice
    text.insert(5, "99999,ragged,too,many,1.0,cells,here")
    file = workspace_copy / "broken.csv"
    file.write_text("\n".join(text) + "\n")
    deliver(workspace_copy, file, "2026-01-01.csv")
    run = short_night(workspace_copy)
    (row,) = json.loads(
        ask.ask(Workspace(workspace_copy), f"SELECT * FROM run_summary WHERE run_id = '{run}'", output="json")
    )
    outcomes = ("placed", "placed_at_parent", "review", "decided", "duplicate", "quarantine")
    assert row["rows_in"] == 122 == sum(row[name] for name in outcomes)
    assert (row["duplicate"], row["quarantine"]) == (1, 1)
    rejects = json.loads(ask.ask(Workspace(workspace_copy), "SELECT * FROM rejects_by_rule", output="json"))
    assert [r["example_line"] for r in rejects] == [6]


def test_a_changed_target_routes_again_without_inference(place: Path, shop: Path) -> None:
    settings = place / "catalog.toml"
    settings.write_text(settings.read_text().replace("target = 0.9", "target = 0.999"))
    run = short_night(place)
    with opened(place) as session:
        assert session.store.one("SELECT count(*) FROM predictions WHERE run_id = ?", [run]) == 0
        assert session.store.one("SELECT count(*) FROM routes WHERE run_id = ?", [run]) > 0


def test_a_refused_feed_leaves_the_others_and_shows_in_the_exit_status(workspace_copy: Path, shop: Path) -> None:
    deliver(workspace_copy, shop / "first.csv", "2026-01-01.csv")
    bad = workspace_copy / "bad.csv"
    bad.write_text("sku,name\n1,mug\n")
    deliver(workspace_copy, bad, "items.csv", vendor="borg")
    result = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", "nightly", "-w", str(workspace_copy)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        check=False,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 65
    assert "catalog feeds list" in result.stderr
    assert len(state(workspace_copy)) > 0


def test_what_the_model_placed_wrongly_is_corrected_and_counted_for_that_model(
    place: Path, shop: Path, tmp_path: Path
) -> None:
    published = Workspace(place).published_db
    found = query_published(published, "SELECT * FROM current_category WHERE outcome = 'placed' ORDER BY item_id")
    item, category, model = found.select("item_id", "category_id", "model_id").row(0)
    [path] = found.filter(item_id=item)["path"]
    other = next(shelf for shelf in SHELVES if shelf != path)
    wrong = tmp_path / "wrong.csv"
    wrong.write_text(f"vendor,item_id,category\nacme,{item},{other}\n")
    with opened(place) as session, session.single("correct") as job:
        assert correct.run(job, wrong).counts["errors"] == 1
    short_night(place)
    counted = "SELECT model_id, decided_by, category_id, reports, errors FROM corrections"
    assert query_published(published, counted).rows() == [(model, "model", category, 1, 1)]
    last = 'SELECT action, item_id, old_category_id, new_path, status FROM changes ORDER BY "cursor" DESC LIMIT 1'
    assert query_published(published, last).rows() == [("move", item, category, other, "decided")]


def test_one_run_at_a_time(workspace_copy: Path) -> None:
    with hold(Workspace(workspace_copy).lock), pytest.raises(Busy, match="process"), opened(workspace_copy):
        pass


def test_a_run_whose_lock_was_taken_over_may_not_publish(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    with hold(path) as lock:
        lock.check()
        path.unlink()
        path.touch()
        with pytest.raises(CatalogError, match="taken over"):
            lock.check()


def test_readers_see_one_run_in_every_read(place: Path, shop: Path) -> None:
    """Readers in a loop while four runs publish: each read is of one run, and every run is either seen or passed by."""
    published = [query_published(Workspace(place).published_db, "SELECT run_id FROM freshness").item()]
    file, seen, mixed, stop = place / "published" / "catalog.duckdb", set(), [], threading.Event()
    reader = """
import sys, time, duckdb
for _ in range(10_000):
    time.sleep(0.02)  # the nights need the processor too
    with duckdb.connect(sys.argv[1], read_only=True) as con:
        one = con.execute("SELECT run_id FROM freshness").fetchall()
        con.execute("SELECT count(*) FROM current_category").fetchone()
        two = con.execute("SELECT run_id FROM freshness").fetchall()
        newest = con.execute("SELECT max(run_id) FROM run_summary").fetchone()[0]
    print(one[0][0], two[0][0], newest, len(one), flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", reader, str(file)], stdout=subprocess.PIPE, text=True) as process:

        def collect() -> None:
            for line in process.stdout or []:
                one, two, newest, rows = line.split()
                seen.add(one)
                if not (one == two == newest and rows == "1"):
                    mixed.append(line)
                if stop.is_set():
                    break

        thread = threading.Thread(target=collect)
        thread.start()
        for number, name in enumerate(["second", "first", "second"]):
            deliver(place, shop / f"{name}.csv", f"2026-02-0{number + 1}.csv")
            published.append(short_night(place))
        stop.set()
        thread.join(timeout=60)
        process.kill()
    assert not mixed
    assert seen <= set(published)
    assert len(seen) > 1


def test_the_published_file_is_complete_and_read_only(place: Path, shop: Path) -> None:
    file = place / "published" / "catalog.duckdb"
    assert file.stat().st_mode & 0o777 == 0o444
    with duckdb.connect(str(file), read_only=True) as con:
        names = {n for (n,) in con.execute("SELECT table_name FROM information_schema.tables").fetchall()}
    assert names >= {
        "current_category",
        "review_backlog",
        "predictions_current",
        "run_summary",
        "rejects_by_rule",
        "training_examples",
        "moved_items",
        "gtin_conflicts",
        "freshness",
    }


def test_a_night_without_deliveries_still_asks_for_a_picture_that_failed(workspace_copy: Path, shop: Path) -> None:
    with served() as site:
        rows = (shop / "first.csv").read_text().splitlines()
        feed = [f"{rows[0]},image", *(f"{row},{site.url('/a.jpg')}" for row in rows[1:3])]
        (workspace_copy / "feed.csv").write_text("\n".join(feed) + "\n")
        deliver(workspace_copy, workspace_copy / "feed.csv", "2026-01-01.csv")
        with (workspace_copy / "catalog.toml").open("a") as file:
            file.write(f'\n[images]\nfetch = true\nports = [{site.port}]\nallow_hosts = ["127.0.0.1"]\n')
        assert short_night(workspace_copy) is not None
        assert pictures_seen(workspace_copy) == [("fetch_failed", False)] * 2
        assert short_night(workspace_copy) is None  # its pause is not over
        with opened(workspace_copy) as session:
            session.store.execute("UPDATE pictures SET fetched_at = fetched_at - INTERVAL 1 DAY")
        site.answers["/a.jpg"] = content(JPEG)
        assert short_night(workspace_copy) is not None
        assert pictures_seen(workspace_copy) == [("ok", True)] * 2
        assert short_night(workspace_copy) is None


def pictures_seen(place: Path) -> list[tuple[str, bool]]:
    """Of acme's items: what became of the picture, and whether the model saw it."""
    with opened(place) as session:
        return session.store.query(
            """SELECT i.image_status, p.has_image FROM live_items l JOIN items i USING (vendor, item_id, row_hash)
               JOIN predictions p ON p.input_hash = l.input_hash WHERE l.vendor = 'acme' ORDER BY l.item_id"""
        ).rows()
