"""Label files become standing decisions, and nothing else moves."""

import json
from pathlib import Path

import pytest

from catalog.errors import CatalogError, FeedRefused
from catalog.jobs import Job, start_run
from catalog.settings import Feeds, Settings, Workspace
from catalog.store import Store
from catalog.taxonomies.taxonomy import from_paths
from catalog.taxonomies.versions import current_version, latest_taxonomy, save_taxonomy, taxonomy_version
from pipelines import labels

PATHS = ["Home > Light > Lamps", "Home > Light > Candles", "Home > Kitchen > Mugs", "Garden > Tools > Rakes"]
HEADER = "item_id,title,price,category_path"


class Desk:
    """A workspace with a taxonomy, into which label files are imported."""

    def __init__(self, root: Path) -> None:
        self.workspace = Workspace(root / "ws")
        self.folder = root
        self.store = Store.open(self.workspace.work_db)
        self.settings = Settings(feeds=Feeds(batch_rows=5))
        save_taxonomy(self.store, from_paths(PATHS), "test")

    def load(self, *rows: str, header: str = HEADER, name: str = "labels.csv", **how) -> dict[str, int]:
        file = self.folder / name
        file.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        job = Job(self.workspace, self.settings, self.store, start_run(self.store, "labels", "k" * 8))
        return labels.run(job, file, **how)

    def rows(self, sql: str) -> list[tuple]:
        return self.store.query(sql).rows()


@pytest.fixture
def desk(tmp_path: Path):
    made = Desk(tmp_path)
    yield made
    made.store.close()


def test_each_item_gets_one_decision_bound_to_its_content(desk: Desk) -> None:
    counts = desk.load("1,Lamp,5,Home > Light > Lamps", "2,Mug,3,Home>Kitchen>Mugs", vendor="acme")
    assert counts == {"rows": 2, "labels": 2, "duplicate": 0, "quarantined": 0, "repeated": 0}
    decisions = desk.rows(
        """SELECT d.vendor, d.item_id, d.category_id, d.verdict, d.source, d.who, d.random, d.seq, d.taxonomy_version
           FROM decisions d JOIN items i USING (vendor, item_id, input_hash) ORDER BY seq"""
    )
    version = current_version(desk.store)
    assert decisions == [
        ("acme", "1", "Home > Light > Lamps", "category", "label", "import", False, 1, version),
        ("acme", "2", "Home > Kitchen > Mugs", "category", "label", "import", False, 2, version),
    ]
    assert desk.rows("SELECT kind, status, rows_in, delivery_no FROM deliveries") == [("labels", "accepted", 2, 1)]
    assert desk.rows("SELECT item_id, status FROM sightings ORDER BY 1") == [("1", "new"), ("2", "new")]


def test_a_vendor_column_makes_a_delivery_per_vendor(desk: Desk) -> None:
    header = "vendor,item_id,title,category_path"
    lamp = "Home > Light > Lamps"
    desk.load(f"acme,1,Lamp,{lamp}", f"bolt,1,Light,{lamp}", f",3,Torch,{lamp}", f"../x,4,Bad,{lamp}", header=header)
    assert desk.rows("SELECT vendor, rows_in, delivery_no FROM deliveries ORDER BY 1") == [
        ("acme", 1, 1),
        ("bolt", 1, 1),
        ("catalogue", 2, 1),
    ]
    assert desk.rows("SELECT vendor, item_id, rule, detail FROM rejects") == [("catalogue", "4", "bad_vendor", "../x")]


def test_the_same_file_again_changes_nothing(desk: Desk) -> None:
    rows = [f"{n},Lamp {n},5,Home > Light > Lamps" for n in range(12)]
    desk.load(*rows)
    before = {table: desk.rows(f"SELECT * FROM {table}") for table in ("items", "sightings", "decisions", "deliveries")}
    assert desk.load(*rows)["repeated"] == 12
    for table, found in before.items():
        assert desk.rows(f"SELECT * FROM {table}") == found


def test_under_a_new_taxonomy_the_same_file_is_read_again(desk: Desk) -> None:
    rows = ["1,Lamp,5,Home > Light > Lamps", "2,Rug,3,Home > Floor > Rugs"]
    assert desk.load(*rows)["quarantined"] == 1
    save_taxonomy(desk.store, from_paths([*PATHS, "Home > Floor > Rugs"]), "second")
    assert desk.load(*rows)["labels"] == 2
    assert desk.rows("SELECT status FROM sightings WHERE delivery_no = 2 ORDER BY item_id") == [
        ("unchanged",),
        ("new",),
    ]


def test_a_label_that_changed_its_mind_is_appended_and_the_last_stands(desk: Desk) -> None:
    lamp, candle = "1,Lamp,5,Home > Light > Lamps", "1,Lamp,5,Home > Light > Candles"
    for row in (lamp, candle, lamp):
        desk.load(row)
    found = desk.rows("SELECT seq, category_id, decision_id FROM decisions ORDER BY seq")
    assert [category for _, category, _ in found] == [
        "Home > Light > Lamps",
        "Home > Light > Candles",
        "Home > Light > Lamps",
    ]
    assert len({decision for *_, decision in found}) == 3


def test_leaf_names_ids_and_inner_nodes_are_understood(desk: Desk) -> None:
    header = "item_id,title,category_id,category_path"
    counts = desk.load("1,a,,Lamps", "2,b,Home > Light,", "3,c,,garden > TOOLS > rakes", header=header)
    assert counts["labels"] == 3
    assert desk.rows("SELECT category_id FROM decisions ORDER BY item_id") == [
        ("Home > Light > Lamps",),
        ("Home > Light",),
        ("Garden > Tools > Rakes",),
    ]


def test_what_no_category_fits_is_refused_with_a_suggestion(desk: Desk) -> None:
    counts = desk.load("1,a,,Home > Light > Lamp", "2,b,,Rake", "3,c,,Qwxyz", "4,d,,", "5,e,cheap,Lamps", ",f,,Lamps")
    assert (counts["quarantined"], counts["labels"]) == (6, 0)
    found = desk.rows("SELECT line, rule, detail FROM rejects ORDER BY line")
    assert [(line, rule) for line, rule, _ in found] == [
        (2, "unknown_category"),
        (3, "unknown_category"),
        (4, "unknown_category"),
        (5, "missing_category"),
        (6, "bad_price"),
        (7, "missing_item_id"),
    ]
    assert found[0][2].endswith("nearest: Home > Light > Lamps")
    assert found[1][2].endswith("nearest: Garden > Tools > Rakes")
    assert "nearest" not in found[2][2]


def test_who_and_when_come_from_the_file(desk: Desk) -> None:
    header = "item_id,title,category_path,labelled_by,labelled_at"
    counts = desk.load(
        "1,a,Lamps,Ana,2026-03-01T10:00:00+02:00", "2,b,Lamps,,2026-03-02", "3,c,Lamps,Bo,yesterday", header=header
    )
    assert counts["quarantined"] == 1
    found = desk.rows("SELECT who, strftime(decided_at, '%Y-%m-%dT%H:%M') FROM decisions ORDER BY item_id")
    assert found == [("Ana", "2026-03-01T08:00"), ("import", "2026-03-02T00:00")]
    assert desk.rows("SELECT rule, detail FROM rejects") == [("bad_labelled_at", "yesterday")]


def test_random_and_source_are_kept(desk: Desk) -> None:
    desk.load("1,a,,Lamps", random=True, source="pim")
    assert desk.rows("SELECT random, source, who, note FROM decisions") == [(True, "label", "pim", "pim")]


def test_one_item_with_two_categories_gets_neither(desk: Desk) -> None:
    counts = desk.load("1,Lamp,5,Lamps", "1,Lamp,5,Candles", "2,Mug,,Mugs", "2,Mug,,Mugs")
    assert counts == {"rows": 4, "labels": 1, "duplicate": 1, "quarantined": 2, "repeated": 0}
    assert desk.rows("SELECT item_id FROM decisions") == [("2",)]


def test_a_file_without_categories_is_refused_and_leaves_nothing(desk: Desk) -> None:
    with pytest.raises(FeedRefused, match="category_path"):
        desk.load("1,Lamp", header="item_id,title")
    assert desk.rows("SELECT count(*) FROM deliveries") == [(0,)]


def test_without_a_taxonomy_the_error_names_the_command(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_text("item_id,title,category_path\n1,a,b\n")
    with Store.open(tmp_path / "work.duckdb") as store:
        job = Job(Workspace(tmp_path), Settings(), store, "1")
        with pytest.raises(CatalogError, match="catalog taxonomy import"):
            labels.run(job, file)
        with pytest.raises(CatalogError, match="does not exist"):
            labels.run(job, tmp_path / "none.csv")


def test_json_lines_carry_labels_too(desk: Desk) -> None:
    file = desk.folder / "labels.jsonl"
    file.write_text(
        "".join(json.dumps({"item_id": n, "title": "x", "category_path": "Lamps"}) + "\n" for n in range(3))
    )
    job = Job(desk.workspace, desk.settings, desk.store, start_run(desk.store, "labels", "k" * 8))
    assert labels.run(job, file)["labels"] == 3


def test_taxonomy_versions_come_back_as_they_were_saved(desk: Desk) -> None:
    first, second = from_paths(PATHS), from_paths(PATHS[:2])
    assert not save_taxonomy(desk.store, first, "again")
    assert save_taxonomy(desk.store, second, "second")
    assert latest_taxonomy(desk.store).nodes.equals(second.nodes)
    assert save_taxonomy(desk.store, first, "back")
    assert latest_taxonomy(desk.store).version == first.version
    assert taxonomy_version(desk.store, second.version).nodes.equals(second.nodes)
    assert desk.rows("SELECT count(*) FROM categories") == [(first.nodes.height + second.nodes.height,)]
    with pytest.raises(CatalogError, match="not in this workspace"):
        taxonomy_version(desk.store, "nothing")
