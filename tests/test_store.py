"""The one door to DuckDB."""

from pathlib import Path

import polars as pl
import pytest

from catalog.errors import CatalogError
from catalog.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "state" / "work.duckdb")


def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.transaction():
        store.append("rejects", pl.DataFrame({"vendor": ["acme"], "line": [3]}))
        raise ZeroDivisionError
    assert store.one("SELECT count(*) FROM rejects") == 0


def test_an_inner_transaction_joins_the_outer(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.transaction():
        with store.transaction():
            store.append_row("rejects", vendor="acme", line=3)
        raise ZeroDivisionError
    assert store.one("SELECT count(*) FROM rejects") == 0


def test_append_goes_by_name_and_fills_with_null(store: Store) -> None:
    store.append("rejects", pl.DataFrame({"line": [3], "vendor": ["a'; DROP TABLE rejects; --"]}))
    assert store.query("SELECT vendor, line, rule FROM rejects").row(0) == ("a'; DROP TABLE rejects; --", 3, None)


def test_batches_hold_every_row_once(store: Store) -> None:
    store.append("rejects", pl.DataFrame({"line": range(5000)}))
    sizes = [batch.height for batch in store.batches("SELECT line FROM rejects", rows=2048)]
    assert sum(sizes) == 5000
    assert len(sizes) > 1


def test_the_threads_come_back_when_what_ran_on_one_failed(store: Store) -> None:
    before = store.one("SELECT current_setting('threads')")
    with pytest.raises(CatalogError), store.one_thread():
        assert (before, store.one("SELECT current_setting('threads')")) == (2, 1)
        raise CatalogError("so", remedy="")
    assert store.one("SELECT current_setting('threads')") == before


def test_opening_again_keeps_the_facts_and_migrates_nothing_twice(store: Store) -> None:
    store.append_row("rejects", vendor="acme")
    path = store.path
    store.close()
    with Store.open(path) as again:
        assert again.one("SELECT count(*) FROM rejects") == 1
        assert again.one("SELECT count(*) = count(DISTINCT version) FROM schema_version")


def test_every_missing_migration_is_applied_not_only_those_above_the_highest(store: Store) -> None:
    store.execute("DROP TABLE category_changes")
    store.execute("DROP TABLE corrected")
    store.execute("DELETE FROM schema_version WHERE version = 10")
    store.append_row("rejects", vendor="acme")
    path = store.path
    store.close()
    with Store.open(path) as again:
        assert again.one("SELECT count(*) FROM category_changes") == 0
        assert again.one("SELECT name FROM schema_version WHERE version = 10") == "0010_changes.sql"
        assert again.one("SELECT count(*) = count(DISTINCT version) FROM schema_version")
        assert again.one("SELECT count(*) FROM rejects") == 1


def test_a_newer_file_is_refused(store: Store) -> None:
    store.execute("INSERT INTO schema_version VALUES (9999, 'from the future')")
    path = store.path
    store.close()
    with pytest.raises(CatalogError, match="newer version"):
        Store.open(path)


def test_too_little_memory_is_told_apart_from_a_full_disk(tmp_path: Path) -> None:
    with (
        Store.open(tmp_path / "work.duckdb", memory_limit="64MB", threads=1) as store,
        pytest.raises(
            CatalogError, match=r"Out of Memory.*Raise database\.memory_limit in catalog\.toml and run again"
        ),
        store.building(tmp_path / "new.duckdb", storage_version="v1.5.0"),
    ):
        store.execute("CREATE TABLE long AS SELECT list(i::VARCHAR) AS texts FROM range(10_000_000) AS numbers(i)")
