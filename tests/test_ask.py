"""Asking the published file: answers in three forms, and everything but asking is denied."""

import csv
import io
import json

import pytest
from hand_made import hand_made, job

from catalog.errors import CatalogError
from catalog.publishing.ask import ask
from catalog.settings import Workspace
from pipelines import publish


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    workspace, store = hand_made(tmp_path_factory.mktemp("ask"))
    store.execute("UPDATE items SET title = ? WHERE item_id = 'b1'", ['=cmd "x",\nline \x1b[31m[bold]'])
    publish.run(job(workspace, store))
    store.close()
    return workspace


def test_table_names_columns_and_counts_rows(place):
    lines = ask(place, "SELECT vendor, count(*) AS items FROM current_category GROUP BY ALL ORDER BY 1").splitlines()
    assert [line.split() for line in lines] == [
        ["vendor", "items"], ["acme", "2"], ["archive", "2"], ["bolt", "2"], ["(3", "rows)"],
    ]  # fmt: skip


def test_json_keeps_types_and_lists(place):
    found = json.loads(ask(place, "SELECT gtin, items, vendors FROM gtin_conflicts", output="json"))
    assert found == [{"gtin": "4006381333931", "items": 2, "vendors": ["acme", "bolt"]}]


def test_json_numbers_are_numbers_and_times_are_iso(place):
    query = (
        "SELECT sum(items) AS sum, 12.50::DECIMAL(10, 2) AS price, 0.5 AS half, max(since) AS since, "
        "TIMESTAMPTZ '2026-03-01' - TIMESTAMPTZ '2026-02-27' AS took, NULL AS nothing, '\\x41'::BLOB AS bytes "
        "FROM category_counts, (SELECT max(since) AS since FROM current_category)"
    )
    assert json.loads(ask(place, query, output="json")) == [
        {"sum": 6, "price": 12.5, "half": 0.5, "since": "2026-03-02T17:00:00+00:00", "took": "2 days", "nothing": None,
         "bytes": "A"}
    ]  # fmt: skip


def test_two_columns_of_one_name_are_both_answered(place):
    lines = ask(place, "SELECT 1 AS a, 2 AS a, 3 AS a_2").splitlines()
    assert [line.split() for line in lines[:2]] == [["a", "a_2", "a_2_2"], ["1", "2", "3"]]


def test_csv_quotes_what_needs_it_and_writes_lists_as_json(place):
    text = ask(place, "SELECT title, [vendor] AS list FROM current_category WHERE item_id = 'b1'", output="csv")
    assert list(csv.reader(io.StringIO(text))) == [["title", "list"], ['=cmd "x",\nline \x1b[31m[bold]', '["bolt"]']]


def test_a_title_cannot_drive_the_terminal(place):
    text = ask(place, "SELECT title FROM current_category WHERE item_id = 'b1'")
    assert "\x1b" not in text and '=cmd "x", line  [31m[bold]' in text


def test_rows_cuts_the_answer_and_says_so(place):
    assert ask(place, "SELECT item_id FROM current_category ORDER BY 1", rows=2).splitlines()[-1] == "(6 rows, 2 shown)"


def test_without_a_query_the_views_are_listed(place):
    text = ask(place)
    assert "current_category" in text and "One row per live item that has a category" in text and "freshness" in text


def test_nothing_published_yet(tmp_path):
    with pytest.raises(CatalogError, match=r"does not exist yet.*catalog nightly"):
        ask(Workspace(tmp_path), "SELECT 1")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_csv('{secret}')",
        "SELECT * FROM read_text('{secret}')",
        "SELECT * FROM '{secret}'",
        "SELECT * FROM glob('{folder}/*')",
        "SELECT * FROM read_text('/proc/self/environ')",
        "ATTACH '{folder}/other.duckdb' AS other",
        "ATTACH '{folder}/state/work.duckdb' AS other (READ_ONLY)",
        "COPY (SELECT 1) TO '{folder}/out.csv'",
        "COPY freshness FROM '{secret}'",
        "EXPORT DATABASE '{folder}/out'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "RESET lock_configuration",
        "PRAGMA enable_logging",
        "CREATE TABLE mine AS SELECT 1",
        "INSERT INTO freshness SELECT * FROM freshness",
        "UPDATE freshness SET run_id = 'x'",
        "DELETE FROM freshness",
        "DROP VIEW current_category",
        "SELECT 1; SELECT * FROM read_text('{secret}')",
        "SELECT no_such_column FROM current_category",
        "this is no SQL",
    ],
)
def test_everything_else_is_denied(place, statement):
    secret = place.root / "secret.csv"
    secret.write_text("password\nhunter2\n")
    before = place.published_db.read_bytes()
    with pytest.raises(CatalogError) as denied:
        ask(place, statement.format(secret=secret, folder=place.root))
    assert "hunter2" not in str(denied.value) and denied.value.remedy
    assert not list(place.root.glob("out*")) and not (place.root / "other.duckdb").exists()
    assert place.published_db.read_bytes() == before


def test_environment_is_not_readable(place, monkeypatch):
    monkeypatch.setenv("FEEDSHELF_SECRET", "hunter2")
    with pytest.raises(CatalogError) as denied:
        ask(place, "SELECT getenv('FEEDSHELF_SECRET')")
    assert "hunter2" not in str(denied.value)
