"""What becomes of files before their rows are read: manifests, order, holds, and what people say afterwards."""

import gzip
import hashlib
import json
import os
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from test_ingest import Shop, feed, many
from typer.testing import CliRunner

from catalog.deliveries import held
from catalog.deliveries import inbox as inboxes
from catalog.deliveries.held import By
from catalog.deliveries.inbox import inbox, pending
from catalog.deliveries.lateness import late_vendors, note_schedules
from catalog.deliveries.manifest import read_manifest
from catalog.errors import CatalogError
from catalog.settings import Feeds, Settings
from catalog.taxonomies.taxonomy import from_paths
from catalog.taxonomies.versions import save_taxonomy
from pipelines import ingest, nightly
from pipelines.cli import app
from pipelines.session import opened
from pipelines.workspace import init

ANNA = By("anna")
AT_ONCE = Feeds(settle_seconds=0, manifest_patience="0s", batch_rows=7)
DELTA = '[delivery]\nkind = "delta"\n'


class Dock(Shop):
    """A shop whose nights take what people had released."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.settings = Settings(feeds=AT_ONCE)

    def night(self) -> dict[str, int]:
        return ingest.run(self.job(), held.to_take(self.store, self.workspace, self.settings.feeds))

    def manifest(self, name: str, **said: object) -> Path:
        return self.deliver(json.dumps(said), name=f"{name}.manifest.json")

    def last(self) -> dict:
        return self.store.query("SELECT * FROM deliveries ORDER BY received_at DESC LIMIT 1").row(0, named=True)

    def live(self) -> list[str]:
        return [item for (item,) in self.rows("SELECT item_id FROM live_items ORDER BY 1")]


@pytest.fixture
def dock(tmp_path: Path):
    made = Dock(tmp_path)
    yield made
    made.store.close()


def facts_of(text: str) -> dict[str, object]:
    return {"bytes": len(text.encode()), "sha256": hashlib.sha256(text.encode()).hexdigest()}


# ---------------------------------------------------------------- kinds and deletions


def test_a_delta_retires_nothing_but_what_it_deletes(dock: Dock) -> None:
    dock.deliver(feed(*many(4)))
    dock.night()
    dock.mapping(DELTA)
    rows = ["0001,,delete", "0002,Lamp two,", "0009,New lamp,add", "0003,Lamp 3,sell"]
    dock.deliver(feed(*rows, header="item_id,title,action"))
    assert dock.night() == {"accepted": 1}
    assert dock.live() == ["0000", "0002", "0003", "0009"]
    assert dock.statuses() == ["deleted", "changed", "new"]
    assert dock.rows("SELECT item_id, rule, detail FROM rejects") == [("0003", "unknown_action", "sell")]
    assert dock.last()["rows_in"] == 4
    assert dock.rows("SELECT item_id FROM departures") == [("0001",)]


def test_the_words_of_the_action_column_are_the_vendors(dock: Dock) -> None:
    dock.mapping(
        '[columns]\nitem_id = "sku"\ntitle = "name"\naction = "was"\n'
        '[delivery]\nkind = "delta"\nactions = { delete = ["Entfällt"], upsert = ["neu"] }\n'
    )
    dock.deliver("sku,name,was\n1,Lampe,neu\n2,Lampe,\n3,Lampe,NEU\n")
    dock.night()
    dock.deliver('sku,name,was\n="1",,ENTFÄLLT\n2,,delete\n,,entfällt\n')
    assert dock.night() == {"accepted": 1}
    assert dock.live() == ["2", "3"]  # ids of deletions read like all ids; the default words no longer count
    assert dock.rows("SELECT rule FROM rejects ORDER BY line") == [("unknown_action",), ("missing_item_id",)]


def test_a_deletion_and_a_row_of_one_item_contradict_each_other(dock: Dock) -> None:
    dock.mapping(DELTA)
    header = "item_id,title,action"
    dock.deliver(feed("1,Lamp,", "2,Lamp,", "3,Lamp,", header=header))
    dock.night()
    dock.deliver(feed("1,,delete", "1,Lamp,", "2,,delete", "2,Other,delete", header=header))
    dock.night()
    assert dock.live() == ["1", "3"]
    assert dock.rows("SELECT item_id, rule FROM rejects") == [("1", "duplicate_id")] * 2
    assert dock.statuses() == ["duplicate", "deleted"]
    dock.mapping(DELTA + '[rules]\nduplicates = "last"\n')
    dock.deliver(feed("1,Lamp,", "1,,delete", "3,,delete", "3,Lamp,", header=header))
    dock.night()
    assert dock.live() == ["3"]


def test_an_action_column_of_our_own_names_counts_in_a_delta_only(dock: Dock) -> None:
    dock.deliver(feed("1,Lamp,Buy now", "2,Mug,delete", header="item_id,title,action"))
    assert dock.night() == {"accepted": 1}
    assert dock.live() == ["1", "2"]


def test_an_item_that_comes_back_is_new_again(dock: Dock) -> None:
    for number, rows in enumerate((many(3), many(2), many(3))):
        dock.deliver(feed(*rows), name=f"a_2026-01-0{number + 1}.csv")
    assert dock.night() == {"accepted": 3}
    assert dock.statuses() == ["unchanged", "unchanged", "new"]
    assert dock.rows("SELECT item_id, delivery_no FROM departures JOIN deliveries USING (delivery_id)") == [("0002", 2)]


# ---------------------------------------------------------------- manifests

TEXT = feed(*many(3))
WHOLE = {**facts_of(TEXT), "rows": 3}
MANIFESTS = [
    ("items.csv", WHOLE, "accepted", None),
    ("items", WHOLE, "accepted", None),  # named after the feed without its extension
    ("items.csv", {"files": [{"name": "items.csv", **WHOLE}]}, "accepted", None),
    ("nightly", {"files": [{"name": "items.csv"}], "kind": "delta"}, "accepted", None),
    ("items.csv", {**WHOLE, "sha256": WHOLE["sha256"].upper(), "generator": "x"}, "accepted", None),  # type: ignore[attr-defined]
    ("items.csv", {"bytes": 5}, "refused", "manifest_mismatch"),
    ("items.csv", {"sha256": "0" * 64}, "refused", "manifest_mismatch"),
    ("nightly", {"files": [{"name": "items.csv"}, {"name": "more.csv"}]}, "refused", "manifest_mismatch"),
    ("items.csv", {"rows": 4}, "refused", "manifest_rows"),
    ("items.csv", {"rows": -1}, "refused", "bad_manifest"),
    ("items.csv", {"files": [{"name": "../acme/items.csv"}]}, "refused", "bad_manifest"),
    ("items.csv", {"files": [{"name": "items.csv"}] * 2}, "refused", "bad_manifest"),
    ("items.csv", {"files": []}, "refused", "bad_manifest"),
    ("items.csv", {"kind": "some"}, "refused", "bad_manifest"),
]


@pytest.mark.parametrize(("name", "said", "status", "reason"), MANIFESTS)
def test_a_manifest_is_taken_at_its_word(dock: Dock, name: str, said: dict, status: str, reason: str | None) -> None:
    path = dock.deliver(TEXT)
    dock.manifest(name, **said)
    assert dock.night() == {status: 1}
    assert dock.last()["reason"] == reason
    assert dock.last()["kind"] == said.get("kind", "full") or reason
    assert [p.name for p in path.parent.iterdir()] == ["done"]
    assert len(list((path.parent / "done").iterdir())) == 2
    assert dock.night() == {}


@pytest.mark.parametrize("text", ["", "[1]", '{"files": 1}', "\xff\xfe", "[" * 100_000])
def test_an_unreadable_manifest_keeps_its_files_from_being_taken_one_by_one(dock: Dock, text: str) -> None:
    for name in ("part1.csv", "part2.csv"):
        dock.deliver(feed(f"{name},Lamp,,1,"), name=name)
    dock.deliver(text, name="all.manifest.json")
    waiting = inbox(dock.workspace, Feeds(settle_seconds=0))
    assert len(waiting) == 1 and waiting[0].waits
    assert dock.night() == {"refused": 1}
    assert dock.last()["reason"] == "bad_manifest"


def test_a_wrong_manifest_is_told_by_what_is_wrong_alone(tmp_path: Path) -> None:
    (tmp_path / "a.csv.manifest.json").write_text('{"bytes": 3, "sha256": "00"}')
    with pytest.raises(CatalogError, match=r"cannot be used: files.0.sha256 is '00': [^;]*$"):
        read_manifest(tmp_path / "a.csv.manifest.json", ["a.csv"])


def test_what_does_not_match_waits_until_the_patience_is_over(dock: Dock) -> None:
    path = dock.deliver(TEXT)
    manifest = dock.manifest("items.csv", bytes=len(TEXT) + 6)
    patient = AT_ONCE.model_copy(update={"manifest_patience": "2h"})
    (waiting,) = inbox(dock.workspace, patient)
    assert f"{len(TEXT)} bytes instead of {len(TEXT) + 6}" in (waiting.waits or "")
    assert held.to_take(dock.store, dock.workspace, patient) == []
    path.write_text(TEXT + "9,x,,,")
    assert [p.waits for p in inbox(dock.workspace, patient)] == [None]
    path.write_text(TEXT)
    for file in (path, manifest):
        os.utime(file, (time.time() - 7300, time.time() - 7300))
    (waiting,) = held.to_take(dock.store, dock.workspace, patient)
    assert waiting.refusal and waiting.refusal[0] == "manifest_mismatch"


def parts(dock: Dock) -> None:
    dock.deliver(feed(*many(3)), name="b.csv")
    dock.deliver(gzip.compress(feed(*many(3, start=3), ",no id,,,").encode(), mtime=0), name="a.csv.gz")
    files = [{"name": "b.csv", "rows": 3}, {"name": "a.csv.gz", "rows": 4}]
    dock.manifest("all", files=files, delivered_at="2026-03-01T04:00:00+02:00", kind="full")


def test_a_set_of_files_is_one_delivery(dock: Dock) -> None:
    parts(dock)
    assert dock.night() == {"accepted": 1}
    assert dock.live() == [f"{n:04d}" for n in range(6)]
    last = dock.last()
    assert (last["file_name"], last["rows_in"], last["dated"]) == (
        "all.manifest.json",
        7,
        datetime(2026, 3, 1, 2, tzinfo=UTC),
    )
    assert dock.rows(
        "SELECT count(DISTINCT line) FROM (SELECT line FROM sightings UNION ALL SELECT line FROM rejects)"
    ) == [(7,)]
    parts(dock)
    assert dock.night() == {"repeated": 1}


@pytest.mark.parametrize("moved", [["b.csv"], ["b.csv", "a.csv.gz"]])
def test_a_set_whose_run_died_while_it_was_put_away_is_put_away_and_not_taken_again(
    dock: Dock, moved: list[str]
) -> None:
    parts(dock)
    folder = dock.workspace.feeds / "acme"
    copies = {path.name: path.read_bytes() for path in folder.iterdir()}
    ingest.run(dock.job(), held.to_take(dock.store, dock.workspace, AT_ONCE))
    for name in copies.keys() - set(moved):  # as it stood when the process died
        shutil.move(next((folder / "done").glob(f"*_{name}")), folder / name)
    assert held.to_take(dock.store, dock.workspace, AT_ONCE) == []
    assert [path.name for path in folder.iterdir()] == ["done"]
    assert dock.rows("SELECT count(*) FROM deliveries") == [(1,)]


# ---------------------------------------------------------------- order and quiet


def test_two_files_of_one_time_are_both_refused_and_read_in_the_order_of_their_retries(dock: Dock) -> None:
    dock.deliver(feed("1,First,,1,"), name="x_2026-03-12.csv")
    dock.deliver(feed("1,Second,,1,"), name="y_2026-03-12.csv")
    dock.deliver(feed("1,Bolt,,1,"), name="y_2026-03-12.csv", vendor="bolt")
    assert dock.night() == {"refused": 2, "accepted": 1}
    refused = dict(dock.rows("SELECT file_name, delivery_id FROM deliveries WHERE reason = 'equal_times'"))
    assert (
        f"catalog feeds retry {refused['x_2026-03-12.csv']}"
        in dock.rows("SELECT sentence FROM deliveries WHERE file_name = 'x_2026-03-12.csv'")[0][0]
    )
    for name in ("y_2026-03-12.csv", "x_2026-03-12.csv"):
        held.retry(dock.job(), refused[name], ANNA)
    assert dock.night() == {"accepted": 2}
    assert dock.rows(
        "SELECT title FROM live_items JOIN items USING (vendor, item_id, row_hash) WHERE vendor = 'acme'"
    ) == [("First",)]


def test_a_manifest_tells_equal_names_apart(dock: Dock) -> None:
    for name, hour in (("x_2026-03-12", 5), ("y_2026-03-12", 4)):
        dock.deliver(feed(f"1,At {hour},,1,"), name=f"{name}.csv")
        dock.manifest(name, delivered_at=f"2026-03-12T0{hour}:00:00")
    assert dock.night() == {"accepted": 2}
    assert dock.latest() == {"1": "At 5"}


def test_a_file_that_grows_while_it_is_watched_waits(dock: Dock, monkeypatch: pytest.MonkeyPatch) -> None:
    growing, whole = dock.deliver(TEXT, name="growing.csv"), dock.deliver(TEXT, name="whole.csv")

    def meanwhile(_seconds: float) -> None:
        growing.write_text(TEXT + "9,x")

    monkeypatch.setattr(inboxes.time, "sleep", meanwhile)
    assert [p.path for p in pending(dock.workspace, Feeds(settle_seconds=60))] == [whole]
    for path in (growing, whole):
        os.utime(path, (time.time() - 61, time.time() - 61))
    assert len(pending(dock.workspace, Feeds(settle_seconds=60))) == 2


# ---------------------------------------------------------------- what people say


def test_a_shrunk_delivery_is_released_once_and_taken_as_it_is(dock: Dock) -> None:
    dock.deliver(feed(*many(10)))
    dock.night()
    dock.deliver(feed(*many(2)))
    assert dock.night() == {"held": 1}
    held_id = dock.last()["delivery_id"]
    assert dock.last()["sentence"].endswith(f"If it is right: catalog feeds release {held_id} --by NAME")
    held.release(dock.job(), held_id[:6], By("anna", "they closed a shop"))
    with pytest.raises(CatalogError, match="anna released it"):
        held.release(dock.job(), held_id, ANNA)
    assert dock.night() == {"accepted": 1}
    assert dock.live() == ["0000", "0001"]
    assert dock.last()["origin"] == held_id
    assert dock.night() == {}
    with pytest.raises(CatalogError, match="It became delivery"):
        held.retry(dock.job(), held_id, ANNA)


def test_a_refused_file_is_read_again_under_the_mapping_of_today(dock: Dock) -> None:
    dock.mapping('[columns]\nitem_id = "sku"\ntitle = "title"\n')
    dock.deliver(TEXT)
    assert dock.night() == {"refused": 1}
    first = dock.last()["delivery_id"]
    held.retry(dock.job(), first, ANNA)
    assert dock.night() == {"refused": 1}  # nothing was mended; the new refusal names its own id
    second = dock.last()["delivery_id"]
    assert second != first and second in dock.last()["sentence"]
    dock.mapping('[columns]\nitem_id = "item_id"\ntitle = "title"\n')
    held.retry(dock.job(), second, ANNA)
    dock.deliver(feed(*many(2)))  # a newer file of the same name stays what it is
    assert dock.night() == {"accepted": 2}
    assert dock.rows("SELECT rows_in FROM deliveries WHERE status = 'accepted' ORDER BY delivery_no") == [(3,), (2,)]


def test_undo_brings_back_what_stood_before(dock: Dock) -> None:
    dock.deliver(feed("1,Lamp,,1,", "2,Mug,,1,"))
    dock.night()
    dock.deliver(feed("1,Wrong,,1,", "3,Wrong too,,1,"))
    dock.night()
    wrong = dock.last()["delivery_id"]
    assert held.undo(dock.job(), wrong, ANNA) == [wrong]
    assert dock.rows(
        "SELECT item_id, title FROM live_items JOIN items USING (vendor, item_id, row_hash) ORDER BY 1"
    ) == [
        ("1", "Lamp"),
        ("2", "Mug"),
    ]
    dock.deliver(feed("1,Wrong,,1,", "3,Wrong too,,1,"))
    assert dock.night() == {"held": 1}  # the same bytes are not taken again by themselves
    assert "anna undid" in dock.last()["sentence"]
    dock.deliver(feed("1,Lamp,,1,", "2,Mug,,1,"))
    assert dock.night() == {"repeated": 1}
    dock.deliver(feed("1,Lamp,,2,", "2,Mug,,1,"))
    assert dock.night() == {"accepted": 1}
    assert dock.statuses() == ["changed", "unchanged"]


def test_undo_of_an_older_delivery_needs_a_word_about_the_later_ones(dock: Dock) -> None:
    ids = []
    for count in (3, 4, 5):
        dock.deliver(feed(*many(count)))
        dock.night()
        ids.append(dock.last()["delivery_id"])
    with pytest.raises(CatalogError, match="1 later deliveries") as caught:
        held.undo(dock.job(), ids[1], ANNA)
    assert f"catalog feeds undo {ids[1]} --with-later" in caught.value.remedy
    assert held.undo(dock.job(), ids[1], ANNA, with_later=True) == [ids[2], ids[1]]
    assert len(dock.live()) == 3
    with pytest.raises(CatalogError, match="is undone"):
        held.undo(dock.job(), ids[1], ANNA)


def test_an_older_file_does_not_come_to_stand_over_a_newer_one(dock: Dock) -> None:
    dock.deliver(feed(*many(10)))
    dock.night()
    dock.deliver(feed(*many(1)))
    dock.night()
    shrunk = dock.last()["delivery_id"]
    dock.deliver(feed(*many(11)))
    dock.night()
    newer = dock.last()["delivery_id"]
    with pytest.raises(CatalogError, match="was accepted") as caught:
        held.release(dock.job(), shrunk, ANNA)
    assert f"catalog feeds undo {newer}" in caught.value.remedy
    held.undo(dock.job(), newer, ANNA)
    held.release(dock.job(), shrunk, ANNA)
    held.retry(dock.job(), newer, ANNA)
    assert dock.night() == {"accepted": 2}
    assert len(dock.live()) == 11


@pytest.mark.parametrize("name", ["ffff", "a", ""])
def test_an_id_that_names_nothing_is_refused(dock: Dock, name: str) -> None:
    with pytest.raises(CatalogError, match="names no delivery"):
        held.release(dock.job(), name, ANNA)


def test_a_copy_that_is_gone_is_said_at_once(dock: Dock) -> None:
    dock.deliver(feed())
    dock.night()
    for path in [*dock.workspace.staged.iterdir(), *(dock.workspace.feeds / "acme" / "done").iterdir()]:
        path.unlink()
    with pytest.raises(CatalogError, match="no copy") as caught:
        held.release(dock.job(), dock.last()["delivery_id"], ANNA)
    assert "feeds/acme" in caught.value.remedy


def test_files_on_hold_wait_by_vendor_or_by_name(dock: Dock) -> None:
    held.hold(dock.job(), "acme", None, ANNA)
    held.hold(dock.job(), "bolt", "b.csv", ANNA)
    dock.deliver(TEXT)
    for name in ("a.csv", "b.csv"):
        dock.deliver(feed(f"{name},Lamp,,1,"), name=name, vendor="bolt")
    assert dock.night() == {"accepted": 1}
    assert dock.live() == ["a.csv"]
    with pytest.raises(CatalogError, match="anna told them to wait"):
        held.hold(dock.job(), "acme", None, ANNA)
    assert held.lift(dock.job(), "acme", None, ANNA) and not held.lift(dock.job(), "acme", None, ANNA)
    assert dock.night() == {"accepted": 1}
    assert held.lift(dock.job(), "bolt", "b.csv", ANNA)
    assert dock.night() == {"accepted": 1}


# ---------------------------------------------------------------- late vendors


def test_what_mappings_say_about_being_due_is_kept_when_it_changes(dock: Dock) -> None:
    dock.mapping('[delivery]\nexpected_every = "24h"\n')
    dock.mapping('[delivery]\nexpected_every = "2d"\n', vendor="bolt")
    for _ in range(2):
        note_schedules(dock.store, dock.workspace)
    assert dock.rows("SELECT vendor, seconds FROM vendor_schedules ORDER BY 1") == [("acme", 86_400), ("bolt", 172_800)]
    dock.mapping("")
    dock.mapping("broken = [", vendor="bolt")
    note_schedules(dock.store, dock.workspace)
    assert dock.rows("SELECT vendor FROM vendor_schedules") == [("bolt",)]
    assert dock.rows("SELECT count(*) FROM schedules") == [(3,)]
    assert late_vendors(dock.store) == []
    dock.store.execute("UPDATE schedules SET noted_at = ?", [datetime.now(UTC) - timedelta(days=3)])
    (line,) = late_vendors(dock.store)
    assert line.startswith("bolt is late: due by ") and "never delivered" in line
    assert late_vendors(dock.store, "acme") == []


# ---------------------------------------------------------------- the commands


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A workspace with a taxonomy and no model."""
    made = init(tmp_path / "ws")
    made.settings_file.write_text("[feeds]\nsettle_seconds = 0\n")
    with opened(made.root) as session:
        save_taxonomy(session.store, from_paths(["Home > Lamps", "Home > Mugs"]), "test")
    return made.root


def put(place: Path, *rows: str) -> None:
    folder = place / "feeds" / "acme"
    folder.mkdir(exist_ok=True)
    (folder / "items.csv").write_text(feed(*rows))


def run(*words: str, place: Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*words, "-w", str(place)])
    if isinstance(result.exception, CatalogError):
        return 1, str(result.exception)
    return result.exit_code, result.output


def test_a_morning_at_the_desk(place: Path) -> None:
    put(place, *many(10))
    assert run("nightly", place=place)[0] == 0
    put(place, *many(2))
    status, said = run("nightly", place=place)
    assert status == 65 and "catalog feeds list" in said
    _, listed = run("feeds", "list", place=place)
    (command,) = [line.partition("catalog ")[2] for line in listed.splitlines() if "feeds release" in line]
    assert run("feeds", "hold", "acme", "--by", "anna", "--file", "other.csv", place=place)[0] == 0
    assert run(*command.replace("NAME", "anna").split(), "--note", "seen", place=place)[0] == 0
    assert "the next night takes it" in run("feeds", "list", place=place)[1]
    status, said = run("nightly", place=place)
    assert status == 0 and "gone" in said
    _, listed = run("feeds", "list", "--vendor", "acme", place=place)
    assert "it became" in listed and "other.csv" in listed
    (command,) = [line.partition("catalog ")[2] for line in listed.splitlines() if "feeds undo" in line]
    status, said = run(*command.replace("NAME", "anna").split(), place=place)
    assert status == 0 and "catalog nightly" in said
    assert run("nightly", place=place)[0] == 0
    _, answer = run("sql", "SELECT count(*) AS items FROM live_items", "-o", "csv", place=place)
    assert answer.split() == ["items", "10"]
    assert "Nothing to do" in run("nightly", place=place)[1]
    assert run("feeds", "retry", command.split()[2], "--by", "anna", place=place)[0] == 0
    assert run("feeds", "release", "acme", "--file", "other.csv", "--by", "anna", place=place)[0] == 0
    assert run("feeds", "release", "nobody", "--by", "anna", place=place)[0] == 1


def test_a_late_vendor_is_in_the_summary_the_report_and_the_exit_status(place: Path) -> None:
    (place / "vendors" / "bolt.toml").write_text('[delivery]\nexpected_every = "1h"\n')
    put(place, *many(3))
    assert run("nightly", place=place)[0] == 0
    with opened(place) as session:
        session.store.execute("UPDATE schedules SET noted_at = ?", [datetime.now(UTC) - timedelta(days=3)])
        session.store.execute("UPDATE publications SET made = NULL")  # facts never change elsewhere
    status, said = run("nightly", place=place)
    assert status == 65 and "bolt is late" in said and "Nothing to do" in said
    put(place, *many(4))
    assert run("nightly", place=place)[0] == 65
    page = max(place.glob("reports/000*.html")).read_text()
    assert 'bad">late</span>' in page
    (place / "catalog.toml").write_text("[feeds]\nsettle_seconds = 0\nmax_refused = 1\n")
    assert run("nightly", place=place)[0] == 0
    assert run("nightly", "--vendor", "acme", place=place)[0] == 0


def needs(place: Path) -> list[str]:
    """The lines of `catalog status` about deliveries."""
    status, said = run("status", place=place)
    assert status == 0
    marks = ("late ", "held ", "refused ", "on hold ", "incomplete ", "              and ")
    return [line for line in said.splitlines() if line.startswith(marks)]


def test_the_status_names_what_needs_a_person_and_is_short_when_nothing_does(place: Path) -> None:
    put(place, *many(10))
    assert run("nightly", place=place)[0] == 0
    assert needs(place) == []
    (place / "vendors" / "acme.toml").write_text('[delivery]\nexpected_every = "1h"\n')
    put(place, *many(2))
    status, said = run("nightly", place=place)
    assert status == 65 and "Its items stay as its file of" in said and "marked stale" in said
    asked = "SELECT live, stale, last_accepted_at < stale_since AS before FROM vendor_freshness"
    assert run("sql", asked, "-o", "csv", place=place)[1].split() == ["live,stale,before", "10,true,true"]
    assert 'bad">stale</span> since' in max(place.glob("reports/000*.html")).read_text()
    assert "late: none; stale: acme" in run("status", place=place)[1]
    (line,) = needs(place)
    assert line.startswith("held          acme, items.csv: The file has 2 items") and "catalog feeds release" in line
    with opened(place) as session:
        session.store.execute("UPDATE deliveries SET received_at = received_at - INTERVAL 3 DAY")
        session.store.execute("UPDATE schedules SET noted_at = noted_at - INTERVAL 3 DAY")
    late, waits = needs(place)
    assert late.startswith("late          acme is late") and "Its youngest was held: catalog feeds list" in late
    command = waits.partition("catalog ")[2].replace("NAME", "anna")
    assert run(*command.split(), place=place)[0] == 0
    assert [line.partition(" ")[0] for line in needs(place)] == ["late"]  # it is answered
    assert run("nightly", place=place)[0] == 0
    assert needs(place) == [] and "stale: none" in run("status", place=place)[1]
    assert run("sql", asked, "-o", "csv", place=place)[1].split() == ["live,stale,before", "2,false,"]


def test_the_status_names_files_that_the_next_night_will_not_take(place: Path) -> None:
    put(place, *many(3))
    assert run("nightly", place=place)[0] == 0
    bolt = place / "feeds" / "bolt"
    bolt.mkdir()
    (bolt / "whole.csv").write_text(feed(*many(3)))
    (bolt / "half.csv").write_text(feed(*many(3)))
    (bolt / "half.csv.manifest.json").write_text(json.dumps({"bytes": 99_999}))
    (bolt / "items.ods").write_bytes(b"x")
    said = needs(place)
    assert len(said) == 2
    assert any(line.startswith("incomplete    bolt, half.csv: ") and "99,999" in line for line in said)
    assert any(line.startswith("refused       bolt, items.ods: ") and "Known formats" in line for line in said)
    assert run("feeds", "hold", "bolt", "--by", "anna", place=place)[0] == 0
    assert all("to have it taken: catalog feeds release bolt --by NAME" in line for line in needs(place))
    for number in range(9):
        (bolt / f"more_2026-01-{number + 1:02d}.csv").write_text(feed(*many(number + 1)))
    assert len(needs(place)) == 6 and "and 7 more: catalog feeds list" in needs(place)[-1]


def test_two_full_files_in_one_night_balance_though_the_second_lacks_an_item(place: Path) -> None:
    folder = place / "feeds" / "acme"
    folder.mkdir()
    (folder / "a_2026-01-01.csv").write_text(feed(*many(3)))
    (folder / "a_2026-01-02.csv").write_text(feed(*many(2), *many(1, start=7)))
    status, said = run("nightly", place=place)
    assert status == 0 and "withdrawn" in said and "do NOT" not in said
    with opened(place) as session:
        assert session.store.query("SELECT rows_in, review, withdrawn, gone FROM run_summary").row(0) == (6, 5, 1, 1)


def test_an_undone_delivery_of_a_killed_night_leaves_the_counts_even(place: Path) -> None:
    put(place, *many(3))
    assert run("nightly", place=place)[0] == 0
    put(place, *many(5))
    with opened(place) as session:
        found = nightly.to_take(session)
        run_id, _ = nightly.begin(session, found)
        nightly.step(session, "ingest", run_id or "", found)
        wrong = session.store.one("SELECT delivery_id FROM deliveries ORDER BY received_at DESC LIMIT 1")
    assert run("feeds", "undo", wrong, "--by", "anna", place=place)[0] == 0
    assert run("nightly", place=place)[0] == 0
    with opened(place) as session:
        summary = session.store.query("SELECT rows_in, review, undone FROM run_summary ORDER BY run_id")
        assert summary.equals(
            pl.DataFrame({"rows_in": [3, 0], "review": [3, 0], "undone": [0, 5]}, schema=summary.schema)
        )
