"""Every view against a workspace whose answers are known (hand_made.py)."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hand_made import HOSES, KETTLES, KITCHEN, PANS, PUZZLES, RUN, hand_made, hour, rows

from catalog.publishing import views
from catalog.store import Store


@pytest.fixture
def store(tmp_path):
    _, store = hand_made(tmp_path)
    views.create(store)
    yield store
    store.close()


def answer(store: Store, sql: str) -> list[tuple]:
    return store.query(sql).rows()


def test_every_view_opens_with_its_grain_and_creates_what_its_file_is_called():
    for view in views.standing() + views.questions():
        assert view.text.startswith(("-- One row per ", "-- One row: ", "-- One row each time "))
        assert re.search(rf"^CREATE OR REPLACE VIEW {view.name} AS$", view.text, re.MULTILINE)
        assert re.sub("--.*", "", view.text).count(";") == 1 and view.text.endswith(";\n")


def test_macros_are_described_and_create_what_their_file_is_called():
    for macro in views.macros() + views.table_macros():
        assert macro.grain and not macro.columns
        assert f"CREATE OR REPLACE MACRO {macro.name}(" in macro.text


def test_published_facts_name_their_columns_and_create_what_their_file_is_called():
    first, last = views.tables()
    for table in first + last:
        assert table.text.startswith(("-- One row per ", "-- One row: ", "-- One row each time "))
        assert re.search(rf"^CREATE TABLE {table.name} AS\n(SELECT|WITH)\b", table.text, re.MULTILINE)
        assert "*" not in table.text.partition("CREATE TABLE")[2], "a new column is published once it is written here"
    assert [table.name for table in last] == ["freshness", "items", "publications"]


def test_views_come_after_the_views_they_read():
    seen: set[str] = set()
    every = {view.name for view in views.standing() + views.questions()}
    for view in views.standing() + views.questions():
        assert (view.words & every) - {view.name} <= seen
        seen.add(view.name)


def test_live_items_are_those_of_the_latest_full_delivery_and_after(store):
    assert answer(store, "SELECT vendor, item_id, row_hash, status, delivered FROM live_items ORDER BY ALL") == [
        ("acme", "a1", "row-a1-2", "changed", True),
        ("acme", "a2", "row-a2-1", "unchanged", True),
        ("acme", "a5", "row-a5-1", "new", True),
        ("archive", "x1", "row-x1-1", "new", False),
        ("archive", "x2", "row-x2-1", "new", False),
        ("bolt", "b1", "row-b1-1", "new", True),
        ("bolt", "b2", "row-b2-1", "new", True),
    ]


def test_a_b_a_ends_at_a(store):
    keys = {"vendor": "acme", "item_id": "a1", "input_hash": "in-a1"}
    rows(store, "deliveries", {"delivery_id": "acme-3", "vendor": "acme", "delivery_no": 3, "run_id": RUN[4],
                               "kind": "delta", "rows_in": 1, "status": "accepted", "received_at": hour(60)})  # fmt: skip
    rows(store, "sightings", {**keys, "row_hash": "row-a1-1", "delivery_id": "acme-3", "delivery_no": 3, "line": 2,
                              "status": "changed"})  # fmt: skip
    assert answer(store, "SELECT row_hash FROM live_items WHERE item_id = 'a1'") == [("row-a1-1",)]
    assert answer(store, "SELECT title FROM current_category WHERE item_id = 'a1'") == [("a1 version 1",)]


def test_an_item_comes_back_with_the_delta_that_names_it(store):
    rows(store, "deliveries", {"delivery_id": "acme-3", "vendor": "acme", "delivery_no": 3, "run_id": RUN[4],
                               "kind": "delta", "rows_in": 1, "status": "accepted", "received_at": hour(60)})  # fmt: skip
    rows(store, "sightings", {"vendor": "acme", "item_id": "a4", "row_hash": "row-a4-1", "input_hash": "in-a4",
                              "delivery_id": "acme-3", "delivery_no": 3, "line": 2, "status": "unchanged"})  # fmt: skip
    assert answer(store, "SELECT path FROM current_category WHERE item_id = 'a4'") == [("Home > Kitchen",)]
    assert answer(store, "SELECT valid_to FROM category_history WHERE item_id = 'a4'") == [(None,)]


def test_a_held_delivery_makes_nothing_live_and_retires_nothing(store):
    assert answer(store, "SELECT count(*) FROM live_items WHERE item_id = 'b9'") == [(0,)]
    assert answer(store, "SELECT count(*) FROM live_items WHERE vendor = 'bolt'") == [(2,)]


def test_departures(store):
    assert answer(store, "SELECT vendor, item_id, delivery_id, run_id, gone_at FROM departures ORDER BY ALL") == [
        ("acme", "a3", "acme-2", RUN[4], hour(32)),
        ("acme", "a4", "acme-2", RUN[4], hour(32)),
    ]


def test_a_person_outranks_a_label_and_a_skip_changes_nothing(store):
    assert answer(store, "SELECT item_id, verdict, category_id, source FROM standing_decisions ORDER BY ALL") == [
        ("a2", "category", PANS, "review"),
        ("a3", "not_sellable", None, "review"),
        ("b2", "category", HOSES, "label"),
        ("x1", "category", PANS, "label"),
        ("x2", "category", HOSES, "correction"),
    ]


def test_standing_routes_know_since_when(store):
    assert answer(store, "SELECT item_id, outcome, run_id, since, queued_at FROM standing_routes ORDER BY ALL") == [
        ("a1", "placed", RUN[4], hour(41), None),
        ("a2", "decided", RUN[4], hour(41), None),
        ("a3", "review", RUN[1], None, hour(11)),
        ("a4", "placed_at_parent", RUN[1], hour(11), hour(11)),
        ("a5", "review", RUN[4], None, hour(31)),
        ("b1", "placed", RUN[1], hour(11), None),
        ("b2", "decided", RUN[1], hour(11), None),
        ("x1", "decided", RUN[4], hour(41), None),
        ("x2", "decided", RUN[4], hour(41), None),
    ]


def test_serving_is_the_latest_promotion(store):
    assert answer(store, "SELECT model_id, policy_id, certificate_id, taxonomy_version FROM serving") == [
        ("m2", "p2", "c2", "tax1")
    ]
    rows(store, "promotions", {"model_id": "m1", "seq": 3, "action": "rollback", "promoted_at": hour(50)})
    assert answer(store, "SELECT model_id, policy_id FROM serving") == [("m1", "p1")]


def test_delivery_runs_follow_a_chain_of_takeovers(store):
    rows(store, "runs", {"run_id": "000005-eeee", "job": "nightly"})
    rows(store, "run_ends", {"run_id": RUN[4], "status": "superseded", "superseded_by": "000005-eeee"})
    assert answer(
        store, "SELECT delivery_id, run_id, received_in FROM delivery_runs WHERE vendor = 'acme' ORDER BY 1"
    ) == [
        ("acme-1", RUN[1], RUN[1]),
        ("acme-2", "000005-eeee", RUN[3]),
    ]


def test_current_category(store):
    assert answer(
        store,
        "SELECT vendor, item_id, title, category_id, path, level_1, level_2, level_3, level, is_leaf, outcome, decided_by, "
        "run_id FROM current_category ORDER BY ALL",
    ) == [
        ("acme", "a1", "a1 version 2", PANS, "Home > Kitchen > Pans", "Home", "Kitchen", "Pans", 3, True, "placed",
         "model", RUN[4]),
        ("acme", "a2", "a2 version 1", PANS, "Home > Kitchen > Pans", "Home", "Kitchen", "Pans", 3, True, "decided",
         "person", RUN[4]),
        ("archive", "x1", "x1 version 1", PANS, "Home > Kitchen > Pans", "Home", "Kitchen", "Pans", 3, True, "decided",
         "label", RUN[4]),
        ("archive", "x2", "x2 version 1", HOSES, "Home > Garden > Hoses", "Home", "Garden", "Hoses", 3, True, "decided",
         "person", RUN[4]),
        ("bolt", "b1", "b1 version 1", PUZZLES, "Toys > Puzzles", "Toys", "Puzzles", None, 2, True, "placed", "model",
         RUN[1]),
        ("bolt", "b2", "b2 version 1", HOSES, "Home > Garden > Hoses", "Home", "Garden", "Hoses", 3, True, "decided",
         "label", RUN[1]),
    ]  # fmt: skip


def test_contract_columns_are_exactly_those_promised(store):
    def columns(view: str) -> list[str]:
        return store.query(f"SELECT * FROM {view} LIMIT 0").columns

    assert columns("current_category") == [
        "vendor", "item_id", "title", "category_id", "path", "level_1", "level_2", "level_3", "level", "is_leaf",
        "outcome", "decided_by", "confidence", "certified_precision", "model_id", "policy_id", "run_id", "since",
        "availability", "language",
    ]  # fmt: skip
    assert columns("review_backlog") == [
        "token", "vendor", "item_id", "group_id", "group_size", "title", "reason", "sentence",
        *(f"candidate_{n}" for n in range(1, 6)), *(f"path_{n}" for n in range(1, 6)), "parent_path", "queued_at", "run_id",
    ]  # fmt: skip
    assert columns("predictions_current") == ["vendor", "item_id", "leaf_id", "leaf_path", "probability", "model_id"]
    assert columns("rejects_by_rule") == ["run_id", "vendor", "rule", "rows", "example_line"]
    assert columns("training_examples") == [
        "vendor", "item_id", "input_hash", "category_id", "source", "decided_at", "split"
    ]  # fmt: skip


def test_level_columns_grow_with_the_taxonomy(store):
    rows(store, "categories", {"taxonomy_version": "tax1", "category_id": "1111", "parent_id": KETTLES, "name": "Gas",
                               "path": "Home > Kitchen > Kettles > Gas", "level": 4, "is_leaf": True})  # fmt: skip
    views.create(store)
    assert "level_4" in store.query("SELECT * FROM current_category LIMIT 0").columns


def test_views_are_made_anew_only_when_their_texts_change(store):
    def made() -> list[tuple]:
        return answer(store, "SELECT view_name, view_oid FROM duckdb_views() WHERE NOT internal ORDER BY 1")

    first = made()
    views.create(store)
    assert made() == first
    store.execute(f"COMMENT ON VIEW {views.questions()[-1].name} IS 'those of an earlier version'")
    views.create(store)
    assert [name for name, _ in made()] == [name for name, _ in first] and made() != first


def test_category_nodes_take_the_newest_version_of_a_category(store):
    rows(store, "taxonomies", {"taxonomy_version": "tax2", "seq": 2})
    rows(store, "categories", {"taxonomy_version": "tax2", "category_id": PANS, "path": "Home > Kitchen > Frying pans",
                               "name": "Frying pans", "level": 3, "is_leaf": True})  # fmt: skip
    assert answer(
        store, f"SELECT path, retired FROM category_nodes WHERE category_id IN ('{PANS}', '{PUZZLES}') ORDER BY 1"
    ) == [
        ("Home > Kitchen > Frying pans", False),
        ("Toys > Puzzles", True),
    ]


def test_review_backlog_has_token_candidates_and_group(store):
    [row] = store.query("SELECT * FROM review_backlog").rows(named=True)
    assert row["token"] == "NEW-a5" and row["group_id"] == "g2" and row["group_size"] == 1
    assert [row[f"candidate_{n}"] for n in range(1, 6)] == [KETTLES, PANS, HOSES, PUZZLES, KITCHEN]
    assert (row["path_1"], row["path_4"], row["path_5"]) == (
        "Home > Kitchen > Kettles", "Toys > Puzzles", "Home > Kitchen",
    )  # fmt: skip
    assert row["parent_path"] == "Home > Kitchen" and row["queued_at"] == hour(31) and row["run_id"] == RUN[4]


def test_group_size_counts_live_items_only_and_an_item_at_a_parent_is_in_both_views(store):
    rows(store, "deliveries", {"delivery_id": "acme-3", "vendor": "acme", "delivery_no": 3, "run_id": RUN[4],
                               "kind": "delta", "rows_in": 2, "status": "accepted", "received_at": hour(60)})  # fmt: skip
    for item in ("a3", "a4"):
        rows(store, "sightings", {"vendor": "acme", "item_id": item, "row_hash": f"row-{item}-1", "input_hash": f"in-{item}",
                                  "delivery_id": "acme-3", "delivery_no": 3, "line": 2, "status": "unchanged"})  # fmt: skip
    assert answer(store, "SELECT item_id, token, group_size, path_1 FROM review_backlog ORDER BY 1") == [
        ("a3", None, 1, "Home > Garden > Hoses"),
        ("a4", None, 1, "Home > Kitchen > Kettles"),
        ("a5", "NEW-a5", 1, "Home > Kitchen > Kettles"),
    ]
    assert answer(store, "SELECT outcome FROM current_category WHERE item_id = 'a4'") == [("placed_at_parent",)]


def test_look_alikes_share_a_group(store):
    rows(store, "routes", {"run_id": RUN[4], "vendor": "bolt", "item_id": "b1", "outcome": "review", "group_id": "g2",
                           "reason": "unsure", "seq": 13, "routed_at": hour(41)})  # fmt: skip
    assert answer(store, "SELECT item_id, group_size FROM review_backlog ORDER BY 1") == [("a5", 2), ("b1", 2)]
    assert answer(store, "SELECT * FROM review_reasons") == [("unsure", 2, 1, hour(31))]


def test_predictions_current_prefers_the_serving_model(store):
    assert answer(store, "SELECT item_id, leaf_id, leaf_path, model_id FROM predictions_current ORDER BY ALL") == [
        ("a1", PANS, "Home > Kitchen > Pans", "m2"),
        ("a2", PANS, "Home > Kitchen > Pans", "m1"),
        ("a5", KETTLES, "Home > Kitchen > Kettles", "m2"),
        ("b1", PUZZLES, "Toys > Puzzles", "m1"),
    ]


def test_run_summary_balances_and_charges_the_run_that_took_over(store):
    outcomes = "placed, placed_at_parent, review, decided, duplicate, quarantine, refused, held, gone"
    assert answer(store, f"SELECT run_id, vendor, rows_in, {outcomes} FROM run_summary ORDER BY ALL") == [
        (RUN[1], "acme", 6, 1, 1, 2, 0, 1, 1, 0, 0, 0),
        (RUN[1], "bolt", 2, 1, 0, 0, 1, 0, 0, 0, 0, 0),
        (RUN[2], "archive", 2, 0, 0, 0, 2, 0, 0, 0, 0, 0),
        (RUN[4], "acme", 3, 1, 0, 1, 1, 0, 0, 0, 0, 2),
        (RUN[4], "bolt", 0, 0, 0, 0, 0, 0, 0, 40, 50, 0),
    ]
    assert answer(
        store, f"SELECT files, files_refused, files_held FROM run_summary WHERE run_id = '{RUN[4]}' ORDER BY 1"
    ) == [
        (0, 1, 1),
        (1, 0, 0),
    ]


def test_a_past_run_keeps_its_counts_when_items_are_settled_anew(store):
    before = answer(store, f"SELECT * FROM run_summary WHERE run_id <= '{RUN[4]}' ORDER BY ALL")
    rows(store, "runs", {"run_id": "000005-eeee", "job": "nightly"})
    rows(store, "routes", {"run_id": "000005-eeee", "vendor": "acme", "item_id": "a5", "outcome": "placed", "seq": 20,
                           "category_id": KETTLES, "routed_at": hour(51)})  # fmt: skip
    assert answer(store, f"SELECT * FROM run_summary WHERE run_id <= '{RUN[4]}' ORDER BY ALL") == before


def test_a_label_row_is_decided_though_the_model_placed_the_item_before(store):
    rows(store, "deliveries", {"delivery_id": "bolt-4", "vendor": "bolt", "delivery_no": 4, "run_id": RUN[4],
                               "kind": "labels", "rows_in": 1, "status": "accepted", "received_at": hour(60)})  # fmt: skip
    rows(store, "sightings", {"vendor": "bolt", "item_id": "b1", "row_hash": "row-b1-1", "input_hash": "in-b1",
                              "delivery_id": "bolt-4", "delivery_no": 4, "line": 2, "status": "unchanged"})  # fmt: skip
    assert answer(store, f"SELECT placed, decided FROM run_summary WHERE vendor = 'bolt' AND run_id = '{RUN[4]}'") == [
        (0, 1)
    ]


def test_rejects_by_rule_leave_refused_files_out(store):
    assert answer(store, "SELECT * FROM rejects_by_rule") == [(RUN[1], "acme", "title_missing", 1, 7)]


def test_training_examples_carry_the_split_of_the_serving_model(store):
    assert answer(store, "SELECT item_id, category_id, source, split FROM training_examples ORDER BY ALL") == [
        ("a2", PANS, "review", "train"),
        ("b2", HOSES, "label", "calibration"),
        ("x1", PANS, "label", None),
        ("x2", HOSES, "correction", None),
    ]


def test_labels_to_check_are_those_of_the_newest_training_until_somebody_decides_again(store):
    listed = "SELECT rank, item_id, title, path, suggested_path, model_id FROM labels_to_check"
    assert answer(store, listed) == [
        (1, "x1", "x1 version 1", "Home > Kitchen > Pans", "Home > Kitchen > Kettles", "m2")
    ]
    store.execute("UPDATE decisions SET decided_at = ? WHERE item_id = 'x1'", [hour(61)])  # confirmed
    assert answer(store, listed) == []


def test_corrections_count_each_mistake_once(store):
    assert answer(
        store, "SELECT model_id, vendor, path, reports, errors, refined, last_at FROM corrections ORDER BY path"
    ) == [
        ("m1", "acme", "Home > Kitchen", 1, 0, 1, hour(22)),
        ("m1", "acme", "Home > Kitchen > Kettles", 1, 1, 0, hour(22)),
    ]


def test_category_history_ends_when_an_item_moves_or_is_withdrawn(store):
    assert answer(
        store, "SELECT item_id, category_id, previous_id, valid_from, valid_to FROM category_history WHERE vendor = 'acme' ORDER BY ALL"
    ) == [
        ("a1", KETTLES, None, hour(11), hour(41)),
        ("a1", PANS, KETTLES, hour(41), None),
        ("a2", PANS, None, hour(41), None),
        ("a4", KITCHEN, None, hour(11), hour(32)),
    ]  # fmt: skip


def test_moved_items_tell_a_move_from_a_refinement(store):
    rows(store, "routes", {"run_id": RUN[4], "vendor": "acme", "item_id": "a4", "outcome": "placed", "seq": 13,
                           "category_id": KETTLES, "routed_at": hour(41)})  # fmt: skip
    assert answer(store, "SELECT item_id, from_path, to_path, change, run_id FROM moved_items ORDER BY ALL") == [
        ("a1", "Home > Kitchen > Kettles", "Home > Kitchen > Pans", "moved", RUN[4]),
        ("a4", "Home > Kitchen", "Home > Kitchen > Kettles", "refined", RUN[4]),
    ]


def test_coming_back_to_the_same_category_after_review_is_no_move(store):
    for seq, outcome, category in ((13, "review", None), (14, "placed", PUZZLES)):
        rows(store, "routes", {"run_id": RUN[4], "vendor": "bolt", "item_id": "b1", "outcome": outcome, "seq": seq,
                               "category_id": category, "routed_at": hour(28 + seq)})  # fmt: skip
    assert answer(store, "SELECT count(*) FROM moved_items WHERE item_id = 'b1'") == [(0,)]
    assert answer(store, "SELECT count(*) FROM category_history WHERE item_id = 'b1'") == [(2,)]


def test_gtin_conflicts(store):
    assert answer(store, "SELECT gtin, items, vendors, paths, examples FROM gtin_conflicts") == [
        ("4006381333931", 2, ["acme", "bolt"], ["Home > Kitchen > Pans", "Toys > Puzzles"], ["acme/a1", "bolt/b1"])
    ]


def test_an_item_at_a_parent_of_the_other_is_no_conflict(store):
    store.execute("UPDATE routes SET category_id = ? WHERE item_id = 'b1'", [KITCHEN])  # a1 stands in its Pans
    assert answer(store, "SELECT count(*) FROM gtin_conflicts") == [(0,)]


def test_automation_by_vendor(store):
    assert answer(
        store, "SELECT vendor, items, placed, review, decided, automation FROM automation_by_vendor ORDER BY 1"
    ) == [
        ("acme", 3, 1, 1, 1, 0.5),
        ("archive", 2, 0, 0, 2, None),
        ("bolt", 2, 1, 0, 1, 1.0),
    ]


def test_category_counts_add_up_the_tree(store):
    assert answer(store, "SELECT path, items, items_below FROM category_counts ORDER BY 1") == [
        ("Home", 0, 5),
        ("Home > Garden", 0, 2),
        ("Home > Garden > Hoses", 2, 2),
        ("Home > Kitchen", 0, 3),
        ("Home > Kitchen > Pans", 3, 3),
        ("Toys", 0, 1),
        ("Toys > Puzzles", 1, 1),
    ]


def test_vendor_freshness_shows_who_is_behind(store):
    assert answer(
        store, "SELECT vendor, live, last_accepted_at, last_status, last_reason, late FROM vendor_freshness ORDER BY 1"
    ) == [
        ("acme", 3, hour(32), "accepted", None, False),
        ("bolt", 2, hour(11), "held", "shrunk", False),
        ("cobalt", 0, None, None, None, True),
    ]


def test_stale_is_whose_youngest_files_were_not_taken(store):
    asked = (
        "SELECT vendor, stale, stale_since, stale_delivery FROM vendor_freshness WHERE vendor <> 'cobalt' ORDER BY 1"
    )
    assert answer(store, asked) == [("acme", False, None, None), ("bolt", True, hour(42), "bolt-3")]
    again = {
        "delivery_id": "bolt-4",
        "vendor": "bolt",
        "delivery_no": 4,
        "run_id": RUN[4],
        "kind": "delta",
        "rows_in": 2,
    }
    rows(
        store, "deliveries", again | {"status": "repeated", "received_at": hour(60)}
    )  # it sent its good file once more
    rows(
        store,
        "delivery_orders",
        {"seq": 1, "delivery_id": "acme-2", "word": "undo", "who": "anna", "said_at": hour(61)},
    )
    assert answer(store, asked) == [("acme", True, hour(32), "acme-2"), ("bolt", False, None, None)]


def test_late_is_who_sent_nothing_good_in_time(store):
    first = datetime(2020, 1, 1, tzinfo=UTC)
    assert answer(store, "SELECT * FROM late_vendors") == [("cobalt", first + timedelta(hours=22.8), None, None, 0)]
    now = datetime.now(UTC)
    for seq, (vendor, status, age) in enumerate(
        [("acme", "repeated", 1), ("cobalt", "refused", 1), ("bolt", "accepted", 25)]
    ):
        rows(store, "schedules", {"seq": 2 + seq, "vendor": vendor, "seconds": 86_400, "noted_at": first})
        rows(store, "deliveries", {"delivery_id": f"{vendor}-9", "vendor": vendor, "run_id": RUN[4], "kind": "full",
                                   "status": status, "received_at": now - timedelta(hours=age)})  # fmt: skip
    # what repeats the last file came in time, what is refused did not come
    assert answer(store, "SELECT vendor FROM late_vendors ORDER BY 1") == [("bolt",), ("cobalt",)]
    rows(store, "schedules", {"seq": 9, "vendor": "cobalt", "seconds": None, "noted_at": first})
    assert answer(store, "SELECT vendor FROM late_vendors") == [("bolt",)]


def test_rows_that_end_an_item_balance_too(store):
    """One night: acme 3 (full) brings a7 and keeps a1, acme 4 (full) comes without a7, acme 5 (delta) deletes a1."""
    seen = {3: [("a1", "unchanged"), ("a7", "new")], 4: [("a1", "unchanged")], 5: [("a1", "deleted")]}
    for number, named in seen.items():
        rows(store, "deliveries", {"delivery_id": f"acme-{number}", "vendor": "acme", "delivery_no": number, "run_id": RUN[4],
                                   "kind": "delta" if number == 5 else "full", "rows_in": len(named), "status": "accepted",
                                   "received_at": hour(60 + number)})  # fmt: skip
        for line, (item, status) in enumerate(named):
            rows(store, "sightings", {"vendor": "acme", "item_id": item, "row_hash": "row-a1-2", "input_hash": "in-a1",
                                      "delivery_id": f"acme-{number}", "delivery_no": number, "line": line,
                                      "status": status})  # fmt: skip
    numbers = "rows_in, placed, review, decided, withdrawn, gone"
    sql = f"SELECT {numbers} FROM run_summary WHERE vendor = 'acme' AND run_id = '{RUN[4]}'"
    # acme 2 gave 3 rows (a1 placed, a2 decided, a5 review); a3 and a4 went with it, a2 and a5 with acme 3
    assert answer(store, sql) == [(7, 3, 1, 1, 2, 6)]
    assert answer(store, "SELECT count(*) FROM live_items WHERE vendor = 'acme'") == [(0,)]
    rows(
        store,
        "delivery_orders",
        {"seq": 1, "delivery_id": "acme-5", "word": "undo", "who": "anna", "said_at": hour(70)},
    )
    assert answer(store, "SELECT item_id FROM live_items WHERE vendor = 'acme'") == [("a1",)]
    rows(
        store,
        "delivery_orders",
        {"seq": 2, "delivery_id": "acme-4", "word": "undo", "who": "anna", "said_at": hour(71)},
    )
    assert answer(store, "SELECT item_id FROM live_items WHERE vendor = 'acme' ORDER BY 1") == [("a1",), ("a7",)]
    # what was settled in that night stays settled: a7 was withdrawn then
    assert answer(store, sql + " AND undone = 2") == [(5, 2, 1, 1, 1, 4)]


def test_an_item_that_came_with_an_undone_delivery_has_left(store):
    rows(
        store,
        "delivery_orders",
        {"seq": 1, "delivery_id": "acme-2", "word": "undo", "who": "anna", "said_at": hour(70)},
    )
    live = "SELECT item_id, row_hash FROM live_items WHERE vendor = 'acme' ORDER BY 1"
    assert answer(store, live) == [(f"a{n}", f"row-a{n}-1") for n in (1, 2, 3, 4)]
    assert answer(store, "SELECT count(*) FROM departures") == [(0,)]
    rows(store, "routes", {"run_id": RUN[4], "vendor": "acme", "item_id": "a5", "outcome": "placed", "category_id": PANS,
                           "seq": 20, "routed_at": hour(42)})  # fmt: skip
    assert answer(store, "SELECT valid_to FROM category_history WHERE item_id = 'a5'") == [(hour(70),)]


def test_run_log(store):
    assert answer(store, "SELECT run_id, status, ended_at FROM run_log ORDER BY 1") == [
        (RUN[1], "done", hour(12)),
        (RUN[2], "done", hour(22)),
        (RUN[3], "superseded", hour(32)),
        (RUN[4], "open", None),
    ]
