"""A night killed anywhere and started again ends at the same tables as one that nobody disturbed."""

import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.crashing import APART, OF_RUNS, Children, children, first_difference, tables, told_apart

pytestmark = [pytest.mark.train, pytest.mark.timeout(900)]

KILLS = 3
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


@dataclass(frozen=True)
class Calm:
    """What an undisturbed night left, and how many points each stage passed."""

    published: dict[str, list[str]]
    work: dict[str, list[str]]
    points: Counter

    def same_as(self, place: Path) -> None:
        """What analysts ask stands in the published file; of the work database its tables are enough."""
        assert first_difference(tables(place / "published" / "catalog.duckdb"), self.published) == ""
        after = tables(place / "state" / "work.duckdb", views=False)
        del after["publications"]  # killed between rename and its row, a publish may be recorded once more
        assert first_difference(after, self.work) == ""
        assert not list((place / "published").glob(".*")), "a killed publish left its file behind"


@pytest.fixture(scope="module")
def unbroken(process: Children, learned: Path, shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Calm:
    place = Path(shutil.copytree(learned, tmp_path_factory.mktemp("unbroken") / "ws"))
    deliver(place, shop)
    log = place / "points.log"
    assert process.run("nightly", "-w", place, log=log) == 0, process.said
    work = tables(place / "state" / "work.duckdb", views=False)
    del work["publications"]
    points = Counter(line.partition(".")[0] for line in log.read_text().splitlines())
    return Calm(tables(place / "published" / "catalog.duckdb"), work, points)


@pytest.mark.parametrize("stage", STAGES)
def test_killed_again_and_again_in_a_stage(
    process: Children, stage: str, unbroken: Calm, workspace_copy: Path, shop: Path
) -> None:
    passed = unbroken.points[stage]
    assert passed > 5, f"{stage} passes {passed} points: too few to kill between"
    deliver(workspace_copy, shop)
    killed = 0
    for kill in range(KILLS):
        nth = 2 + kill * (1 if stage == "review" else 2)  # after the first write, each time a little further
        status = process.run("nightly", "-w", workspace_copy, point=f"{stage}.:{nth}")
        killed += status == -signal.SIGKILL
    assert killed == KILLS
    assert process.run("nightly", "-w", workspace_copy) == 0, process.said
    unbroken.same_as(workspace_copy)


@pytest.mark.parametrize("step", [20, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_at_points_all_through_publish(
    process: Children, unbroken: Calm, workspace_copy: Path, shop: Path, step: int
) -> None:
    deliver(workspace_copy, shop)
    for nth in range(1, unbroken.points["publish"] + 1, step):
        assert process.run("nightly", "-w", workspace_copy, point=f"publish.:{nth}") in (-signal.SIGKILL, 0)
    assert process.run("nightly", "-w", workspace_copy) == 0, process.said
    unbroken.same_as(workspace_copy)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_training_killed_at_every_state_of_the_disk(
    process: Children, taught: Path, tmp_path: Path, record_property
) -> None:
    """Trained again, the same labels make the same bundle; it serves, certified, and no half of one is left."""
    calm, log = Path(shutil.copytree(taught, tmp_path / "calm")), tmp_path / "points.log"
    assert process.run("train", "-w", calm, log=log, watched=calm) == 0, process.said
    points, states = log.read_text().splitlines(), (tmp_path / "points.log.states").read_text().splitlines()
    kills = told_apart(points, states)
    assert len(kills) > KILLS, points
    for nth in kills:
        place = Path(shutil.copytree(taught, tmp_path / "killed"))
        assert process.run("train", "-w", place, point=f":{nth}") == -signal.SIGKILL, process.said
        assert process.run("train", "-w", place) == 0, process.said
        assert first_difference(learned_in(place), learned_in(calm)) == "", points[nth - 1]
        assert bundles(place) == bundles(calm), points[nth - 1]
        assert process.run("doctor", "--verify", "-w", place) == 0, process.said
        shutil.rmtree(place)
    record_property("kills", len(kills))
    for stage, number in Counter(points[nth - 1].partition(".")[0] for nth in kills).items():
        record_property(f"kills in {stage} of train", number)


def learned_in(place: Path) -> dict[str, list[str]]:
    found = tables(place / "state" / "work.duckdb", without=APART, views=False)
    return {name: rows for name, rows in found.items() if name not in OF_RUNS}


def bundles(place: Path) -> dict[str, str]:
    """What stands in models/: each bundle is named by its content."""
    return {path.name: path.read_text() if path.is_file() else "" for path in (place / "models").iterdir()}
