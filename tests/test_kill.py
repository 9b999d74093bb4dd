"""A night killed anywhere and started again ends at the same tables as one that nobody disturbed."""

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import duckdb
import pytest

pytestmark = [pytest.mark.train, pytest.mark.timeout(900)]

KILLS = 5
STAGES = ("ingest", "classify", "route", "publish", "review")
VARYING = {"pid", "sha256", "folder", "image"}  # clock times are left out by their type
DURATIONS = {"run_stages", "time_to_category"}  # how long things took is no outcome


def nightly(place: Path, *options: str, **environment: str) -> int:
    """Runs the command in a process of its own; returns its exit status, -9 when it was killed."""
    command = [sys.executable, "-m", "pipelines.cli", "nightly", "-w", str(place), *options]
    root = str(Path(__file__).parents[1])
    return subprocess.run(
        command, env=os.environ | {"PYTHONPATH": root} | environment, check=False, capture_output=True
    ).returncode


def tables(file: Path) -> dict[str, list[tuple]]:
    """Every table and view of a database without its clock times, rows sorted."""
    with duckdb.connect(str(file), read_only=True) as con:
        names = [n for (n,) in con.execute("SELECT table_name FROM information_schema.tables ORDER BY 1").fetchall()]
        content = {}
        for name in set(names) - DURATIONS:
            described = con.execute(f'DESCRIBE "{name}"').fetchall()
            columns = ", ".join(f'"{c[0]}"' for c in described if c[0] not in VARYING and "TIMESTAMP" not in c[1])
            content[name] = (
                sorted(map(repr, con.execute(f'SELECT {columns} FROM "{name}"').fetchall())) if columns else []
            )
        return content


def deliver(place: Path, shop: Path) -> None:
    for vendor in ("acme", "borg"):
        inbox = place / "feeds" / vendor
        inbox.mkdir(parents=True)
        shutil.copy(shop / "first.csv", inbox / "2026-01-01.csv")
        shutil.copy(shop / "second.csv", inbox / "2026-01-02.csv")


@pytest.fixture(scope="module")
def unbroken(learned: Path, shop: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Counter]:
    """A workspace after an undisturbed night, and how many points each stage passed."""
    place = Path(shutil.copytree(learned, tmp_path_factory.mktemp("unbroken") / "ws"))
    deliver(place, shop)
    log = place / "points.log"
    assert nightly(place, FEEDSHELF_FAILPOINT_LOG=str(log)) == 0
    return place, Counter(line.partition(".")[0] for line in log.read_text().splitlines())


@pytest.mark.parametrize("stage", STAGES)
def test_killed_five_times_in_a_stage(
    stage: str, unbroken: tuple[Path, Counter], workspace_copy: Path, shop: Path
) -> None:
    calm, points = unbroken
    assert points[stage] > KILLS, f"{stage} passes {points[stage]} points: too few to kill between"
    deliver(workspace_copy, shop)
    killed = 0
    for kill in range(KILLS):
        log = workspace_copy / f"points-{kill}.log"
        nth = 2 + kill % (3 if stage == "review" else KILLS)  # after the first write, each time a little further
        status = nightly(workspace_copy, FEEDSHELF_FAILPOINT=f"{stage}.:{nth}", FEEDSHELF_FAILPOINT_LOG=str(log))
        killed += status == -signal.SIGKILL
    assert killed == KILLS
    assert nightly(workspace_copy) == 0
    assert tables(workspace_copy / "published" / "catalog.duckdb") == tables(calm / "published" / "catalog.duckdb")
    after, expected = tables(workspace_copy / "state" / "work.duckdb"), tables(calm / "state" / "work.duckdb")
    for name in expected:
        if name != "publications":  # killed between rename and its row, a publish may be recorded once more
            assert after[name] == expected[name], name
    assert not list((workspace_copy / "published").glob(".*")), "a killed publish left its file behind"


@pytest.mark.parametrize("step", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_at_points_all_through_publish(
    unbroken: tuple[Path, Counter], workspace_copy: Path, shop: Path, step: int
) -> None:
    calm, points = unbroken
    deliver(workspace_copy, shop)
    for nth in range(1, points["publish"] + 1, step):
        assert nightly(workspace_copy, FEEDSHELF_FAILPOINT=f"publish.:{nth}") in (-signal.SIGKILL, 0)
    assert nightly(workspace_copy) == 0
    assert tables(workspace_copy / "published" / "catalog.duckdb") == tables(calm / "published" / "catalog.duckdb")
