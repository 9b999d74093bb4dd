"""What a publication takes over from the one before is what it would have built whole."""

from dataclasses import replace

import pytest
from hand_made import busy, hand_made, hour, job, rows

from catalog.publishing import carrying, publication, views
from catalog.publishing.publication import Edition
from catalog.publishing.reader import query_published
from catalog.settings import Review, Settings
from pipelines import publish


@pytest.fixture
def place(tmp_path):
    workspace, store = hand_made(tmp_path)
    publish.run(job(workspace, store))
    yield workspace, store
    store.close()


def _taken_over(workspace, store, names: bool = False) -> bool:
    """Whether the next publication would begin with a copy of the last."""
    copy = workspace.published / ".tmp-try"
    begun = carrying.copied(store, workspace.published_db, copy, carrying.texts(names=names))
    assert copy.exists() == begun
    copy.unlink(missing_ok=True)
    return begun


def _contents(file) -> dict:
    """Every table and view of a published file, by name."""
    first, last = views.tables()
    named = [statement.name for statement in [*first, *views.standing(), *last, *views.questions()]]
    return {name: query_published(file, f"SELECT * FROM {name} ORDER BY ALL").rows() for name in named}


def _as_built_whole(workspace, store, tmp_path) -> None:
    """Publishes over the last file and beside it, and compares everything in the two."""
    assert _taken_over(workspace, store)
    edition = Edition("000009-again", hour(90))
    publication.publish(store, tmp_path / "whole" / "catalog.duckdb", edition)
    publication.publish(store, workspace.published_db, edition)
    carried, whole = (_contents(file) for file in (workspace.published_db, tmp_path / "whole" / "catalog.duckdb"))
    for name, found in whole.items():
        assert carried[name] == found, name


def test_new_changed_and_withdrawn_items_come_as_if_built_whole(place, tmp_path):
    workspace, store = place
    before = query_published(workspace.published_db, "SELECT item_id, row_hash FROM items ORDER BY ALL").rows()
    busy(store)  # 22 items of another vendor
    store.execute("UPDATE items SET product_id = NULL WHERE vendor <> 'dome'")  # no night changes a version, busy does
    key = {"vendor": "acme", "item_id": "a1", "row_hash": "row-a1-dearer", "input_hash": "in-a1"}
    rows(store, "deliveries", {
        "delivery_id": "acme-9", "vendor": "acme", "delivery_no": 9, "run_id": "000005-eeee", "kind": "full", "rows_in": 1,
        "status": "accepted", "received_at": hour(51),
    })  # fmt: skip
    rows(store, "items", {**key, "title": "Dearer", "created_at": hour(51)})
    rows(store, "sightings", {**key, "delivery_id": "acme-9", "delivery_no": 9, "line": 2, "status": "changed"})
    _as_built_whole(workspace, store, tmp_path)
    after = query_published(workspace.published_db, "SELECT item_id, row_hash FROM items ORDER BY ALL").rows()
    assert ("a1", "row-a1-dearer") in after and len(after) > 22
    assert {row for row in before if row[0].startswith("a")}.isdisjoint(after)  # a1 as it was, and what was withdrawn


def test_where_nothing_changed_the_file_stays_as_large_as_it_is(place):
    workspace, store = place
    sizes = []
    for _ in range(4):
        assert _taken_over(workspace, store)
        publish.run(job(workspace, store))
        sizes.append(workspace.published_db.stat().st_size)
    assert sizes[-1] == sizes[1]


def test_a_file_this_database_did_not_publish_last_is_not_taken_over(place):
    workspace, store = place
    other = workspace.published_db.read_bytes()
    publish.run(job(workspace, store))
    assert _taken_over(workspace, store)
    workspace.published_db.unlink()
    assert not _taken_over(workspace, store)
    workspace.published_db.write_bytes(other)  # as after a restore, or a publication killed after its rename
    assert not _taken_over(workspace, store)


def test_a_file_with_names_is_not_taken_over_into_one_without(place):
    workspace, store = place
    publish.run(replace(job(workspace, store), settings=Settings(review=Review(names="names"))))
    assert _taken_over(workspace, store, names=True)
    assert not _taken_over(workspace, store)


def test_items_are_written_anew_where_most_on_the_disk_are_deleted(place, tmp_path):
    workspace, store = place
    target = tmp_path / "copy.duckdb"
    assert carrying.copied(store, workspace.published_db, target, carrying.texts(names=False))
    with store.building(target, storage_version=publication.STORAGE_VERSION):
        store.execute("DELETE FROM building.main.items WHERE rowid < 3")
        assert not carrying.emptied(store)
        assert store.query("SELECT table_name FROM duckdb_tables() WHERE database_name = 'building'").height == 0
