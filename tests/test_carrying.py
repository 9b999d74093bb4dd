"""What a publication takes over from the one before is what it would have built whole."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from hand_made import busy, hand_made, hour, job, rows

from catalog.publishing import carrying, patching, publication, views
from catalog.publishing.publication import Edition
from catalog.publishing.reader import query_published, reading
from catalog.settings import Review, Settings, Workspace
from catalog.store import Store
from pipelines import publish


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The workspace of hand_made, published; copy it before changing it."""
    workspace, store = hand_made(tmp_path_factory.mktemp("published"))
    with store:
        publish.run(job(workspace, store))
    return workspace.root


@pytest.fixture
def place(published, tmp_path):
    workspace = Workspace(Path(shutil.copytree(published, tmp_path / "ws")))
    with Store.open(workspace.work_db) as store:
        yield workspace, store


def _taken_over(workspace, store, names: bool = False) -> bool:
    """Whether the next publication would begin with a copy of the last."""
    copy = workspace.published / ".tmp-try"
    begun = carrying.copied(store, workspace.published_db, copy, carrying.texts(store, names=names)) is not None
    assert copy.exists() == begun
    copy.unlink(missing_ok=True)
    return begun


def _contents(file, asked: bool) -> dict:
    """Every table of a published file, by name, and every view where they are asked too."""
    first, last = views.tables()
    named = [one.name for one in [*first, *views.standing(), *last, *(views.questions() if asked else [])]]
    with reading(file) as reader:
        return {name: reader.query(f"SELECT * FROM {name} ORDER BY ALL").rows() for name in named}


def _as_built_whole(workspace, store, tmp_path, asked: bool = True) -> tuple[frozenset[str], frozenset[str]]:
    """Publishes over the last file and beside it, and compares everything in the two; gives the tables that stayed and those
    that were patched."""
    assert _taken_over(workspace, store)
    number = store.one("SELECT count(*) FROM publications")
    edition = Edition(f"00009{number}-again", hour(90 + number))
    whole_file = tmp_path / "whole" / "catalog.duckdb"
    whole_file.unlink(missing_ok=True)
    assert not publication.publish(store, whole_file, edition).stayed
    taken = publication.publish(store, workspace.published_db, edition)
    carried, whole = (_contents(file, asked) for file in (workspace.published_db, whole_file))
    for name, found in whole.items():
        assert carried[name] == found, name
    assert _described(workspace.published_db) == _described(whole_file)
    facts = {"run_id": edition.run_id, "sha256": taken.sha256, "texts": taken.texts, "made": json.dumps(taken.made)}
    rows(store, "publications", facts | {"counts": json.dumps(taken.counts), "published_at": hour(100_000 + number)})
    return taken.stayed, taken.patched


def _described(file) -> list[tuple]:
    """What a published file has, and what its comments say."""
    return query_published(
        file,
        """SELECT table_name, NULL, comment FROM duckdb_tables() UNION ALL SELECT view_name, NULL, comment FROM duckdb_views()
        UNION ALL SELECT table_name, column_name, comment FROM duckdb_columns()
        UNION ALL SELECT function_name, NULL, comment FROM duckdb_functions() WHERE NOT internal ORDER BY ALL""",
    ).rows()


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
    assert sizes[-1] <= sizes[1] + 3 * 262_144  # blocks that one publication frees the next one fills


def test_a_file_this_database_did_not_publish_last_is_not_taken_over(place):
    workspace, store = place
    other = workspace.published_db.read_bytes()
    publish.run(job(workspace, store))
    assert _taken_over(workspace, store)
    workspace.published_db.unlink()
    assert not _taken_over(workspace, store)
    workspace.published_db.write_bytes(other)  # as after a restore, or a publication killed after its rename
    assert not _taken_over(workspace, store)


def test_nothing_is_taken_over_once_something_was_found_broken(place):
    workspace, store = place
    for number, broken in enumerate((0, 1, 0)):
        look = {"run_id": "000004-dddd", "stage": "verify", "finished_at": hour(60 + number)}
        rows(store, "stages", look | {"counts": json.dumps({"asked": 16, "broken": broken})})
        assert _taken_over(workspace, store) == (not broken)


def test_a_file_with_names_is_not_taken_over_into_one_without(place):
    workspace, store = place
    publish.run(replace(job(workspace, store), settings=Settings(review=Review(names="names"))))
    assert _taken_over(workspace, store, names=True)
    assert not _taken_over(workspace, store)


def test_items_are_written_anew_where_most_on_the_disk_are_deleted(place, tmp_path):
    workspace, store = place
    target = tmp_path / "copy.duckdb"
    assert carrying.copied(store, workspace.published_db, target, carrying.texts(store, names=False)) is not None
    with store.building(target, storage_version=publication.STORAGE_VERSION):
        store.execute("DELETE FROM building.main.items WHERE rowid < 3")
        assert not carrying.emptied(store, (), ()).items
        assert store.query("SELECT table_name FROM duckdb_tables() WHERE database_name = 'building'").height == 0


def test_where_no_fact_is_new_all_but_what_tells_of_the_run_stays(place, tmp_path):
    workspace, store = place
    stayed, patched = _as_built_whole(workspace, store, tmp_path)
    every = {table.name for tables in (*views.tables(), views.standing()) for table in tables}
    assert every - stayed == {"freshness", "publications", "live_leases", "sheet_tokens", "backlog"}
    assert patched == {"backlog"}


def test_a_file_that_only_came_again_leaves_what_stands_alone(place, tmp_path):
    workspace, store = place
    rows(store, "deliveries", {
        "delivery_id": "acme-9", "vendor": "acme", "delivery_no": 9, "run_id": "000004-dddd", "kind": "full", "rows_in": 1,
        "status": "repeated", "received_at": hour(51),
    })  # fmt: skip
    stayed, _ = _as_built_whole(workspace, store, tmp_path)
    assert stayed >= {"items", "live_items", "placements", "category_history", "row_flows", "item_predictions"}
    assert "delivery_runs" not in stayed


# A fact each, and a table that follows from it.
NEW = {
    "routes": ("standing_routes", {
        "seq": 900, "vendor": "acme", "item_id": "a5", "row_hash": "row-a5", "input_hash": "in-a5", "outcome": "placed",
        "category_id": "111", "decided_by": "model", "run_id": "000004-dddd", "routed_at": hour(60),
    }),
    "delivery_orders": ("live_items", {"delivery_id": "acme-2", "word": "undo", "said_at": hour(61)}),
    "decisions": ("decisions", {
        "decision_id": "d900", "seq": 900, "vendor": "acme", "item_id": "a5", "input_hash": "in-a5", "verdict": "category",
        "category_id": "112", "who": "anna", "source": "review", "run_id": "000004-dddd", "decided_at": hour(62),
    }),
    "runs": ("runs", {"run_id": "000010-ffff", "job": "labels", "started_at": hour(63)}),
}  # fmt: skip


def test_a_new_fact_is_in_every_table_that_follows_from_it(place, tmp_path):
    workspace, store = place
    first, last = views.tables()
    tables = [*first, *views.standing(), *last]
    for fact, (table, record) in NEW.items():
        before = carrying.Origins(store).of(tables)
        columns = store.query(f"SELECT * FROM {fact} LIMIT 0").columns
        rows(store, fact, {name: value for name, value in record.items() if name in columns})
        assert carrying.Origins(store).of(tables)[table] != before[table], fact
    stayed, _ = _as_built_whole(workspace, store, tmp_path)
    assert not stayed & {table for table, _ in NEW.values()}


def _route(seq: int, vendor: str, item: str, **facts) -> tuple[str, dict]:
    key = {"vendor": vendor, "item_id": item, "row_hash": f"row-{item}-1", "input_hash": f"in-{item}"}
    settled = {"outcome": "review", "reason": "unsure", "parent_id": "11", "routed_at": hour(60 + seq)}
    return "routes", {
        **key,
        "seq": 100 + seq,
        "model_id": "m2",
        "policy_id": "p2",
        "run_id": "000004-dddd",
        **settled,
        **facts,
    }


def _delivered(vendor: str, no: int, kind: str, items: dict[str, int]) -> list[tuple[str, dict]]:
    """A delivery of versions of items, by item; the first version of an item is new."""
    of = {"vendor": vendor, "delivery_id": f"{vendor}-{no}", "delivery_no": no}
    taken = {
        "run_id": "000004-dddd",
        "kind": kind,
        "rows_in": len(items),
        "status": "accepted",
        "received_at": hour(50 + no),
    }
    found = [("deliveries", of | taken)]
    for line, (item, version) in enumerate(items.items(), start=2):
        key = {"vendor": vendor, "item_id": item, "row_hash": f"row-{item}-{version}", "input_hash": f"in-{item}"}
        found.append(("sightings", of | key | {"line": line, "status": "changed"}))
        if version not in (1, 2):
            found.append(("items", key | {"title": f"{item} version {version}", "created_at": hour(50 + no)}))
    return found


def _sheet(number: int, *items: str) -> list[tuple[str, dict]]:
    sheet = {"export_id": f"e{number}", "run_id": f"00000{number}-dddd"}
    keys = [{"vendor": "acme", "item_id": item, "input_hash": f"in-{item}"} for item in items]
    return [("exports", sheet | {"rows": len(items), "exported_at": hour(60 + number)})] + [
        ("export_rows", key | {"export_id": f"e{number}", "token": f"T{number}-{key['item_id']}"}) for key in keys
    ]


_PREDICTED = {
    "model_id": "m2",
    "leaf_id": "112",
    "probability": 0.7,
    "top_ids": ["112", "111"],
    "predicted_at": hour(70),
}
ROUTED = {"standing_routes", "first_categories", "category_history", "placements", "backlog"}
SEEN = {"item_predictions", "placements", "backlog", "category_history"}
# What comes for items, night after night, and the tables that are made anew in part.
NIGHTS = (
    # what is live stays: versions of items are read of the work file even so
    ([_route(1, "acme", "a5", outcome="placed", category_id="111", decided_by="model")], ROUTED),
    (
        [
            *(*_delivered("bolt", 4, "delta", {"b1": 3, "b3": 3}), ("predictions", {"input_hash": "in-a2", **_PREDICTED})),
            *(_route(2, "bolt", "b3", group_id="g9"), _route(3, "acme", "a1", group_id="g9"), *_sheet(5, "a1")),
        ],
        SEEN | ROUTED,
    ),
    # another model serves: other candidates for all
    ([("promotions", {"model_id": "m1", "seq": 3, "action": "rollback", "promoted_at": hour(80)})], set()),
    # a5 leaves, b3 is alone in its group
    (
        [
            *_delivered("acme", 3, "full", {"a1": 2, "a2": 1}),
            _route(5, "acme", "a1", outcome="decided", category_id="112", decided_by="person"),
        ],
        SEEN | ROUTED,
    ),
    ([("delivery_orders", {"delivery_id": "acme-3", "word": "undo", "said_at": hour(70)})], SEEN - {"category_history"}),
    # a4 comes and goes in one night
    ([*_delivered("acme", 4, "delta", {"a4": 1}), *_delivered("acme", 5, "full", {"a2": 1})], SEEN),
)  # fmt: skip


def test_rows_of_changed_items_alone_are_made_anew(place, tmp_path, monkeypatch):
    workspace, store = place
    seen = set()
    for number, (facts, patched) in enumerate(NIGHTS):
        for table, record in facts:
            rows(store, table, record)
        found = _as_built_whole(workspace, store, tmp_path, asked=False)[1]
        assert found <= patched, (number, found)  # where much is deleted a table is built whole
        seen |= {(table, number) for table in found}
    assert {table for table, _ in seen} == patching.TABLES.keys() and len(seen) > 15
    store.execute("DELETE FROM routes WHERE seq = 7")
    rows(store, *_route(6, "bolt", "b1"))
    assert not _as_built_whole(workspace, store, tmp_path, asked=False)[1]  # rows are gone: nobody knows whose
    monkeypatch.setattr(patching, "_FEW", 0)
    for seq, (vendor, item) in enumerate((("acme", "a2"), ("bolt", "b1"), ("bolt", "b2"), ("archive", "x1")), start=7):
        rows(store, *_route(seq, vendor, item))
    assert not _as_built_whole(workspace, store, tmp_path, asked=False)[1] & ROUTED  # much changed


def test_published_facts_read_their_own_table_alone():
    # what stays in the new file would else be read in the place of facts, under pseudonyms
    first, last = views.tables()
    named = {table.name for table in [*first, *views.standing(), *last]}
    for table in first:
        assert table.words & named <= {table.name, carrying.TABLE}, table.name


def test_macros_in_expressions_read_no_facts():
    # what they read would be no part of what a table follows from; the version of the schema is
    first, last = views.tables()
    named = {table.name for table in [*first, *views.standing(), *last]}
    assert not [macro.name for macro in views.macros() if macro.words & named]
