"""Views for category teams against a workspace whose answers are known (hand_made.py), and from clients of all kinds."""

import os
import re
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from hand_made import HOSES, KETTLES, PANS, RUN, a_pair_that_waits, busy, hand_made, hour, rows
from plain_client import TOOL, ask_every_macro, attached, join_everything, read_as_a_tool

from catalog.certification.metrics import wilson
from catalog.publishing import parquet, views
from catalog.publishing.publication import Edition, publish
from catalog.store import Store

BUSY = "000005-eeee"
FIRST, SECOND, THIRD = date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 3)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Read only: tests that write take `store`."""
    _, store = hand_made(tmp_path_factory.mktemp("shop"))
    busy(store)
    views.create(store)
    yield store
    store.close()


@pytest.fixture
def store(tmp_path):
    _, store = hand_made(tmp_path)
    busy(store)
    views.create(store)
    yield store
    store.close()


def answer(store: Store, sql: str) -> list[tuple]:
    return store.query(sql).rows()


def test_lineage_tells_from_the_line_of_the_feed_to_the_last_word(shop):
    [row] = shop.query("SELECT * FROM item_lineage WHERE item_id = 'd21'").rows(named=True)
    assert {name: row[name] for name in ("file_name", "line", "predicted_path", "probability", "predicted_by")} == {
        "file_name": "dome.csv", "line": 23, "predicted_path": "Home > Kitchen > Kettles", "probability": 0.9,
        "predicted_by": "m2",
    }  # fmt: skip
    assert (row["verdict"], row["decided_id"], row["who"], row["decisions"]) == ("category", PANS, "bo", 2)
    assert (row["outcome"], row["path"], row["policy_id"], row["certificate_id"], row["run_id"]) == (
        "decided", "Home > Kitchen > Pans", "p2", "c2", BUSY,
    )  # fmt: skip


def test_lineage_has_every_live_item_once(shop):
    assert answer(shop, "SELECT count(*), count(DISTINCT (vendor, item_id)) FROM item_lineage") == [(29, 29)]
    assert answer(shop, "SELECT outcome, path, decisions FROM item_lineage WHERE item_id = 'a5'") == [
        ("review", None, 0)
    ]


def test_automation_by_day(shop):
    sql = (
        "SELECT day, department, settled, placed, placed_at_parent, review, decided, automation FROM automation_by_day"
    )
    assert answer(shop, f"{sql} WHERE vendor = 'acme' ORDER BY ALL") == [
        (FIRST, "Home", 4, 1, 1, 2, 0, 0.25),
        (SECOND, "Home", 4, 1, 0, 2, 1, 1 / 3),
    ]
    promised = answer(
        shop, "SELECT day, placed, round(certified_precision, 9), covered FROM automation_by_day WHERE vendor = 'dome'"
    )
    assert sorted(promised) == [(THIRD, 21, 0.97, 21), (date(2026, 3, 4), 0, None, 0)]


def test_automation_by_category_counts_at_every_node_up_the_tree_and_what_waits_at_its_likeliest_leaf(store):
    sql = "SELECT day, path, settled, placed, placed_at_parent, review, decided, automation FROM automation_by_category"
    assert answer(store, f"{sql} WHERE vendor = 'acme' ORDER BY ALL") == [
        (FIRST, "Home", 4, 1, 1, 2, 0, 0.25),
        (FIRST, "Home > Garden", 1, 0, 0, 1, 0, 0.0),
        (FIRST, "Home > Garden > Hoses", 1, 0, 0, 1, 0, 0.0),  # a3 looks like one
        (FIRST, "Home > Kitchen", 3, 1, 1, 1, 0, 1 / 3),
        (FIRST, "Home > Kitchen > Kettles", 2, 1, 1, 0, 0, 0.5),  # a4 stands in Kitchen and waits to be a kettle
        (FIRST, "Home > Kitchen > Pans", 1, 0, 0, 1, 0, 0.0),
        (SECOND, "Home", 4, 1, 0, 2, 1, 1 / 3),
        (SECOND, "Home > Kitchen", 4, 1, 0, 2, 1, 1 / 3),
        (SECOND, "Home > Kitchen > Kettles", 2, 0, 0, 2, 0, 0.0),
        (SECOND, "Home > Kitchen > Pans", 2, 1, 0, 0, 1, 1.0),
    ]
    promised = (
        "SELECT path, round(certified_precision, 9), covered FROM automation_by_category WHERE day = '2026-03-03'"
    )
    assert answer(store, f"{promised} ORDER BY level") == [
        ("Home", 0.97, 21), ("Home > Kitchen", 0.97, 21), ("Home > Kitchen > Pans", 0.97, 21),
    ]  # fmt: skip
    store.execute("UPDATE predictions SET leaf_id = '21' WHERE input_hash = 'in-a4'")
    at_parent = (
        f"SELECT path FROM automation_by_category WHERE day = '{FIRST}' AND vendor = 'acme' AND placed_at_parent > 0"
    )
    assert answer(store, f"{at_parent} ORDER BY level") == [("Home",), ("Home > Kitchen",)], (
        "a toy stands in no kitchen"
    )
    store.execute("DELETE FROM predictions WHERE input_hash = 'in-a3'")
    store.execute("UPDATE routes SET parent_id = NULL WHERE item_id = 'a3'")
    assert answer(store, "SELECT vendor, review, automation FROM automation_by_category WHERE category_id IS NULL") == [
        ("acme", 1, 0.0)
    ]
    whole = "SELECT day, vendor, sum(settled), sum(placed), sum(review) FROM {} GROUP BY ALL ORDER BY ALL"
    tops = "(FROM automation_by_category WHERE level = 1 OR category_id IS NULL)"
    assert answer(store, whole.format(tops)) == answer(store, whole.format("automation_by_day"))


def test_automation_by_brand(shop):
    assert answer(
        shop, "SELECT vendor, department, brand, items, placed, decided, automation FROM automation_by_brand WHERE brand <> ''"
    ) == [("dome", "Home", "Ferro", 22, 21, 1, 1.0)]  # fmt: skip
    assert answer(shop, "SELECT sum(items) FROM automation_by_brand") == [(29,)]


def test_automation_by_brand_and_day_adds_up_over_whatever_is_asked(shop):
    columns = (
        "day, path, brand, settled, placed, placed_by_rule, decided, automation, round(certified_precision, 9), covered"
    )
    assert answer(shop, f"SELECT {columns} FROM automation_by_brand_and_day WHERE vendor = 'dome' ORDER BY day") == [
        (THIRD, "Home > Kitchen > Pans", "Ferro", 21, 21, 0, 0, 1.0, 0.97, 21),
        (date(2026, 3, 4), "Home > Kitchen > Pans", "Ferro", 2, 0, 1, 1, None, None, 0),
    ]
    assert answer(
        shop,
        "SELECT path, brand, review, placed_at_parent FROM automation_by_brand_and_day WHERE vendor = 'acme' "
        f"AND day = '{FIRST}' AND review + placed_at_parent > 0 ORDER BY path",
    ) == [
        ("Home > Garden > Hoses", None, 1, 0), ("Home > Kitchen > Kettles", None, 0, 1), ("Home > Kitchen > Pans", None, 1, 0)
    ]  # fmt: skip
    whole = "SELECT day, vendor, sum(settled), sum(placed), sum(review), sum(covered) FROM {} GROUP BY ALL ORDER BY ALL"
    assert answer(shop, whole.format("automation_by_brand_and_day")) == answer(shop, whole.format("automation_by_day"))


def test_audited_by_brand_keeps_the_brand_of_what_was_judged(store):
    columns = "day, vendor, path, level, brand, outcome, model_id, answers, right_items, precision, round(low, 3)"
    judged = (date(2026, 3, 4), "dome", "Home > Kitchen > Pans", 3, "Ferro", "placed", "m2", 2, 2, 1.0, 0.342)
    assert answer(store, f"SELECT {columns} FROM audited_by_brand") == [judged]
    store.execute("DELETE FROM sightings WHERE item_id = 'd01'")  # gone since
    assert answer(store, f"SELECT {columns} FROM audited_by_brand") == [judged]


def test_review_waits_end_with_the_first_answer_that_settles(store):
    columns = "item_id, reason, who, verdict, queued_at, answered_at, hours"
    known = [
        ("a2", "unsure", "unknown", "category", hour(11), hour(24), 13.0),
        ("a3", "unsure", "unknown", "not_sellable", hour(11), hour(28), 17.0),
    ]
    assert answer(store, f"SELECT {columns} FROM review_waits ORDER BY item_id") == known
    assert answer(store, "FROM review_turnaround") == [(SECOND, "acme", 2, 13.0, 17.0, 17.0)]
    said = {"vendor": "acme", "item_id": "a5", "input_hash": "in-a5", "source": "review", "who": "anna"}
    for seq, verdict, at, sheet in (
        (90, "unsure", 45, None),
        (91, "none", 46, "i1"),
        (92, "none", 48, None),
        (93, "none", 49, None),
    ):
        rows(store, "decisions", said | {"decision_id": f"d{seq}", "seq": seq, "verdict": verdict, "decided_at": hour(at),
                                         "import_id": sheet})  # fmt: skip
    # it waited since run 3, and run 4 changed nothing; anna had no opinion first, and her next sheet was taken back
    assert answer(store, f"SELECT {columns} FROM review_waits WHERE item_id = 'a5'") == [
        ("a5", "unsure", "anna", "none", hour(31), hour(48), 17.0)
    ]
    rows(store, "decisions", said | {"decision_id": "d94", "seq": 94, "vendor": "bolt", "item_id": "b1", "verdict": "none",
                                     "decided_at": hour(50)})  # fmt: skip
    assert answer(store, "SELECT count(*) FROM review_waits") == [(3,)], "what stood somewhere did not wait"


def test_calibration_predictions_say_what_the_model_says_of_a_label(store):
    rows(
        store,
        "predictions",
        {"input_hash": "in-b2", "model_id": "m2", "leaf_id": PANS, "log_odds": 2.5, "novelty": 0.3},
    )
    columns = "vendor, item_id, category_id, leaf_id, log_odds, novelty, fit"
    assert answer(store, f"SELECT {columns} FROM calibration_predictions") == [
        ("bolt", "b2", HOSES, PANS, 2.5, 0.3, True)
    ]
    store.execute("UPDATE categories SET assignable = false WHERE category_id = ?", [PANS])
    assert answer(store, "SELECT fit FROM calibration_predictions") == [(False,)]


def test_confusion_pairs_are_of_products_the_serving_model_has_not_learned_from(store):
    pair = "SELECT predicted_id, decided_id, items, share_of_decided, mean_probability, examples FROM confusion_pairs"
    assert answer(store, pair) == [(KETTLES, PANS, 1, 1.0, 0.9, ["dome/d21"])]
    rows(
        store,
        "example_splits",
        {"model_id": "m2", "vendor": "dome", "item_id": "d21", "input_hash": "in-d21", "split": "train"},
    )
    assert answer(store, pair) == []


def test_review_age_counts_whole_days_until_now(store):
    now = datetime.now(UTC)
    for seq, item, days in ((60, "d01", 0.5), (61, "d02", 2.5), (62, "d03", 40)):
        rows(store, "routes", {"run_id": BUSY, "vendor": "dome", "item_id": item, "outcome": "review", "seq": seq,
                               "reason": "unsure", "group_id": "g9", "routed_at": now - timedelta(days=days)})  # fmt: skip
    columns = "reason, items, decisions, p50_days, p95_days, under_a_day, under_a_week, under_a_month, longer"
    assert answer(store, f"SELECT {columns} FROM review_age WHERE vendor = 'dome'") == [
        ("unsure", 3, 1, 2, 40, 1, 1, 0, 1)
    ]


def test_review_throughput(shop):
    columns = "day, who, items, answers, categories, unsure, at_fault"
    assert answer(shop, f"SELECT {columns} FROM review_throughput ORDER BY ALL") == [
        (SECOND, "bob", 1, 1, 1, 0, 0),
        (SECOND, "unknown", 3, 3, 2, 0, 1),
        (date(2026, 3, 4), "anna", 1, 1, 0, 1, 0),
        (date(2026, 3, 4), "bo", 2, 2, 2, 0, 0),
    ]


def test_a_conflict_the_program_marked_is_nobodys_work(store):
    rows(store, "decisions", {"decision_id": "d90", "seq": 90, "vendor": "dome", "item_id": "d21", "input_hash": "in-d21",
                              "verdict": "unsure", "who": "adjudication", "source": "review", "decided_at": hour(75)})  # fmt: skip
    assert "adjudication" not in {who for (who,) in answer(store, "SELECT who FROM review_throughput")}


def test_reviewers_agree_or_not_about_the_same_content(store):
    said = (
        ("anna", "d20", "category", KETTLES, None), ("anna", "d20", "category", PANS, None),  # her last word counts
        ("cleo", "d20", "category", KETTLES, None), ("cleo", "d19", "none", None, None), ("anna", "d19", "none", None, None),
        ("cleo", "d21", "category", PANS, "g"), ("reviewer", "d20", "category", HOSES, None),
        ("adjudication", "d20", "unsure", None, None),
    )  # fmt: skip
    for seq, (who, item, verdict, category, group) in enumerate(said, start=90):
        rows(store, "decisions", {
            "decision_id": f"d{seq}", "seq": seq, "vendor": "dome", "item_id": item, "input_hash": f"in-{item}", "who": who,
            "verdict": verdict, "category_id": category, "group_token": group, "source": "review", "decided_at": hour(seq),
        })  # fmt: skip
    audited = {"vendor": "dome", "outcome": "placed", "placed_id": PANS, "department": "1", "model_id": "m2",
               "policy_id": "p2", "who": "bo", "source": "review"}  # fmt: skip
    rows(store, "audit_answers", audited | {"seq": 9, "item_id": "d00", "input_hash": "in-d00", "agrees": True,
                                            "decided_at": hour(99)})  # fmt: skip
    columns = "who, answers, compared, agreed, round(agreement, 2), checked, against, overruled"
    assert answer(store, f"SELECT {columns} FROM reviewer_agreement ORDER BY who") == [
        ("anna", 3, 3, 2, 0.67, 3, 1, 1),  # with bo and cleo about d20, with cleo about d19; of d21 she had no opinion
        ("bo", 2, 2, 1, 0.5, 1, 0, 0),
        ("cleo", 2, 3, 1, 0.33, 0, 0, 0),
    ]


def test_audited_by_day_has_every_audit_that_is_settled_under_its_vendor_and_brand(store):
    columns = "day, vendor, department, brand, outcome, model_id, answers, right_items, round(low, 3)"
    assert answer(store, f"SELECT {columns} FROM audited_by_day") == [
        (date(2026, 3, 4), "dome", "Home", "Ferro", "placed", "m2", 2, 2, 0.342)
    ]


def test_audited_by_category_counts_at_every_node_up_the_tree(store):
    store.execute("UPDATE audit_answers SET placed_id = '111' WHERE item_id = 'd01'")
    columns = "day, vendor, path, outcome, model_id, answers, right_items, precision, round(low, 3)"
    found = answer(store, f"SELECT {columns} FROM audited_by_category ORDER BY path")
    fourth = (date(2026, 3, 4), "dome")
    assert found == [
        (*fourth, "Home", "placed", "m2", 2, 2, 1.0, 0.342),
        (*fourth, "Home > Kitchen", "placed", "m2", 2, 2, 1.0, 0.342),
        (*fourth, "Home > Kitchen > Kettles", "placed", "m2", 1, 1, 1.0, 0.207),
        (*fourth, "Home > Kitchen > Pans", "placed", "m2", 1, 1, 1.0, 0.207),
    ], "of d00 a second reviewer has not looked yet"


def test_audited_by_run_counts_the_audits_that_are_settled(store):
    columns = "model_id, run_id, answered, right_items, answered_so_far, round(low, 3), round(high, 3)"
    sql = f"SELECT {columns} FROM audited_by_run ORDER BY run_id"
    assert answer(store, sql) == [("m2", "000005-eeee", 2, 2, 2, 0.342, 1.0)], "one waits for a second reviewer"
    store.execute("UPDATE audit_answers SET agrees = true WHERE item_id = 'd00'")
    assert answer(store, sql) == [("m2", "000005-eeee", 3, 3, 3, 0.439, 1.0)]


def test_rows_of_a_run_are_told_by_what_they_were_and_what_became_of_them(store):
    sql = "SELECT status, outcome, rows FROM row_flows WHERE run_id = '000001-aaaa' AND vendor = 'acme' ORDER BY ALL"
    assert answer(store, sql) == [
        ("duplicate", "duplicate", 1),
        ("new", "placed", 1),
        ("new", "placed_at_parent", 1),
        ("new", "review", 2),
        ("quarantine", "quarantine", 1),
    ]
    differs = "SELECT count(*) FROM (SELECT run_id, vendor, sum(rows) AS n FROM row_flows WHERE status <> 'kept' GROUP BY ALL)"
    assert store.one(f"{differs} JOIN run_counts USING (run_id, vendor) WHERE n <> rows_in") == 0


def test_the_ends_of_a_share_are_those_of_wilson(store):
    for part, whole in ((0, 1), (1, 1), (3, 7), (197, 200)):
        low, high = wilson(part, whole)
        found = answer(store, f"SELECT share_low({part}, {whole}), share_high({part}, {whole})")[0]
        assert found == pytest.approx((low, high), abs=1e-6)
    assert answer(store, "SELECT share_low(0, 0), share_high(0, 0)") == [(0.0, 1.0)]


def test_vendor_quality(shop):
    columns = "items, round(score, 3), accepted, with_description, with_brand, with_gtin, with_price, with_picture"
    assert answer(shop, f"SELECT {columns} FROM vendor_quality WHERE vendor = 'dome'") == [
        (22, round(300 / 7, 3), 1.0, 0.0, 1.0, 0.0, 1.0, 0.0)
    ]
    assert answer(shop, "SELECT accepted, with_gtin FROM vendor_quality WHERE vendor = 'acme'") == [(1 - 1 / 9, 1 / 3)]


def test_price_outliers(store):
    columns = "item_id, path, price, round(usual_price, 2), priced, distance > 3.5"
    assert [(row[0], float(row[2]), *row[3:]) for row in answer(store, f"SELECT {columns} FROM price_outliers")] == [
        ("d21", 1000.0, 10.1, 22, True)
    ]
    store.execute("UPDATE items SET price = 0.1 WHERE item_id = 'd00'")
    assert answer(store, "SELECT item_id, distance < -3.5 FROM price_outliers ORDER BY 1") == [
        ("d00", True),
        ("d21", False),
    ]
    store.execute("DELETE FROM sightings WHERE item_id IN ('d01', 'd02', 'd03')")
    assert answer(store, "SELECT * FROM price_outliers") == [], "of 19 prices nobody can say what is usual"


def test_equal_prices_do_not_make_a_cent_an_outlier(store):
    store.execute("UPDATE items SET price = 10 WHERE vendor = 'dome'")
    store.execute("UPDATE items SET price = 10.01 WHERE item_id = 'd00'")
    assert answer(store, "SELECT * FROM price_outliers") == []


def test_changes_by_run(shop):
    columns = "run_id, vendor, rows_in, new, changed, unchanged, gone"
    assert answer(shop, f"SELECT {columns} FROM changes_by_run WHERE rows_in > 0 ORDER BY ALL") == [
        (RUN[1], "acme", 6, 4, 0, 0, 0),
        (RUN[1], "bolt", 2, 2, 0, 0, 0),
        (RUN[2], "archive", 2, 2, 0, 0, 0),
        (RUN[4], "acme", 3, 1, 1, 1, 2),
        (BUSY, "dome", 22, 22, 0, 0, 0),
    ]


def test_taxonomy_coverage(shop):
    columns = "path, items, placed, decisions, leaves, leaves_in_use, leaves_decided"
    assert answer(shop, f"SELECT {columns} FROM taxonomy_coverage WHERE level < 3 ORDER BY ALL") == [
        ("Home", 27, 22, 6, 3, 2, 2),
        ("Home > Garden", 2, 0, 2, 1, 1, 1),
        ("Home > Kitchen", 25, 22, 4, 2, 1, 1),
        ("Toys", 1, 1, 0, 1, 1, 0),
        ("Toys > Puzzles", 1, 1, 0, 1, 1, 0),
    ]


def test_run_stages(shop):
    columns = "stage, seconds, share_of_run"
    assert answer(shop, f"SELECT {columns} FROM run_stages WHERE run_id = '{BUSY}' ORDER BY started_at") == [
        ("ingest", 3600.0, 0.25), ("classify", 3 * 3600.0, 0.75),
    ]  # fmt: skip
    assert answer(shop, f"SELECT job, {columns} FROM run_stages WHERE run_id = '{RUN[2]}'") == [
        ("labels", "labels", 2 * 3600.0, 1.0)
    ]


def test_time_to_category_counts_those_that_wait_as_longest(store):
    columns = "day, items, waiting, p50_hours, p95_hours"
    assert answer(store, f"SELECT {columns} FROM time_to_category WHERE vendor = 'dome'") == [(THIRD, 22, 0, 2.0, 2.0)]
    store.execute("DELETE FROM routes WHERE item_id IN ('d01', 'd02')")
    assert answer(store, f"SELECT {columns} FROM time_to_category WHERE vendor = 'dome'") == [(THIRD, 22, 2, 2.0, None)]
    store.execute("DELETE FROM routes WHERE vendor = 'dome' AND item_id <> 'd03'")
    assert answer(store, f"SELECT {columns} FROM time_to_category WHERE vendor = 'dome'") == [
        (THIRD, 22, 21, None, None)
    ]


def test_an_item_gone_before_it_had_a_category_is_not_waited_for(shop):
    # a3 was in review and went; a2 waited 40 hours for a reviewer
    assert answer(shop, "SELECT sum(items), sum(waiting) FROM time_to_category WHERE vendor = 'acme'") == [(4, 1)]


def test_as_of_is_what_stood_when_the_day_ended(shop):
    then = "SELECT item_id, path, decided_by FROM as_of('{}') WHERE vendor = 'acme' ORDER BY 1"
    assert answer(shop, then.format("2026-02-28")) == []
    assert answer(shop, then.format("2026-03-01")) == [
        ("a1", "Home > Kitchen > Kettles", "model"), ("a4", "Home > Kitchen", "model"),
    ]  # fmt: skip
    assert answer(shop, then.format("2026-03-02")) == [
        ("a1", "Home > Kitchen > Pans", "model"), ("a2", "Home > Kitchen > Pans", "person"),
    ]  # fmt: skip
    today = "SELECT vendor, item_id, category_id FROM {} ORDER BY ALL"
    assert answer(shop, today.format("as_of(DATE '2026-12-31')")) == answer(shop, today.format("current_category"))


def test_under_takes_the_category_itself_and_no_other_of_a_like_name(store):
    rows(store, "categories", {"taxonomy_version": "tax1", "category_id": "13", "parent_id": "1", "name": "Kitchenware",
                               "path": "Home > Kitchenware", "level": 2, "is_leaf": True})  # fmt: skip
    assert answer(store, "SELECT path FROM nodes_under('Home > Kitchen') ORDER BY 1") == [
        ("Home > Kitchen",), ("Home > Kitchen > Kettles",), ("Home > Kitchen > Pans",),
    ]  # fmt: skip
    assert answer(store, "SELECT vendor, count(*) FROM under('Home > Kitchen') GROUP BY ALL ORDER BY 1") == [
        ("acme", 2), ("archive", 1), ("dome", 22),
    ]  # fmt: skip
    assert answer(store, f"SELECT item_id FROM under('Home > Garden') WHERE category_id = '{HOSES}' ORDER BY 1") == [
        ("b2",), ("x2",),
    ]  # fmt: skip


# ---------------------------------------------------------------- other clients


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    workspace, store = hand_made(tmp_path_factory.mktemp("published"))
    busy(store)
    a_pair_that_waits(store)
    publish(store, workspace.published_db, Edition(BUSY, hour(80)))
    store.close()
    return workspace.published_db


@pytest.fixture(params=["UTC", "America/Los_Angeles"])
def own(tmp_path, published, request):
    connection = attached(published, tmp_path)
    connection.execute(f"SET TimeZone = '{request.param}'")
    yield connection
    connection.close()


def test_every_view_table_and_macro_joins_a_table_of_the_analysts_own(own):
    assert join_everything(own) > 20
    ask_every_macro(own)
    own.execute("USE shelf")
    assert own.execute("SELECT count(*) FROM as_of('2026-03-03') WHERE vendor = 'dome'").fetchall() == [(21,)]


def test_a_tool_that_opens_it_read_only_reads_everything(published):
    assert read_as_a_tool(published) > 100


@pytest.mark.slow  # installs another DuckDB
def test_a_client_of_the_version_before_reads_and_joins_everything(tmp_path, published):
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", tmp_path / "before"]
    subprocess.run([*install, "duckdb>=1.5,<2", "pytz"], check=True)  # pytz: for times with a zone
    script = Path(__file__).with_name("plain_client.py")
    done = subprocess.run(
        [sys.executable, script, published, tmp_path], env={**os.environ, "PYTHONPATH": str(tmp_path / "before")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1.5.")


def test_days_are_in_utc_wherever_the_analyst_sits(own):
    assert own.execute("SELECT DISTINCT day FROM shelf.time_to_category WHERE vendor = 'dome'").fetchall() == [(THIRD,)]
    assert own.execute("SELECT max(day) FROM shelf.review_throughput").fetchall() == [(date(2026, 3, 4),)]


def test_a_long_lived_connection_keeps_its_file_until_it_is_attached_anew(tmp_path):
    workspace, store = hand_made(tmp_path)
    publish(store, workspace.published_db, Edition("first", hour(1)))
    reader = duckdb.connect()
    attach = f"ATTACH '{workspace.published_db}' AS shelf (READ_ONLY)"
    reader.execute(attach)
    publish(store, workspace.published_db, Edition("second", hour(2)))
    store.close()
    asked = "SELECT run_id FROM shelf.freshness"
    assert reader.execute(asked).fetchall() == [("first",)]
    reader.execute("DETACH shelf")
    reader.execute(attach)
    assert reader.execute(asked).fetchall() == [("second",)]
    reader.close()


def test_a_pool_sees_a_new_night_once_all_its_connections_were_closed(tmp_path):
    workspace, store = hand_made(tmp_path)
    publish(store, workspace.published_db, Edition("first", hour(1)))
    pool = [duckdb.connect(str(workspace.published_db), config=TOOL) for _ in range(2)]
    publish(store, workspace.published_db, Edition("second", hour(2)))
    store.close()
    asked = "SELECT run_id FROM freshness"
    pool.append(duckdb.connect(str(workspace.published_db), config=TOOL))
    assert [one.execute(asked).fetchall() for one in pool] == [[("first",)]] * 3, "they share what was opened first"
    for one in pool:
        one.close()
    with duckdb.connect(str(workspace.published_db), config=TOOL) as fresh:
        assert fresh.execute(asked).fetchall() == [("second",)]


def test_the_python_of_the_handbook_runs(tmp_path, published):
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "catalog.duckdb").write_bytes(published.read_bytes())
    text = (Path(__file__).parents[1] / "docs" / "sql.md").read_text(encoding="utf-8")
    pieces = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(pieces) == 3
    parquet.export(tmp_path / "published" / "catalog.duckdb", tmp_path / "lake")
    for piece in pieces:
        done = subprocess.run([sys.executable, "-c", piece], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_the_columns_of_this_major_version_are_all_there(published):
    """The promise of schema_version(): within a major version nothing that analysts use goes away.

    The file holds all there is, so that what comes is promised from its first day: add its lines there, and take none away.
    """
    kept = (Path(__file__).parent / "published_columns_1.txt").read_text(encoding="utf-8").splitlines()
    with duckdb.connect(str(published), read_only=True) as reader:
        there = reader.execute(
            "SELECT table_name || '.' || column_name FROM duckdb_columns() WHERE NOT internal UNION ALL "
            "SELECT function_name || '(' || array_to_string(parameters, ', ') || ')' FROM duckdb_functions() WHERE NOT internal"
        ).fetchall()
        version = reader.execute("SELECT schema_version()").fetchone()[0]
    assert version.startswith("1.") and len(kept) > 800
    assert sorted({line for (line,) in there} - set(kept)) == [], "not promised yet: add these lines to the file"
    assert sorted(set(kept) - {line for (line,) in there}) == [], "promised, and gone"
    assert kept == sorted(set(kept))
