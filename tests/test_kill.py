"""A night killed anywhere and started again ends at the same tables as one that nobody disturbed."""

import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crashing import Children, children, tables

pytestmark = [pytest.mark.train, pytest.mark.timeout(900)]

KILLS = 5
STAGES = ("ingest", "classify", "route", "publish", "review")


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Children]:
    with children(tmp_path_factory.mktemp("children")) as found:
        yield found


def deliver(place: Path, shop: Path) -> None:
    for vendor in ("acme", "borg"):
        inbox = place / "feeds" / vendor
        inbox.mkdir(parents=True)
        shutil.copy(shop / "first.csv", inbox / "2026-01-01.csv")
        shutil.copy(shop / "second.csv", inbox / "2026-01-02.csv")


@pytest.fixture(scope="module")
def unbroken(
    process: Children, learned: Path, shop: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Counter]:
    """A workspace after an undisturbed night, and how many points each stage passed."""
    place = Path(shutil.copytree(learned, tmp_path_factory.mktemp("unbroken") / "ws"))
    deliver(place, shop)
    log = place / "points.log"
    assert process.run("nightly", "-w", place, log=log) == 0, process.said
    return place, Counter(line.partition(".")[0] for line in log.read_text().splitlines())


@pytest.mark.parametrize("stage", STAGES)
def test_killed_five_times_in_a_stage(
    process: Children, stage: str, unbroken: tuple[Path, Counter], workspace_copy: Path, shop: Path
) -> None:
    calm, points = unbroken
    assert points[stage] > KILLS, f"{stage} passes {points[stage]} points: too few to kill between"
    deliver(workspace_copy, shop)
    killed = 0
    for kill in range(KILLS):
        nth = 2 + kill % (3 if stage == "review" else KILLS)  # after the first write, each time a little further
        status = process.run("nightly", "-w", workspace_copy, point=f"{stage}.:{nth}")
        killed += status == -signal.SIGKILL
    assert killed == KILLS
    assert process.run("nightly", "-w", workspace_copy) == 0, process.said
    assert tables(workspace_copy / "published" / "catalog.duckdb") == tables(calm / "published" / "catalog.duckdb")
    after, expected = tables(workspace_copy / "state" / "work.duckdb"), tables(calm / "state" / "work.duckdb")
    for name in expected:
        if name != "publications":  # killed between rename and its row, a publish may be recorded once more
            assert after[name] == expected[name], name
    assert not list((workspace_copy / "published").glob(".*")), "a killed publish left its file behind"


@pytest.mark.parametrize("step", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_at_points_all_through_publish(
    process: Children, unbroken: tuple[Path, Counter], workspace_copy: Path, shop: Path, step: int
) -> None:
    calm, points = unbroken
    deliver(workspace_copy, shop)
    for nth in range(1, points["publish"] + 1, step):
        assert process.run("nightly", "-w", workspace_copy, point=f"publish.:{nth}") in (-signal.SIGKILL, 0)
    assert process.run("nightly", "-w", workspace_copy) == 0, process.said
    assert tables(workspace_copy / "published" / "catalog.duckdb") == tables(calm / "published" / "catalog.duckdb")
