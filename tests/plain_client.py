"""What an analyst's own program does with a published file, by whichever DuckDB it runs on: `python plain_client.py FILE FOLDER`.

Only duckdb is imported here, so that a client of another version can be asked the same.
"""

import sys
from pathlib import Path

import duckdb

# What Metabase's driver opens a file with when "Establish a read-only connection" is on; DBeaver's sets access_mode alone.
TOOL = {"access_mode": "READ_ONLY", "old_implicit_casting": "true", "custom_user_agent": "metabase"}
# Each macro that computes, beside a row of the analyst's own table, and its answer.
SCALARS = {
    "awaits_person": ("shelf.awaits_person(vendor)", False),
    "categories_now": ("shelf.categories_now([category_id, '7'], map(['7'], ['112']))", ["112"]),
    "file_name": ("shelf.file_name('a/' || item_id)", "d01"),
    "has_category": ("shelf.has_category('placed') AND sold > 0", True),
    "is_rechecked": ("shelf.is_rechecked('placed', 'department_stopped') AND sold > 0", True),
    "is_under": ("shelf.is_under('Home > ' || vendor, 'Home')", True),
    "level": ("shelf.level('Home > ' || vendor, 2)", "dome"),
    "on_one_branch": ("shelf.on_one_branch(['Home', 'Home > ' || vendor])", True),
    "schema_version": ("shelf.schema_version() LIKE '1.%' AND sold > 0", True),
    "share": ("shelf.share(sold, 12)", 0.25),
    "share_high": ("round(shelf.share_high(sold, 3), 3)", 1.0),
    "share_low": ("round(shelf.share_low(sold, 3), 3)", 0.439),
    "shown_picture": ("shelf.shown_picture('https://u:p@cdn.example/' || item_id || '.jpg?key=1')", "https://cdn.example/d01.jpg"),
    "stood_on": ("shelf.stood_on(TIMESTAMPTZ '2026-03-01 00:00:00+00', NULL::TIMESTAMPTZ, '2026-03-03') AND sold > 0", True),
    "title_words": ("shelf.title_words(vendor || ', ' || vendor)", ["dome"]),
    "titles_alike": ("shelf.titles_alike([vendor, 'pan'], [vendor])", True),
    "without_keys": ("shelf.without_keys('see https://u:p@x.example/a?k=1 ' || vendor)", "see https://x.example/a dome"),
}  # fmt: skip
# Those that answer with rows read views by their bare names: the file comes first in the search path.
TABLES = {
    "as_of": "as_of('2026-03-03') JOIN own.sales USING (category_id)",
    "nodes_under": "nodes_under('Home') JOIN own.sales USING (category_id)",
    "under": "under('Home') JOIN own.sales USING (vendor, item_id)",
}


def attached(file: Path, folder: Path) -> duckdb.DuckDBPyConnection:
    """A database of the analyst's own with a sale in it, and the published file beside it under a name of their choice."""
    connection = duckdb.connect(str(folder / "own.duckdb"))
    connection.execute(
        "CREATE TABLE sales AS SELECT 'dome' AS vendor, 'd01' AS item_id, '112' AS category_id, 3 AS sold"
    )
    # a table of a name the views read, to be taken for none of theirs
    connection.execute("CREATE TABLE items AS SELECT 'dome' AS vendor, 'd01' AS item_id, 'mine' AS title")
    connection.execute(f"ATTACH '{file}' AS shelf (READ_ONLY)")
    return connection


def join_everything(own: duckdb.DuckDBPyConnection) -> int:
    """Joins every table and view with the sales, by the keys they share; how many met the sale."""
    named = own.execute("SELECT table_name, column_name FROM duckdb_columns() WHERE database_name = 'shelf'").fetchall()
    names = {name for name, _ in named}
    assert len(names) > 100
    joined = 0
    for name in sorted(names):
        keys = [key for key in ("vendor", "item_id", "category_id") if (name, key) in named]
        using = f"LEFT JOIN sales USING ({', '.join(keys)})" if keys else "CROSS JOIN sales"
        found = own.execute(f"SELECT count(*), sum(sold) FROM shelf.{name} {using}").fetchone()
        assert found is not None and found[0] > 0, name
        joined += bool(found[1])
    return joined


def ask_every_macro(own: duckdb.DuckDBPyConnection) -> None:
    """Asks each macro of the file beside the sales; a new one without an entry here is an error."""
    there = own.execute(
        "SELECT DISTINCT function_name FROM duckdb_functions() WHERE database_name = 'shelf' AND NOT internal"
    ).fetchall()
    assert {name for (name,) in there} == SCALARS.keys() | TABLES.keys()
    for name, (expression, answer) in SCALARS.items():
        assert own.execute(f"SELECT {expression} FROM sales").fetchall() == [(answer,)], name
    own.execute("USE shelf")
    for name, asked in TABLES.items():
        assert own.execute(f"SELECT sum(sold) > 0 FROM {asked}").fetchall() == [(True,)], name
    own.execute("USE own")


def read_as_a_tool(file: Path) -> int:
    """Reads every table and view as a BI tool does, whole; how many there are. What writes is refused."""
    with duckdb.connect(str(file), config=TOOL) as connection:
        names = connection.execute("SELECT table_name FROM information_schema.tables").fetchall()
        for (name,) in names:
            connection.execute(f'SELECT * FROM "{name}"').fetchall()
        try:
            connection.execute("CREATE TABLE mine AS SELECT 1")
        except duckdb.InvalidInputException:
            return len(names)
    raise AssertionError("the file was written to")


if __name__ == "__main__":
    with attached(Path(sys.argv[1]), Path(sys.argv[2])) as alone:
        join_everything(alone)
        ask_every_macro(alone)
    read_as_a_tool(Path(sys.argv[1]))
    sys.stdout.write(duckdb.__version__)
