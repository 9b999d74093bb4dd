"""The published file: complete, checked, swapped in by one rename, never half seen."""

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hand_made import RUN, a_pair_that_waits, busy, hand_made, hour, job, rows
from polars.testing import assert_frame_equal
from typer.testing import CliRunner

from catalog.errors import CatalogError
from catalog.jobs import program_version
from catalog.publishing import publication, views
from catalog.publishing.publication import Edition
from catalog.publishing.reader import query_published
from catalog.settings import Review, Settings
from pipelines import publish
from pipelines.cli import app
from tests.crashing import children

READER = """
import sys, time
from pathlib import Path
from catalog.publishing.reader import reading
file, stop, seen, reads = Path(sys.argv[1]), Path(sys.argv[2]), set(), 0
while not stop.exists():
    with reading(file) as reader:
        runs = reader.query("SELECT run_id FROM freshness").rows()
        a1 = reader.query("SELECT path, title FROM current_category WHERE item_id = 'a1'").rows()
        again = reader.query("SELECT run_id FROM freshness").rows()
    assert len(runs) == 1 and runs == again, (runs, again)
    assert a1 == [("Home > Kitchen > Pans", "title of " + runs[0][0])], (runs, a1)
    seen.add(runs[0][0])
    reads += 1
    print(runs[0][0], flush=True)
    time.sleep(0.01)  # the publications need the processor too
"""


@pytest.fixture
def place(tmp_path):
    workspace, store = hand_made(tmp_path)
    yield workspace, store
    store.close()


def test_publish_counts_its_views_and_records_itself(place):
    workspace, store = place
    expected = {
        "live_items": 7, "current_category": 6, "review_backlog": 1, "predictions_current": 4, "training_examples": 4,
        "waiting_answers": 1,
    }  # fmt: skip
    counts = publish.run(job(workspace, store))
    hours = (counts.pop("waiting_median_hours"), counts.pop("waiting_oldest_hours"))
    assert counts == expected and hours[0] == hours[1] > 24  # one item waits
    [row] = store.query("SELECT run_id, counts, sha256 FROM publications").rows()
    assert row[0] == RUN[4] and len(row[2]) == 64


def test_every_view_answers_as_it_does_in_the_work_database(place):
    workspace, store = place
    busy(store)
    a_pair_that_waits(store)
    named = Settings(review=Review(names="names"))
    publish.run(replace(job(workspace, store), settings=named))
    for view in views.standing() + views.questions():
        ours = store.query(f"SELECT * FROM {view.name} ORDER BY ALL")
        theirs = query_published(workspace.published_db, f"SELECT * FROM {view.name} ORDER BY ALL")
        assert_frame_equal(theirs, ours)  # sums of fractions may differ in the last digit
        assert theirs.columns == ours.columns
        assert theirs.height > 0, f"{view.name} is empty here: its test could not fail"


def test_freshness_names_the_run_and_what_serves(place):
    workspace, store = place
    publish.run(job(workspace, store))
    [row] = query_published(workspace.published_db, "SELECT * EXCLUDE (published_at, version) FROM freshness").rows()
    assert row == (RUN[4], "m2", "p2", "tax1", "1.3")


def test_the_file_is_read_only_and_stands_alone(place, tmp_path):
    workspace, store = place
    publish.run(job(workspace, store))
    assert workspace.published_db.stat().st_mode & 0o777 == 0o444
    assert [p.name for p in workspace.published.iterdir() if p.name != "changes"] == ["catalog.duckdb"]
    moved = tmp_path / "elsewhere.duckdb"
    moved.write_bytes(workspace.published_db.read_bytes())
    assert query_published(moved, "SELECT count(*) FROM current_category").item() == 6


def test_older_clients_can_open_the_file(place):
    workspace, store = place
    publish.run(job(workspace, store))
    tags = query_published(
        workspace.published_db, "SELECT tags::VARCHAR FROM duckdb_databases() WHERE NOT internal"
    ).item()
    assert "v1.5.0" in tags
    schema = query_published(workspace.published_db, "SELECT schema_version FROM freshness").item()
    said = CliRunner().invoke(app, ["--version"])
    program = f"feedshelf {program_version()}; publishes DuckDB storage v1.5.0, schema {schema}\n"
    assert (said.exit_code, said.output) == (0, program)


def test_an_unfinished_file_of_a_killed_publish_is_removed(place):
    workspace, store = place
    for name in (".tmp-000002-bbbb.duckdb", ".tmp-000002-bbbb.duckdb.wal"):
        (workspace.published / name).write_text("half")
    publish.run(job(workspace, store))
    assert list(workspace.published.glob(".tmp-*")) == []


def test_publishing_twice_ends_the_same(place):
    workspace, store = place
    publish.run(job(workspace, store))
    sql = "SELECT * FROM current_category ORDER BY ALL"
    first = query_published(workspace.published_db, sql)
    publish.run(job(workspace, store))
    assert query_published(workspace.published_db, sql).equals(first)


def _nothing_changed(workspace, before: bytes) -> None:
    assert workspace.published_db.read_bytes() == before
    assert list(workspace.published.glob(".tmp-*")) == []


def test_a_fenced_run_leaves_the_old_file(place):
    workspace, store = place
    publish.run(job(workspace, store))
    before = workspace.published_db.read_bytes()

    def taken_over() -> None:
        raise CatalogError("Another run took over.", remedy="Nothing to do.")

    with pytest.raises(CatalogError, match="took over"):
        publish.run(job(workspace, store), fence=taken_over)
    _nothing_changed(workspace, before)
    assert store.one("SELECT count(*) FROM publications") == 1


BREAKS = {
    "rows of a run do not add up": lambda store: store.execute("DELETE FROM routes WHERE item_id = 'a5'"),
    "an item stands in two categories": lambda store: store.execute(
        "INSERT INTO items SELECT * FROM items WHERE item_id = 'b1'"
    ),
    "an item waits twice in the backlog": lambda store: store.execute(
        "INSERT INTO items SELECT * FROM items WHERE item_id = 'a5'"
    ),
    "an item has two current predictions": lambda store: store.execute(
        "INSERT INTO predictions SELECT * FROM predictions WHERE input_hash = 'in-b1'"
    ),
}


@pytest.mark.parametrize("rule", BREAKS)
def test_a_broken_invariant_keeps_the_old_file(place, rule):
    workspace, store = place
    publish.run(job(workspace, store))
    before = workspace.published_db.read_bytes()
    BREAKS[rule](store)
    with pytest.raises(CatalogError, match=rule):
        publish.run(job(workspace, store))
    _nothing_changed(workspace, before)


def test_a_lost_row_breaks_the_balance(place):
    workspace, store = place
    store.execute("DELETE FROM sightings WHERE item_id = 'b1'")
    with pytest.raises(CatalogError, match=r"do not add up \(000001-aaaa bolt: 2 rows in, 1 settled\)"):
        publish.run(job(workspace, store))


def test_the_work_database_is_as_it_was_after_a_failed_publish(place):
    workspace, store = place
    store.execute("DELETE FROM sightings WHERE item_id = 'b1'")
    with pytest.raises(CatalogError):
        publish.run(job(workspace, store))
    assert store.one("SELECT current_database()") == "work"
    assert store.query("SELECT database_name FROM duckdb_databases() WHERE NOT internal").rows() == [("work",)]
    rows(store, "workspace", {"workspace_id": "still writable"})
    assert store.one("SELECT count(*) FROM workspace") == 2


def test_an_empty_workspace_publishes_empty_views(tmp_path):
    workspace, store = hand_made(tmp_path)
    for (table,) in store.query("SELECT table_name FROM duckdb_tables() WHERE table_name <> 'schema_version'").rows():
        store.execute(f"DELETE FROM {table}")
    counts = publish.run(job(workspace, store))
    store.close()
    assert set(counts.values()) == {0}
    assert query_published(workspace.published_db, "SELECT level_1 FROM current_category").height == 0
    assert query_published(workspace.published_db, "SELECT run_id, model_id FROM freshness").rows() == [(RUN[4], None)]


def test_every_write_has_a_failpoint_before_it(place, tmp_path):
    workspace, store = place
    store.close()
    code = (
        "from pathlib import Path\n"
        "from catalog.settings import Workspace; from catalog.store import Store\n"
        "from tests.hand_made import job; from pipelines import publish\n"
        f"place = Workspace(Path({str(workspace.root)!r}))\n"
        "with Store.open(place.work_db) as store: publish.run(job(place, store))\n"
    )
    points = tmp_path / "points"
    with children(tmp_path) as process:
        assert process.run(code=code) == 0, process.said
        assert process.run(code=code, log=points) == 0, process.said  # with what the one before left to be taken over
        names = [name for name in points.read_text().split() if name.startswith("publish.")]
        assert len(names) >= 6
        first = workspace.published_db.read_bytes()
        # every eighth point, and every one of the last five, where the file is finished and swapped in
        for nth in sorted({*range(1, len(names), 8), *range(len(names) - 4, len(names) + 1)}):
            assert process.run(code=code, point=f"publish.:{nth}") == -signal.SIGKILL, names[nth - 1]
            if nth < len(names):
                assert workspace.published_db.read_bytes() == first, names[nth - 1]
        assert process.run(code=code) == 0, process.said
    assert query_published(workspace.published_db, "SELECT count(*) FROM current_category").item() == 6
    assert list(workspace.published.glob(".tmp-*")) == []


def test_readers_see_one_publication_and_never_a_mix(place, tmp_path):
    workspace, store = place

    def edition(number: int) -> None:
        run_id = f"{number:06d}-loop"
        store.execute("UPDATE items SET title = ? WHERE item_id = 'a1'", [f"title of {run_id}"])
        publication.publish(store, workspace.published_db, Edition(run_id, hour(number)))

    edition(10)
    script, stop = tmp_path / "reader.py", tmp_path / "stop"
    script.write_text(READER)
    environment = {"PYTHONPATH": str(Path(__file__).parents[1]), "PATH": "/usr/bin:/bin"}
    with subprocess.Popen(
        [sys.executable, str(script), str(workspace.published_db), str(stop)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as reader:  # fmt: skip
        assert reader.stdout is not None
        assert reader.stdout.readline().strip() == "000010-loop"
        for number in range(11, 15):
            edition(number)
            reader.stdout.readline()  # the reader has read again since
        stop.touch()
        out, err = reader.communicate(timeout=60)
    assert reader.returncode == 0, err
    seen = pl.Series(out.split()).unique().to_list()
    assert seen and all(name.endswith("-loop") for name in seen)
    assert out.split()[-1] in {"000013-loop", "000014-loop"}
