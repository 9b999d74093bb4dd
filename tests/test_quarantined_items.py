"""A row that names its item and breaks a rule: in a full delivery the item stays as it was, for the vendor still has it."""

from pathlib import Path

import pytest
from test_deliveries import ANNA, DELTA, Dock, place, put, run
from test_ingest import feed, many

from catalog.deliveries import held
from pipelines.session import opened

__all__ = ["place"]
TITLES = "SELECT item_id, title FROM live_items JOIN items USING (vendor, item_id, row_hash) ORDER BY 1"
SETTLED = "SELECT rows_in, review, quarantine, duplicate, withdrawn, gone, kept FROM run_summary ORDER BY run_id"


@pytest.fixture
def dock(tmp_path: Path):
    made = Dock(tmp_path)
    yield made
    made.store.close()


def test_only_ids_the_file_lacks_are_gone(dock: Dock) -> None:
    dock.deliver(feed(*many(9)))
    dock.night()
    before = dict(dock.rows(TITLES))
    bad = [
        "0001,Lamp one,Lumo,free,",
        "0002,,Lumo,1,",
        "0003,Red lamp,Lumo,1,",
        "0003,Blue lamp,Lumo,1,",
        ",Lamp 4,,1,",
    ]
    dock.deliver(feed(*many(1), *bad, *many(3, start=5)))
    assert dock.night() == {"accepted": 1}
    assert dock.live() == ["0000", "0001", "0002", "0003", "0005", "0006", "0007"]  # 4 has no id in its row
    assert dock.statuses() == ["unchanged", "kept", "kept", "kept", *["unchanged"] * 3]
    assert dict(dock.rows(TITLES)) == {item: before[item] for item in dock.live()}
    assert dock.rows("SELECT item_id FROM departures ORDER BY 1") == [("0004",), ("0008",)]
    assert dock.rows("SELECT item_id, rule FROM rejects ORDER BY line") == [
        ("0001", "bad_price"),
        ("0002", "nothing_to_classify"),
        *[("0003", "duplicate_id")] * 2,
        (None, "missing_item_id"),
    ]
    dock.deliver(feed(*many(2), "0002,Lamp two,Lumo,2.50,", *many(4, start=3)))
    dock.night()
    assert dock.statuses() == ["unchanged", "unchanged", "changed", "unchanged", "new", "unchanged", "unchanged"]


def test_a_bad_row_brings_no_item_back_and_saves_none_from_its_deletion(dock: Dock) -> None:
    dock.mapping('[columns]\nitem_id = "item_id"\ntitle = "title"\naction = "action"\n')
    header = "item_id,title,action"
    dock.deliver(feed("1,Lamp,", "2,Mug,", "3,Rug,", "4,Vase,", header=header))
    dock.night()
    dock.deliver(feed("1,Lamp,", "2,Mug,delete", "3,Rug,", header=header))
    dock.night()
    dock.deliver(feed("1,Lamp,", "2,Mug,sell", '="3",Rug,sell', "4,Vase,sell", "5,New,sell", header=header))
    dock.night()
    assert dock.live() == ["1", "3"]  # the id reads as in other rows
    dock.deliver(feed("1,Lamp,", "3,,delete", "3,Rug,sell", header=header))
    dock.night()
    assert dock.live() == ["1"]


def test_a_row_of_another_shape_still_names_its_item(dock: Dock) -> None:
    dock.deliver(feed(*many(200)))
    dock.night()
    dock.deliver(feed(*many(199), " 0199 ,Lamp,Lumo,1,,,too,many"))
    assert dock.night() == {"accepted": 1}
    assert dock.rows("SELECT item_id, rule FROM rejects") == [("0199", "ragged")]
    assert len(dock.live()) == 200


def test_a_good_row_beside_a_bad_one_counts(dock: Dock) -> None:
    dock.deliver(feed(*many(3)))
    dock.night()
    dock.deliver(feed("0001,Lamp one,Lumo,free,", "0001,Lamp one,Lumo,2,", *many(1), *many(1, start=2)))
    dock.night()
    assert dict(dock.rows(TITLES))["0001"] == "Lamp one"
    assert "kept" not in dock.statuses()


def test_a_delta_needs_no_item_kept(dock: Dock) -> None:
    dock.deliver(feed(*many(3)))
    dock.night()
    dock.mapping(DELTA)
    dock.deliver(feed("0001,Lamp,Lumo,free,"))
    dock.night()
    assert len(dock.live()) == 3
    assert dock.rows("SELECT count(*) FROM sightings WHERE status = 'kept'") == [(0,)]


def test_items_of_bad_rows_cannot_vanish_behind_the_guard(dock: Dock) -> None:
    """A file half of bad rows is taken; the next, with the good half's half, names a quarter of what is live."""
    dock.deliver(feed(*many(20)))
    dock.night()
    bad = [f"{n:04d},Lamp,Lumo,free," for n in range(10, 20)]
    dock.deliver(feed(*many(10), *bad))
    assert dock.night() == {"accepted": 1}
    dock.deliver(feed(*many(5)))
    assert dock.night() == {"held": 1}
    assert "5 items, the last full delivery had 20" in dock.last()["sentence"]
    assert len(dock.live()) == 20
    dock.deliver(feed(*many(9), *bad))  # as many as ever: what was usual yesterday needs no person today
    assert dock.night() == {"accepted": 1}
    assert len(dock.live()) == 19


def test_a_file_of_mostly_bad_rows_waits_for_a_person_who_need_not_say_so_twice(dock: Dock) -> None:
    dock.deliver(feed(*many(20)))
    dock.night()
    bad = [f"{n:04d},Lamp,Lumo,free," for n in range(5, 20)]
    dock.deliver(feed(*many(5), *bad))
    assert dock.night() == {"held": 1}
    assert "75% fewer" in dock.last()["sentence"] and "rows of 15 more are quarantined" in dock.last()["sentence"]
    held.release(dock.job(), dock.last()["delivery_id"], ANNA)
    assert dock.night() == {"accepted": 1}
    dock.deliver(feed(*many(4), *bad, *many(1, start=30)))
    assert dock.night() == {"accepted": 1}
    assert dock.live() == [f"{n:04d}" for n in (*range(4), *range(5, 20), 30)]
    dock.deliver(feed(*bad))
    assert dock.night() == {"held": 1}
    assert dock.last()["reason"] == "empty"


def test_undo_takes_the_keeping_back_too(dock: Dock) -> None:
    dock.deliver(feed(*many(4)))
    dock.night()
    dock.deliver(feed(*many(3), "0003,,Lumo,1,"))
    dock.night()
    assert held.undo(dock.job(), dock.last()["delivery_id"], ANNA)
    assert len(dock.live()) == 4
    assert dock.rows("SELECT delivery_no FROM live_items WHERE item_id = '0003'") == [(1,)]
    (first,) = (row[0] for row in dock.rows("SELECT delivery_id FROM deliveries WHERE delivery_no = 1"))
    held.undo(dock.job(), first, ANNA)
    assert dock.live() == []


def test_the_counts_balance_and_say_how_many_stay(place: Path) -> None:
    put(place, *many(10))
    assert run("nightly", place=place)[0] == 0
    put(place, *many(7), "0007,Lamp,Lumo,free,", "0008,,Lumo,1,", "0077,New lamp,Lumo,free,")
    status, said = run("nightly", place=place)
    assert status == 0 and "kept" in said and "do NOT" not in said
    put(place, *many(7), "0007,Lamp,Lumo,free,", "0008,,Lumo,1,", "0077,New lamp,Lumo,free,")
    assert run("nightly", place=place)[0] == 0  # the same again
    with opened(place) as session:
        assert session.store.query(SETTLED).rows()[:2] == [(10, 10, 0, 0, 0, 0, 0), (10, 7, 3, 0, 0, 1, 2)]
    _, answer = run("sql", "SELECT count(*) AS items FROM live_items", "-o", "csv", place=place)
    assert answer.split() == ["items", "9"]
