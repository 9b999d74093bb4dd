"""The published file explains itself: a comment on everything, from one place, and nothing in it that is private."""

import re
from pathlib import Path

import pytest
from hand_made import busy, hand_made, hour, job, rows

from catalog.publishing import dictionary, publication, views
from catalog.publishing.publication import Edition
from catalog.publishing.reader import query_published, reading
from catalog.settings import Review, Settings
from pipelines import dictionary as page
from pipelines import publish

ROOT = Path(__file__).parents[1]


@pytest.fixture
def place(tmp_path):
    workspace, store = hand_made(tmp_path)
    busy(store)
    yield workspace, store
    store.close()


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is published of the workspace as it was made."""
    workspace, store = hand_made(tmp_path_factory.mktemp("published"))
    busy(store)
    publish.run(job(workspace, store))
    store.close()
    return workspace.published_db


def statements() -> list[views.Statement]:
    first, last = views.tables()
    return [*first, *views.standing(), *last, *views.questions()]


def published_columns(file: Path) -> dict[str, list[tuple[str, str | None]]]:
    found: dict[str, list[tuple[str, str | None]]] = {}
    sql = "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal ORDER BY 1, column_index"
    for table, column, comment in query_published(file, sql).rows():
        found.setdefault(table, []).append((column, comment))
    return found


def test_everything_published_has_a_comment(published):
    with reading(published) as reader:
        undescribed = [found.name for found in dictionary.entries(reader.query) if not found.holds]
    undescribed += [
        f"{table}.{column}"
        for table, columns in published_columns(published).items()
        for column, comment in columns
        if not comment
    ]
    assert undescribed == []


def test_every_description_is_of_a_column_that_exists(published):
    columns = published_columns(published)
    for statement in statements():
        there = {column for column, _ in columns[statement.name]}
        there |= {re.sub(r"\d+$", "*", column) for column in there}
        assert set(statement.columns) <= there, statement.name
        described = [name for name in statement.columns if not name.endswith("*")]
        order = [column for column, _ in columns[statement.name] if column in statement.columns]
        assert described == order, f"{statement.name} describes its columns in another order"


def test_an_undescribed_column_and_one_that_is_not_there_would_be_noticed():
    head = views.Statement(
        "v", "-- One row per item.\n-- a: one\n-- b_*: several\nCREATE VIEW v AS SELECT 1 AS a, 2 AS c;\n"
    )
    assert [head.meaning(column) for column in ("a", "b_12", "b", "c")] == ["one", "several", None, None]
    assert set(head.columns) - {"a", "c"} == {"b_*"}


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        ("-- One row.\n-- a: one\n-- a: again\n", r"v\.sql:3 describes a twice"),
        ("-- One row.\n-- a: one\n-- and so on\n", r"v\.sql:3 is neither"),
        ("-- One row.\n-- a: one\n--b: two\n", r"v\.sql:3 is neither"),
        ("-- One row.\n--   more\n", r"v\.sql:2 is neither"),
        ("-- One row.\n-- a: one\n--\n", r"v\.sql:3 is neither"),
    ],
)
def test_a_head_of_another_form_is_an_error(head, problem):
    with pytest.raises(ValueError, match=problem):
        _ = views.Statement("v", f"{head}CREATE VIEW v AS SELECT 1 AS a;\n").grain


def test_grain_and_meanings_may_go_on_over_lines():
    head = views.Statement(
        "v", "-- One row per item,\n-- live or not.\n-- a: one\n--   of two\nCREATE VIEW v AS SELECT 1 AS a;\n"
    )
    assert head.grain == "One row per item, live or not." and head.columns == {"a": "one of two"}


def test_the_file_holds_what_sql_names_and_nothing_else(published):
    found = query_published(
        published,
        "SELECT schema_name, table_name FROM duckdb_tables() UNION ALL "
        "SELECT schema_name, view_name FROM duckdb_views() WHERE NOT internal",
    )
    assert set(found.rows()) == {("main", statement.name) for statement in statements()}
    macros = query_published(published, "SELECT function_name FROM duckdb_functions() WHERE NOT internal")
    assert set(macros["function_name"]) == {macro.name for macro in views.macros() + views.table_macros()}


def every_text(file: Path) -> str:
    """All of the file's rows, macros and views as text."""
    tables = query_published(file, "SELECT table_name FROM duckdb_tables()")["table_name"]
    parts = [str(query_published(file, f"SELECT t::VARCHAR FROM {table} t").rows()) for table in tables]
    macros = "SELECT macro_definition FROM duckdb_functions() WHERE NOT internal"
    parts += query_published(file, macros)["macro_definition"].to_list()
    return "\n".join(parts)


def test_reviewers_are_pseudonyms_that_stay_the_same(place):
    workspace, store = place
    rows(
        store, "delivery_orders", {"seq": 1, "delivery_id": "bolt-3", "word": "release", "who": "anna", "note": "anna"}
    )
    publish.run(job(workspace, store))
    text = every_text(workspace.published_db)
    assert "anna" not in text and "looked twice" not in text and "box-7" not in text
    assert store.one("SELECT workspace_id FROM workspace") not in text, "names could be tried out with it"
    sql = "SELECT DISTINCT who FROM decisions WHERE who IS NOT NULL ORDER BY seq"
    names = query_published(workspace.published_db, sql)["who"].to_list()
    assert len(set(names)) == 3 and all(re.fullmatch("reviewer-[0-9a-f]{8}", name) for name in names)
    [said_by] = query_published(workspace.published_db, "SELECT said_by FROM vendor_categories WHERE vendor = 'dome'")[
        "said_by"
    ]
    assert said_by == names[1], "one person has one pseudonym in all of the file"
    publish.run(job(workspace, store))
    assert query_published(workspace.published_db, sql)["who"].to_list() == names


def test_another_workspace_has_other_pseudonyms(place):
    workspace, store = place
    sql = "SELECT who FROM standing_decisions WHERE item_id = 'd21'"
    publish.run(job(workspace, store))
    before = query_published(workspace.published_db, sql).item()
    store.execute("UPDATE workspace SET workspace_id = 'another'")
    publish.run(job(workspace, store))
    assert query_published(workspace.published_db, sql).item() != before


def test_words_of_the_program_itself_are_nobodys_name(place):
    workspace, store = place
    for seq, who in enumerate(("import", "reviewer", "adjudication"), start=40):
        rows(store, "decisions", {"seq": seq, "vendor": "dome", "item_id": "d01", "verdict": "skip", "who": who})
    publish.run(job(workspace, store))
    found = query_published(workspace.published_db, "SELECT who FROM decisions WHERE seq >= 40 ORDER BY seq")
    assert found["who"].to_list() == ["import", "reviewer", "adjudication"]


def test_a_setting_names_reviewers_and_keeps_their_notes(place):
    workspace, store = place
    named = Settings(review=Review(names="names"))
    publish.run(type(job(workspace, store))(workspace, named, store, "000005-eeee"))
    sql = "SELECT who, note FROM decisions WHERE item_id = 'd21' ORDER BY seq"
    assert query_published(workspace.published_db, sql).rows() == [
        ("anna", "anna looked twice"), ("bo", "bo looked twice"),
    ]  # fmt: skip


PICTURES = [
    ("/srv/shop/feeds/dome/pan.jpg", "pan.jpg"),
    ("pan #2.jpg", "pan #2.jpg"),
    (r"C:\shop\pan.jpg", "pan.jpg"),
    ("https://cdn.example/a/pan.jpg", "https://cdn.example/a/pan.jpg"),
    ("https://u:p@cdn.example/a/pan.jpg?X-Amz-Signature=k#k", "https://cdn.example/a/pan.jpg"),
    ("https://u:p?x#y@cdn.example/pan.jpg", "https://cdn.example/pan.jpg"),
    ("https://cdn.example/@home/pan.jpg", "https://cdn.example/@home/pan.jpg"),
    ("//u:p@cdn.example/pan.jpg?key=k", "//cdn.example/pan.jpg"),
    ("s3://bucket/pan.jpg?versionId=1", "s3://bucket/pan.jpg"),
    ("pan.jpg?sig=k", "pan.jpg"),
    (None, None),
]


def test_pictures_are_published_without_keys_and_places(place):
    workspace, store = place
    for number, (delivered, _) in enumerate(PICTURES):
        change = "UPDATE items SET image = ?, image_url = ?, images = [?] WHERE item_id = ?"
        store.execute(change, [*[delivered] * 3, f"d{number:02}"])
    publication.publish(store, workspace.published_db, Edition("r", hour(99)))
    for number, (delivered, shown) in enumerate(PICTURES):
        sql = f"SELECT image, image_url, images FROM items WHERE item_id = 'd{number:02}'"
        assert query_published(workspace.published_db, sql).row(0) == (shown, shown, [shown]), delivered


def test_the_handbook_page_is_current():
    written = (ROOT / page.PAGE).read_text(encoding="utf-8")
    assert written == page.text(), "write it again: make dictionary"


def test_numbered_columns_of_one_meaning_are_shown_once(published):
    with reading(published) as reader:
        names = [column.name for column in dictionary.entry(reader.query, "current_category").columns]
    assert names[4:7] == ["path", "level_1 ...", "level"]
