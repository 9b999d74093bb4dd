"""How things stand in ten lines, and taking a run back: exactly what was said, and nothing that others build on."""

import re
import shutil
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from catalog.errors import CatalogError
from catalog.lock import hold
from catalog.settings import Workspace
from catalog.store import query_published
from pipelines.cli import app

pytestmark = pytest.mark.train
NAMES = [
    "last night", "at work", "feeds", "vendors", "backlog", "automation", "certified", "suspended", "disk", "next",
]  # fmt: skip


def catalog(place: Path, *words: str) -> str:
    """What a command says; CatalogError passes through."""
    result = CliRunner().invoke(app, [*words, "--workspace", str(place)])
    if isinstance(result.exception, CatalogError):
        raise result.exception
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    assert result.exit_code == 0, result.output
    return result.output


def deliver(place: Path, source: Path, name: str) -> None:
    inbox = place / "feeds" / "acme"
    inbox.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, inbox / name)


def placed(place: Path) -> pl.DataFrame:
    return query_published(
        Workspace(place).published_db,
        "SELECT item_id, category_id FROM current_category WHERE vendor = 'acme' AND decided_by = 'model' ORDER BY item_id",
    )


def reasons(place: Path) -> dict[str, int]:
    return dict(query_published(Workspace(place).published_db, "SELECT reason, items FROM review_reasons").rows())


def last_night(place: Path) -> str:
    return query_published(Workspace(place).published_db, "SELECT run_id FROM freshness").item()


@pytest.fixture(scope="module")
def first_night(learned: Path, shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = Path(shutil.copytree(learned, tmp_path_factory.mktemp("nights") / "ws"))
    deliver(place, shop / "first.csv", "2026-01-01.csv")
    catalog(place, "nightly")
    return place


@pytest.fixture
def night(first_night: Path, tmp_path: Path) -> Path:
    """A workspace of one's own after its first night."""
    return Path(shutil.copytree(first_night, tmp_path / "ws"))


def test_the_status_is_ten_lines_and_names_the_next_step(night: Path, learned: Path, shop: Path) -> None:
    lines = catalog(night, "status").splitlines()
    assert [line[:14].strip() for line in lines] == NAMES
    said = {line[:14].strip(): line[14:] for line in lines}
    assert "1 vendors, 120 rows" in said["last night"] and "items wait" in said["backlog"]
    assert re.match(r"\d+\.\d% of 920 live items placed by the model", said["automation"])
    assert said["certified"].startswith("90.0% precision for ") and said["suspended"] == "none"
    assert "GiB used" in said["disk"] and said["next"].startswith("catalog review export")
    deliver(night, shop / "second.csv", "2026-01-02.csv")
    lines = catalog(night, "status").splitlines()
    assert "1 wait for the next night (acme 2026-01-02.csv)" in lines[2] and lines[-1].endswith("feeds wait")
    fresh = catalog(learned, "status").splitlines()
    assert fresh[0].endswith("none has run here yet")


def test_the_status_answers_while_a_night_is_at_work(night: Path) -> None:
    with hold(Workspace(night).lock):
        lines = catalog(night, "status").splitlines()
    assert [line[:14].strip() for line in lines] == NAMES
    assert "is working in this workspace" in lines[1] and lines[-1].endswith("says how it went")


def test_a_night_is_taken_back_and_its_items_are_gone(night: Path) -> None:
    run = last_night(night)
    would = catalog(night, "runs", "undo", run, "--by", "anna", "--dry-run")
    assert "acme, 2026-01-01.csv (120 rows)" in would
    done = catalog(night, "runs", "undo", run, "--by", "anna", "--note", "wrong file")
    assert would.splitlines()[1:] == done.splitlines()[1:-1]
    catalog(night, "nightly")
    assert placed(night).height == 0
    listed = catalog(night, "runs", "list")
    assert f"{run}" in listed and "taken back by anna" in listed
    assert "as if it had not come" in catalog(night, "runs", "show", run)
    with pytest.raises(CatalogError, match="nothing of run"):
        catalog(night, "runs", "undo", run, "--by", "anna")


def test_placements_alone_are_taken_back_and_the_same_model_does_not_repeat_them(night: Path, shop: Path) -> None:
    run, before = last_night(night), placed(night)
    assert before.height > 10
    said = catalog(night, "runs", "undo", run, "--placements-only", "--by", "anna")
    assert f"{before.height} by the model: 0 go back to the category they had, {before.height} to review" in said
    catalog(night, "nightly")
    assert placed(night).height == 0 and reasons(night)["run_undone"] == before.height
    deliver(night, shop / "second.csv", "2026-01-02.csv")  # a changed price is the same content
    catalog(night, "nightly")
    assert set(placed(night)["item_id"]) <= {"05000"}
    changed = query_published(
        Workspace(night).published_db,
        f"SELECT count(*) FROM changes WHERE action = 'retire' AND reason = 'run_undone' AND run_id > '{run}'",
    )
    assert changed.item() == before.height


def test_what_others_build_on_is_refused_with_the_way_round(night: Path, shop: Path) -> None:
    run = last_night(night)
    deliver(night, shop / "second.csv", "2026-01-02.csv")
    catalog(night, "nightly")
    with pytest.raises(CatalogError, match=r"delivered 2026-01-02.csv since.*--placements-only"):
        catalog(night, "runs", "undo", run, "--by", "anna")
    for job, words in (("train", "It made a model"), ("labels", "corrected labels")):
        (of_it,) = [line.split()[0] for line in catalog(night, "runs", "list").splitlines() if f" {job} " in line]
        with pytest.raises(CatalogError, match=words):
            catalog(night, "runs", "undo", of_it, "--by", "anna")
    with pytest.raises(CatalogError, match="There is no run"):
        catalog(night, "runs", "undo", "000999-xx", "--by", "anna")
