"""Several at once: two runs, a run that slept, a run whose world changed, reviewers and a night."""

import csv
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import duckdb
import pytest

from catalog import sheets
from catalog.publishing.reader import query_published
from catalog.settings import Workspace
from tests.crashing import ROOT, Children, children
from tests.test_changes import OLD, Shop


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Children]]:
    """Three of them, that may work at once."""
    folders = [tmp_path_factory.mktemp("children") for _ in range(3)]
    with children(folders[0]) as one, children(folders[1]) as two, children(folders[2]) as three:
        yield [one, two, three]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """One night done, eight items wait for a person, and a second delivery in the inbox."""
    shop = Shop(tmp_path_factory.mktemp("prepared"))
    shop.taxonomy(OLD)
    shop.label(("acme", "a", "2"), ("acme", "b", "3"))
    shop.deliver("acme", "abcdefghij")
    shop.night()
    [sheet] = shop.place.outbox.glob("*.csv")
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        waiting = list(csv.DictReader(file))
    for name, items in (("anna", "cdef"), ("bob", "ghij")):
        rows = [row | {"category": "Kites" if row["item_id"] in items else ""} for row in waiting]
        (shop.root / f"{name}.csv").write_bytes(sheets.render(list(rows[0]), [list(row.values()) for row in rows]))
    shop.deliver("acme", "abcdefghijk")
    return shop


@pytest.fixture
def shop(prepared: Shop, tmp_path: Path) -> Shop:
    return prepared.copied(tmp_path / "shop")


def asleep(place: Workspace, point: str) -> subprocess.Popen[str]:
    """A night of its own process that was put to sleep at a point."""
    night = subprocess.Popen(
        [sys.executable, "-m", "pipelines.cli", "nightly", "-w", str(place.root)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "FEEDSHELF_FAILPOINT": f"{point}:1:STOP"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for _ in range(6000):
        if "T" in Path(f"/proc/{night.pid}/stat").read_text().rpartition(")")[2].split()[0]:
            return night
        assert night.poll() is None, night.communicate()
        time.sleep(0.02)
    raise AssertionError("it did not get there")


def woken(night: subprocess.Popen[str]) -> tuple[int, str]:
    night.send_signal(signal.SIGCONT)
    out, err = night.communicate(timeout=600)
    return night.returncode, out + err


def test_of_two_runs_at_once_one_is_refused(shop: Shop, processes: list[Children]) -> None:
    first = asleep(shop.place, "route.")
    try:
        for words in (("nightly",), ("correct", shop.root / "anna.csv"), ("review", "import", shop.root / "anna.csv")):
            assert processes[0].run(*words, "-w", shop.place.root) == 75
            assert f"process {first.pid} on {socket.gethostname()}" in processes[0].said
    finally:
        status, said = woken(first)
    assert status == 0, said
    assert processes[0].run("doctor", "--verify", "-w", shop.place.root) in (0, 1)
    assert "BROKEN" not in processes[0].said and "ok   decisions_applied" in processes[0].said


@pytest.mark.parametrize("point", ["publish.fence"])
def test_a_run_that_slept_while_another_published_changes_nothing(
    shop: Shop, processes: list[Children], point: str, tmp_path: Path
) -> None:
    """Its lock was removed, and another run, which the work database's own lock keeps out here, worked on a copy of it."""
    first = asleep(shop.place, point)
    try:
        shop.place.lock.unlink()
        other = shop.copied(tmp_path / "other")
        assert processes[0].run("nightly", "-w", shop.place.root) == 1 and "cannot be opened" in processes[0].said
        assert processes[0].run("nightly", "-w", other.place.root) == 0, processes[0].said
        newer = other.place.published_db.read_bytes()
        shutil.copy(other.place.published_db, shop.root / "newer.duckdb")
        (shop.root / "newer.duckdb").replace(shop.place.published_db)
    finally:
        status, said = woken(first)
    assert status == 1 and "taken over this workspace" in said
    assert shop.place.published_db.read_bytes() == newer
    assert [path.name for path in shop.place.published.iterdir() if path.name.startswith(".")] == []


def an_answer(shop: Shop, process: Children) -> None:
    assert process.run("review", "import", shop.root / "anna.csv", "-w", shop.place.root) == 0, process.said


def another_taxonomy(shop: Shop, process: Children) -> None:
    (shop.root / "new.csv").write_text(OLD + "8,4,Balls\n")
    assert process.run("taxonomy", "import", shop.root / "new.csv", "-w", shop.place.root) == 0, process.said


def another_model(shop: Shop, _: Children) -> None:
    with duckdb.connect(str(shop.place.work_db)) as con:
        con.execute("INSERT INTO models (model_id, facts) VALUES ('m1', ?)", ['{"kind": "foreign", "name": "other"}'])
        con.execute("INSERT INTO promotions (model_id, seq, action) VALUES ('m1', 1, 'promote')")
    shop.place.current_model.write_text("m1\n")


@pytest.mark.parametrize("swap", [an_answer, another_taxonomy, another_model])
def test_what_changes_under_a_stopped_run_makes_a_new_one(
    shop: Shop, processes: list[Children], swap: Callable[[Shop, Children], None]
) -> None:
    process = processes[0]
    assert process.run("nightly", "-w", shop.place.root, point="route.") == -signal.SIGKILL
    swap(shop, process)
    assert process.run("nightly", "-w", shop.place.root) == 0, process.said
    with duckdb.connect(str(shop.place.work_db), read_only=True) as con:
        [(stopped, heir)] = con.execute(
            "SELECT run_id, superseded_by FROM run_ends WHERE status = 'superseded'"
        ).fetchall()
        runs = con.execute("SELECT DISTINCT run_id FROM delivery_runs WHERE file_name = '2026-01-02.csv'").fetchall()
        assert stopped < heir and runs == [(heir,)]
    decided = {item for (_, item), category in shop.current().items() if category == "5"}
    assert decided == (set("cdef") if swap is an_answer else set())
    assert process.run("doctor", "--verify", "-w", shop.place.root) in (0, 1)
    assert "BROKEN" not in process.said


def at_once(works: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def two_nights(shop: Shop, processes: list[Children]) -> None:
    """Started in the same moment: one takes the delivery, the other is refused or finds nothing left to do."""
    statuses: dict[int, int] = {}

    def night(number: int) -> None:
        statuses[number] = processes[number].run("nightly", "-w", shop.place.root)

    at_once([partial(night, number) for number in range(2)])
    assert sorted(statuses.values()) in ([0, 0], [0, 75]), [process.said for process in processes]
    with duckdb.connect(str(shop.place.work_db), read_only=True) as con:
        taken = con.execute("SELECT status FROM deliveries WHERE file_name = '2026-01-02.csv'").fetchall()
    assert taken == [("accepted",)]
    assert len(shop.current()) == 2
    assert processes[0].run("doctor", "--verify", "-w", shop.place.root) in (0, 1)
    assert "BROKEN" not in processes[0].said, processes[0].said


def race(shop: Shop, processes: list[Children]) -> None:
    """Two reviewers bring their sheets back while a night runs: each tries again as long as it is refused."""
    words = (("nightly",), ("review", "import", shop.root / "anna.csv", "--reviewer", "anna"),
             ("review", "import", shop.root / "bob.csv", "--reviewer", "bob"))  # fmt: skip
    statuses: dict[int, int] = {}

    def until_taken(number: int) -> None:
        while (status := processes[number].run(*words[number], "-w", shop.place.root)) == 75:
            time.sleep(0.05)
        statuses[number] = status

    at_once([partial(until_taken, number) for number in range(3)])
    assert statuses == {0: 0, 1: 0, 2: 0}, [process.said for process in processes]
    assert processes[0].run("nightly", "-w", shop.place.root) == 0, processes[0].said
    said = query_published(
        shop.place.published_db, "SELECT who, count(*) AS n FROM decisions WHERE source = 'review' GROUP BY who"
    )
    assert sorted(said["n"].to_list()) == [4, 4]
    assert {item for (_, item), category in shop.current().items() if category == "5"} == set("cdefghij")
    assert processes[0].run("doctor", "--verify", "-w", shop.place.root) in (0, 1)
    assert "BROKEN" not in processes[0].said, processes[0].said


def test_two_reviewers_and_a_night_at_once_lose_no_answer(shop: Shop, processes: list[Children]) -> None:
    race(shop, processes)


@pytest.mark.slow
def test_of_two_nights_in_the_same_moment_one_takes_the_delivery(shop: Shop, processes: list[Children]) -> None:
    two_nights(shop, processes)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("what", [race, two_nights])
def test_a_hundred_times_at_once(
    prepared: Shop,
    processes: list[Children],
    tmp_path: Path,
    what: Callable[[Shop, list[Children]], None],
    record_property,
) -> None:
    for number in range(100):
        what(prepared.copied(tmp_path / f"race-{number}"), processes)
        shutil.rmtree(tmp_path / f"race-{number}")
    record_property("races", 100)
