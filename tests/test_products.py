"""Items that share a product stand together by one decision; where they cannot, a view says so."""

from pathlib import Path

import polars as pl
import pytest
from hand_made import HOSES, KETTLES, KITCHEN, PANS, hand_made, hour, job, rows

from catalog.integrity.invariants import INVARIANTS
from catalog.publishing import views
from catalog.settings import Workspace
from catalog.store import Store
from pipelines import route


@pytest.fixture
def place(tmp_path: Path):
    workspace, store = hand_made(tmp_path)
    views.create(store)
    yield workspace, store
    store.close()


def stock(store: Store, *items: tuple[str, str, str, str]) -> None:
    """More live items of a vendor's delta: vendor, item, title, product."""
    known = store.one("SELECT coalesce(max(delivery_no), 0) FROM deliveries")
    for n, vendor in enumerate(sorted({vendor for vendor, *_ in items})):
        number, key = known + 1 + n, f"{vendor}-{known + 1 + n}"
        rows(store, "deliveries", {"delivery_id": key, "vendor": vendor, "delivery_no": number, "run_id": "000004-dddd",
                                   "kind": "delta", "status": "accepted", "rows_in": 1, "received_at": hour(60)})  # fmt: skip
        for line, (_, item, title, product) in enumerate([i for i in items if i[0] == vendor], start=2):
            keys = {"vendor": vendor, "item_id": item, "row_hash": f"r-{item}", "input_hash": f"in-{item}"}
            rows(store, "items", {**keys, "title": title, "product_id": product, "created_at": hour(60)})
            rows(store, "sightings", {**keys, "delivery_id": key, "delivery_no": number, "line": line, "status": "new"})


def decide(store: Store, vendor: str, item: str, category: str, *, source: str = "review") -> None:
    seq = 1 + store.one("SELECT max(seq) FROM decisions")
    rows(store, "decisions", {
        "decision_id": f"d{seq:03}", "seq": seq, "vendor": vendor, "item_id": item, "input_hash": f"in-{item}",
        "verdict": "category", "category_id": category, "source": source, "decided_at": hour(70 + seq), "who": "anna",
    })  # fmt: skip


def routed(place: tuple[Workspace, Store]) -> dict[str, tuple]:
    workspace, store = place
    with store.transaction():
        route.run(job(workspace, store))
    found = store.query("SELECT item_id, outcome, category_id, decided_by, reason FROM standing_routes")
    return {item: rest for item, *rest in found.rows()}


def conflicts(store: Store) -> pl.DataFrame:
    return store.query("SELECT product_id, conflict, items, examples FROM product_conflicts ORDER BY product_id")


@pytest.mark.parametrize(("other", "apart"), [(HOSES, True), (KITCHEN, False)])  # Kitchen is the parent of Pans
def test_placed_at_a_parent_of_where_the_other_stands_is_no_conflict(
    place: tuple[Workspace, Store], other: str, apart: bool
) -> None:
    _, store = place
    stock(store, ("gin", "g1", "pan 20 cm", "gin:pan"), ("gin", "g2", "pan 24 cm", "gin:pan"))
    for seq, (item, category) in enumerate({"g1": PANS, "g2": other}.items(), start=50):
        rows(store, "routes", {"vendor": "gin", "item_id": item, "input_hash": f"in-{item}", "row_hash": f"r-{item}", "seq": seq,
                               "outcome": "placed", "decided_by": "model", "category_id": category})  # fmt: skip
    found = [("gin:pan", "categories", 2, ["gin/g1", "gin/g2"])]
    assert conflicts(store).rows() == (found if apart else [])


def test_one_decision_settles_a_product_and_its_end_unsettles_it(place: tuple[Workspace, Store]) -> None:
    _, store = place
    gtin = "gtin:04006381333931"
    stock(
        store,
        ("eno", "e1", "steel kettle 2 l black", gtin), ("fox", "f1", "kettle black 2 l", gtin),
        ("fox", "f2", "garden gnome", gtin),  # somebody typed the same number
        ("gin", "g1", "hose 10 m", "gin:hose"), ("gin", "g2", "Schlauch 20 m", "gin:hose"),
        ("gin", "g3", "alone", "gin:other"),
    )  # fmt: skip
    decide(store, "eno", "e1", KETTLES)
    decide(store, "gin", "g2", HOSES, source="label")
    found = routed(place)
    assert found["e1"] == ["decided", KETTLES, "person", "decided"]
    assert found["f1"] == ["decided", KETTLES, "person", "product_decided"]
    assert found["g1"] == ["decided", HOSES, "label", "product_decided"]
    assert found["f2"][0] == found["g3"][0] == "review"
    said = store.one("SELECT sentence FROM standing_routes WHERE item_id = 'f1'")
    assert said == "Decided as Kettles, with another item of the same product."
    (applied,) = [one for one in INVARIANTS if one.name == "decisions_applied"]
    broken = store.query(applied.sql).to_series().to_list()
    assert not [line for line in broken if line.startswith(("eno ", "fox ", "gin "))], "nobody calls it a fault"
    assert conflicts(store).rows() == [(gtin, "titles", 3, ["eno/e1", "fox/f1", "fox/f2"])]
    settled = store.one("SELECT max(seq) FROM routes")
    routed(place)
    assert store.one("SELECT max(seq) FROM routes") == settled  # nothing has changed
    decide(store, "eno", "e1", PANS)  # the reviewer changed her mind, and the product follows
    assert routed(place)["f1"] == ["decided", PANS, "person", "product_decided"]


def test_disagreeing_decisions_settle_nobody_else_and_are_a_conflict(place: tuple[Workspace, Store]) -> None:
    _, store = place
    stock(store, *(("gin", f"g{n}", f"hose {n} m", "gin:hose") for n in range(3)))
    decide(store, "gin", "g0", HOSES)
    decide(store, "gin", "g1", PANS)
    found = routed(place)
    assert found["g0"][1] == HOSES and found["g1"][1] == PANS and found["g2"][0] == "review"
    assert conflicts(store).rows() == [("gin:hose", "decisions", 3, ["gin/g0", "gin/g1", "gin/g2"])]


def test_an_own_word_goes_before_that_on_another_item(place: tuple[Workspace, Store]) -> None:
    _, store = place
    stock(store, *(("gin", f"g{n}", f"hose {n} m", "gin:hose") for n in range(2)))
    decide(store, "gin", "g0", HOSES)
    seq = 1 + store.one("SELECT max(seq) FROM decisions")
    rows(store, "decisions", {"decision_id": "own", "seq": seq, "vendor": "gin", "item_id": "g1", "input_hash": "in-g1",
                              "verdict": "not_sellable", "source": "review", "decided_at": hour(90), "who": "bo"})  # fmt: skip
    assert routed(place)["g1"] == ["decided", None, "person", "settled"]


def test_a_number_on_many_different_titles_names_no_product(place: tuple[Workspace, Store]) -> None:
    _, store = place
    stock(store, *(("gin", f"g{n}", f"hose number {n}", "gtin:00000000000017") for n in range(11)))
    decide(store, "gin", "g0", HOSES)
    assert routed(place)["g1"][0] == "review"
