"""Asking the published file: answers in three forms, and everything but asking is denied."""

import csv
import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from hand_made import hand_made, hour, job

from catalog.errors import CatalogError
from catalog.publishing import parquet, publication
from catalog.publishing.ask import ask, write
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


def test_json_has_no_word_for_what_is_no_number(place):
    query = (
        "SELECT 'nan'::DOUBLE AS a, '-inf'::FLOAT AS b, ['inf'::DOUBLE, 1] AS c, {'d': 'nan'::DOUBLE} AS d, 2.5 AS e"
    )
    found = json.loads(ask(place, query, output="json"), parse_constant=pytest.fail)
    assert found == [{"a": None, "b": None, "c": [None, 1.0], "d": {"d": None}, "e": 2.5}]
    assert "[null,1.0]" in ask(place, query, output="csv").replace(" ", "")


@pytest.mark.parametrize("endless", ["TIMESTAMP 'infinity'", "DATE '-infinity'", "TIMESTAMPTZ '294000-01-01'"])
def test_a_time_without_end_is_asked_for_as_text(place, endless):
    with pytest.raises(CatalogError, match=r"years 1 to 9999.*until::VARCHAR"):
        ask(place, f"SELECT {endless} AS until, now() AS today, NULL::DATE AS never")
    assert ask(place, f"SELECT ({endless})::VARCHAR AS until", output="csv").startswith("until\n")
    ends = "SELECT DATE '9999-12-31' AS last, TIMESTAMP '0001-01-01' AS first, TIMESTAMP_S '9999-12-31 23:59:59' AS s"
    assert "9999-12-31,0001-01-01" in ask(place, ends, output="csv")


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
        "SELECT * FROM read_text('{secret}'); SELECT 1",
        "CREATE TEMP TABLE mine AS FROM read_text('{secret}'); FROM mine",
        "SELECT 1; this is no SQL",
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


def test_what_does_not_fit_in_memory_is_written_nowhere_near_what_is_published(place):
    spill = Path(json.loads(ask(place, "SELECT current_setting('temp_directory') AS spill", output="json"))[0]["spill"])
    assert place.root not in spill.parents and not spill.exists()


def test_types_that_csv_has_no_form_for_are_text(place):
    query = "SELECT 5::VARIANT AS v, 9::BIGNUM AS b, [5::VARIANT] AS l"
    assert ask(place, query, output="csv") == "v,b,l\n5,9,[5]\n"
    assert json.loads(ask(place, query, output="json")) == [{"v": "5", "b": "9", "l": "[5]"}]


def test_environment_is_not_readable(place, monkeypatch):
    monkeypatch.setenv("FEEDSHELF_SECRET", "hunter2")
    with pytest.raises(CatalogError) as denied:
        ask(place, "SELECT getenv('FEEDSHELF_SECRET')")
    assert "hunter2" not in str(denied.value)


# ---------------------------------------------------------------- the command


def catalog(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *map(str, arguments)],
        cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_tables_and_describe_tell_what_there_is(place):
    listed = json.loads(ask(place, ".tables", output="json"))
    by_name = {row["name"]: row for row in listed}
    assert by_name["current_category"]["kind"] == "view" and by_name["items"]["kind"] == "table"
    assert by_name["under(top)"]["kind"] == "macro" and all(row["holds"] for row in listed)
    described = json.loads(ask(place, ".describe freshness;\n", output="json"))
    assert described[0] == {"name": "freshness", "type": "table", "holds": by_name["freshness"]["holds"]}
    assert described[1] == {"name": "run_id", "type": "VARCHAR", "holds": "the run that published it"}
    assert "FROM under('Home > Kitchen')" in ask(place, ".describe under", output="csv")


def test_what_explains_is_shown_whole_and_long_titles_are_cut(place):
    rule = next(row for row in ask(place, ".tables").splitlines() if " run_summary " in row)
    assert rule.endswith("rows_in = placed + placed_at_parent + review + decided + duplicate + quarantine + withdrawn.")
    assert "…" not in ask(place, ".tables") + ask(place, ".describe decisions")
    assert ask(place, "SELECT repeat('a', 200) AS title").splitlines()[1] == "a" * 99 + "…"


def test_what_is_not_there_is_named_with_the_remedy(place):
    with pytest.raises(CatalogError, match=r"Nothing published is called nonsense.*\.tables"):
        ask(place, ".describe nonsense")
    with pytest.raises(CatalogError, match=r"\.shell is not understood"):
        ask(place, ".shell ls")


def test_a_statement_is_read_from_a_file_and_answered_into_one(place, tmp_path):
    query, out = tmp_path / "q.sql", tmp_path / "sub" / "answer.csv"
    query.write_text(
        "\ufeff-- what stands where\nSELECT item_id FROM current_category WHERE vendor = 'acme' ORDER BY 1;\n"
    )
    done = catalog("sql", "--file", query, "--format", "csv", "--out", out, "--workspace", place.root)
    assert (done.returncode, done.stdout, out.read_text()) == (0, "", "item_id\na1\na2\n"), done.stderr
    shown = catalog("sql", "-f", query, "-o", "json", "-w", place.root)
    assert json.loads(shown.stdout) == [{"item_id": "a1"}, {"item_id": "a2"}]
    assert catalog("sql", "-f", tmp_path / "absent.sql", "-w", place.root).returncode == 1
    assert catalog("sql", "SELECT 1", "-f", query, "-w", place.root).returncode == 2
    assert catalog("sql", "SELECT 1", "--format", "parquet", "-w", place.root).returncode == 2


SEVERAL = """
    SET VARIABLE shown = 'acme';
    CREATE TEMP TABLE mine AS SELECT item_id FROM current_category WHERE vendor = getvariable('shown');
    SELECT count(*) AS items FROM mine; -- the first answer; not two
    PREPARE later AS SELECT ';' AS sign, item_id FROM mine ORDER BY item_id;
    EXECUTE later;
    DROP TABLE mine;
"""


def test_of_several_statements_a_table_shows_each_answer_and_other_formats_hold_the_last(place, tmp_path):
    assert [line.split() for line in ask(place, SEVERAL).splitlines()] == [
        ["items"], ["2"], ["(1", "row)"], [], ["sign", "item_id"], [";", "a1"], [";", "a2"], ["(2", "rows)"],
    ]  # fmt: skip
    assert ask(place, SEVERAL, output="csv") == "sign,item_id\n;,a1\n;,a2\n"
    assert json.loads(ask(place, SEVERAL, output="json"))[1] == {"sign": ";", "item_id": "a2"}
    write(place, SEVERAL, tmp_path / "last.parquet", "parquet")
    assert pl.read_parquet(tmp_path / "last.parquet")["item_id"].to_list() == ["a1", "a2"]


def test_what_asks_nothing_answers_nothing(place, tmp_path):
    for nothing in ("-- no more than a word", "SET VARIABLE shown = 1", ";"):
        assert ask(place, nothing, output="json") == "[]\n"
        with pytest.raises(CatalogError, match="answers nothing"):
            write(place, nothing, tmp_path / "none.parquet", "parquet")


def test_parquet_keeps_types(place, tmp_path):
    out = tmp_path / "answer.parquet"
    query = (
        "SELECT vendor, since, [vendor] AS list, 12.50::DECIMAL(10, 2) AS price, vendor "
        "FROM current_category WHERE item_id = 'a1'"
    )
    write(place, query, out, "parquet")
    found = pl.read_parquet(out)
    assert found.columns == ["vendor", "since", "list", "price", "vendor_2"]
    assert found.schema["list"] == pl.List(pl.String) and found.schema["price"] == pl.Decimal(10, 2)
    assert found["since"][0].isoformat() == "2026-03-02T17:00:00+00:00"


def test_writing_an_answer_opens_no_door(place, tmp_path):
    before = place.published_db.read_bytes()
    for statement in (
        f"COPY freshness TO '{tmp_path}/out.csv'",
        "SET lock_configuration = false",
        "SELECT * FROM glob('/*')",
    ):
        with pytest.raises(CatalogError):
            write(place, statement, tmp_path / "out.parquet", "parquet")
    assert list(tmp_path.iterdir()) == [] and place.published_db.read_bytes() == before


def test_all_of_the_file_as_parquet(tmp_path):
    workspace, store = hand_made(tmp_path / "shop")
    folder = tmp_path / "lake"
    for run, day in (("first", 1), ("second", 1), ("third", 40)):
        publication.publish(store, workspace.published_db, publication.Edition(run, hour(day)))
        listed = parquet.export(workspace.published_db, folder)
    store.close()
    assert listed == folder / "files-2026-03-02.json"
    assert {file.stem for file in folder.rglob("*.parquet")} == {"second", "third"}, "a date holds its last publication"
    for list_file in folder.glob("files-*.json"):
        facts = json.loads(list_file.read_text())
        assert facts["schema_version"] == "1.3" and len(facts["files"]) > 50
        for file in facts["files"]:
            content = (folder / file["path"]).read_bytes()
            assert (len(content), hashlib.sha256(content).hexdigest()) == (file["bytes"], file["sha256"])
            assert pl.read_parquet(folder / file["path"], hive_partitioning=False).height == file["rows"]
    read = pl.read_parquet(folder / "current_category" / "**" / "*.parquet", hive_partitioning=True)
    assert read["run_date"].n_unique() == 2 and read.height == 12
    assert [path.name for path in folder.rglob(".*")] == []


def test_the_command_publishes_parquet_also_when_nothing_is_new(tmp_path):
    shop = tmp_path / "shop"
    assert catalog("init", shop).returncode == 0
    (tmp_path / "tree.csv").write_text("id,parent_id,name\n1,,Home\n2,1,Mugs\n")
    assert catalog("taxonomy", "import", tmp_path / "tree.csv", "-w", shop).returncode == 0
    done = catalog("publish", "--parquet", tmp_path / "lake", "-w", shop)
    assert done.returncode == 0 and "files-" in done.stdout, done.stderr
    again = catalog("publish", "--parquet", tmp_path / "again", "-w", shop)
    assert again.returncode == 0 and "Nothing to do" in again.stdout and "files-" in again.stdout
