"""Nights and mornings: a night foretold, cut short or switched off; how things stand; a run taken back."""

import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from short_nights import short_night
from typer.testing import CliRunner

from catalog.errors import CatalogError
from catalog.lock import hold
from catalog.publishing import verdict
from catalog.publishing.reader import query_published
from catalog.settings import Feeds, Workspace
from pipelines import ending, nightly, route
from pipelines.cli import app
from pipelines.session import opened

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
    short_night(place)
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
    short_night(night)
    assert placed(night).height == 0
    listed = catalog(night, "runs", "list")
    assert f"{run}" in listed and "taken back by anna" in listed
    assert "as if it had not come" in catalog(night, "runs", "show", run)
    with pytest.raises(CatalogError, match="nothing of run"):
        catalog(night, "runs", "undo", run, "--by", "anna")


def test_placements_alone_are_taken_back_and_what_cannot_be_is_refused(night: Path, shop: Path) -> None:
    run, before = last_night(night), placed(night)
    assert before.height > 10
    said = catalog(night, "runs", "undo", run, "--placements-only", "--by", "anna")
    assert f"{before.height} by the model: 0 go back to the category they had, {before.height} to review" in said
    short_night(night)
    assert placed(night).height == 0 and reasons(night)["run_undone"] == before.height
    deliver(night, shop / "second.csv", "2026-01-02.csv")  # a changed price is the same content
    short_night(night)
    assert set(placed(night)["item_id"]) <= {"05000"}
    changed = query_published(
        Workspace(night).published_db,
        f"SELECT count(*) FROM changes WHERE action = 'retire' AND reason = 'run_undone' AND run_id > '{run}'",
    )
    assert changed.item() == before.height
    # by now the next delivery builds on that night's
    with pytest.raises(CatalogError, match=r"delivered 2026-01-02.csv since.*--placements-only"):
        catalog(night, "runs", "undo", run, "--by", "anna")
    for job, words in (("train", "It made a model"), ("labels", "corrected labels")):
        (of_it,) = [line.split()[0] for line in catalog(night, "runs", "list").splitlines() if f" {job} " in line]
        with pytest.raises(CatalogError, match=words):
            catalog(night, "runs", "undo", of_it, "--by", "anna")
    with pytest.raises(CatalogError, match="There is no run"):
        catalog(night, "runs", "undo", "000999-xx", "--by", "anna")


# ---------------------------------------------------------------- the night


def content(place: Path) -> dict[str, bytes]:
    return {str(f.relative_to(place)): f.read_bytes() for f in sorted(place.rglob("*")) if f.is_file()}


def test_a_dry_run_says_what_a_night_would_do_and_writes_nothing(night: Path, shop: Path, tmp_path: Path) -> None:
    deliver(night, shop / "second.csv", "2026-01-02.csv")
    (night / "feeds" / "borg").mkdir()
    (night / "feeds" / "borg" / "items.csv").write_text("sku,name\n1,mug\n")
    before = content(night)
    said = catalog(night, "nightly", "--dry-run")
    assert content(night) == before
    assert "acme, 2026-01-02.csv: would be taken: 121 rows (1 new, 10 changed, 110 unchanged)" in said
    assert "borg, items.csv: would be REFUSED." in said and "1 of 2 files would be refused or held" in said
    assert "\n1 inputs would be classified by " in said
    assert "1 of 1" not in catalog(night, "nightly", "--dry-run", "--vendor", "acme")
    (night / "feeds" / "borg" / "items.csv").unlink()
    short_night(night)
    found = query_published(
        Workspace(night).published_db, "SELECT new, changed, unchanged FROM run_summary ORDER BY run_id"
    )
    assert found.row(-1) == (1, 10, 110)
    assert catalog(night, "nightly", "--dry-run").startswith("Nothing to do")


def test_a_night_of_one_vendor_leaves_what_others_sent_for_the_next(night: Path, shop: Path) -> None:
    stood = placed(night)
    deliver(night, shop / "second.csv", "2026-01-02.csv")
    (night / "feeds" / "borg").mkdir()
    (night / "feeds" / "borg" / "items.csv").write_text("item_id,title,description\n1,espresso mug,ceramic\n")
    for dry in ([], ["--dry-run"]):
        with pytest.raises(CatalogError, match=r"No vendor 'brog' is known here.*acme, borg"):
            catalog(night, "nightly", "--vendor", "brog", *dry)
    catalog(night, "nightly", "--vendor", "borg")
    found = query_published(Workspace(night).published_db, "SELECT vendor, new FROM run_summary ORDER BY run_id")
    assert found.row(-1) == ("borg", 1) and placed(night).equals(stood)
    assert [file.name for file in (night / "feeds" / "acme").glob("*.csv")] == ["2026-01-02.csv"]
    short_night(night)
    found = query_published(Workspace(night).published_db, "SELECT vendor, new FROM run_summary ORDER BY run_id")
    assert found.row(-1) == ("acme", 1)


def test_a_night_out_of_time_publishes_what_is_complete_and_the_next_goes_on(
    learned: Path, shop: Path, tmp_path: Path
) -> None:
    place = Path(shutil.copytree(learned, tmp_path / "ws"))
    deliver(place, shop / "first.csv", "2026-01-01.csv")
    with opened(place) as session:
        late = replace(session, until=datetime.now(UTC))
        found = nightly.to_take(session)
        run_id, _ = nightly.begin(session, found)
        nightly.step(late, "ingest", run_id, found)
        assert nightly._left(session.store, run_id) == ["acme, 2026-01-01.csv: not taken yet, it stays in the inbox"]
        assert nightly.to_take(session) == found
        # with time to take it, and none to classify it
        nightly.step(session, "ingest", run_id, found)
        for name in nightly.STAGES[1:-1]:
            nightly.step(late, name, run_id, [])
        nightly.close(session, run_id)
        left = session.store.query("SELECT kind, rows FROM leftovers WHERE run_id = ?", [run_id])
        assert left.rows() == [("inputs", 120)]  # what the first start had left was taken
    assert reasons(place) == {"not_classified_yet": 120}
    assert not list((place / "review" / "outbox").glob("*.csv"))
    short_night(place)
    assert placed(place).height > 10 and "not_classified_yet" not in reasons(place)
    assert short_night(place) is None


def test_the_deadline_is_the_next_time_the_clock_says_so() -> None:
    evening = datetime(2026, 3, 1, 23, 30).astimezone()
    assert nightly.deadline("06:00", evening) - evening == timedelta(hours=6, minutes=30)
    assert nightly.deadline("23:45", evening) - evening == timedelta(minutes=15)
    for text in ("6", "25:00", "soon"):
        with pytest.raises(CatalogError, match="no time of day"):
            nightly.deadline(text)


def switch(place: Path, word: str) -> None:
    file = place / "catalog.toml"
    file.write_text(f'automation = "{word}"\n' + re.sub(r"^automation = .*\n", "", file.read_text()))


def test_the_kill_switch_acts_in_the_running_night_and_moves_nothing_that_stood(night: Path, shop: Path) -> None:
    stood = placed(night)
    rows = shop.joinpath("first.csv").read_text().splitlines()
    more = [rows[0], *(f"N{line}" for line in rows[1:40])]  # the same products under new ids
    (night / "feeds" / "acme" / "2026-01-02.csv").write_text("\n".join([*rows, *more[1:]]) + "\n")
    with opened(night) as session:
        run_id, _ = nightly.begin(session, nightly.to_take(session))
        for name in ("ingest", "fetch", "certify", "classify", "route"):
            nightly.step(session, name, run_id, nightly.to_take(session) if name == "ingest" else [])
        fresh = "SELECT count(*) FROM routes WHERE run_id = ? AND outcome = 'placed' AND item_id LIKE 'N%'"
        assert session.store.one(fresh, [run_id]) > 0
        switch(night, "off")  # a person, while the night is at work
        for name in ("review", "publish", "changes"):
            nightly.step(session, name, run_id, [])
        nightly.close(session, run_id)
    assert placed(night).equals(stood)
    assert "SWITCHED OFF" in catalog(night, "status")
    short_night(night)
    assert placed(night).equals(stood) and reasons(night)["automation_off"] > 0
    switch(night, "on")
    short_night(night)
    assert placed(night).height > stood.height
    assert stood.join(placed(night), on=stood.columns, how="anti").height == 0


def test_a_settings_file_that_cannot_be_read_counts_as_switched_off(night: Path) -> None:
    with opened(night) as session:
        (night / "catalog.toml").write_text("automation = ")
        assert route.run(session.job("x")) > 0  # everything is settled anew, nothing is placed anew
        assert session.store.one("SELECT count(*) FROM routes WHERE run_id = 'x' AND reason = 'certified'") == 0


@pytest.mark.parametrize(
    ("limits", "code"),
    [({}, 65), ({"max_refused": 2}, 0), ({"max_refused_share": 0.5}, 0), ({"max_refused_share": 0.49}, 65)],
)
def test_refused_feeds_within_the_share_are_a_warning(limits: dict, code: int) -> None:
    # one of three files was refused, and one vendor is late: two of four
    status, said = ending.weighed(
        nightly.Night("000007-x", refused=1, late=("borg is late",), files=3), Feeds(**limits)
    )
    assert status == code
    assert said.startswith("attention: ") == (code == 0) and "catalog runs show 000007-x" in said
    assert ending.weighed(nightly.Night(None), Feeds()) == (0, "")


# ---------------------------------------------------------------- how much moves


def test_a_night_moves_few_standing_placements_says_so_and_the_rest_after_a_word(night: Path) -> None:
    with opened(night) as session:
        stood = placed(night)
        ids = session.store.query("SELECT DISTINCT category_id FROM categories WHERE is_leaf ORDER BY 1")["category_id"]
        # as if they had been placed elsewhere before the texts changed
        session.store.execute(
            "UPDATE routes SET category_id = CASE category_id WHEN ? THEN ? ELSE ? END, route_key = NULL "
            "WHERE vendor = 'acme' AND outcome = 'placed'",
            [ids[0], ids[1], ids[0]],
        )
        session.store.execute("UPDATE runs SET state_key = 'another'")
    short_night(night)
    moved = placed(night).join(stood, on=["item_id", "category_id"]).height
    assert moved == 1  # half a percent of so few
    found = ending_of(night)
    assert [alarm.about for alarm in found if alarm.code == "moves_held"] == [""]
    assert "approve-moves" in next(alarm.todo for alarm in found if alarm.code == "moves_held")
    assert f"{stood.height - 1} items may move" in catalog(night, "approve-moves", "--by", "anna")
    short_night(night)
    assert placed(night).equals(stood) and not [alarm for alarm in ending_of(night) if alarm.code == "moves_held"]
    assert catalog(night, "approve-moves", "--by", "anna").startswith("No item")


def ending_of(place: Path) -> list[verdict.Alarm]:
    def ask(sql: str) -> pl.DataFrame:
        return query_published(Workspace(place).published_db, sql)

    return verdict.alarms(ask, last_night(place))
