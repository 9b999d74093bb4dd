"""Tables of the published file made of some vendors' items after others': divisions worked out by hand, and the same rows as whole."""

from pathlib import Path

import duckdb
import polars as pl
import pytest
from hand_made import a_pair_that_waits, busy, hand_made, hour
from hypothesis import given
from hypothesis import strategies as st

from catalog.publishing import parts, publication, views
from catalog.publishing.publication import Edition
from catalog.publishing.reader import reading


@pytest.mark.parametrize(
    ("rows", "conditions"),
    [
        ([], []),
        ([("a", 10)], []),
        ([("a", 4), ("b", 6)], []),
        ([("a", 4), ("b", 7)], ["vendor < 'b'", "vendor >= 'b'"]),
        ([("a", 4), ("b", 6), ("c", 9), ("d", 1)], ["vendor < 'c'", "vendor >= 'c'"]),
        ([("o'hara", 9), ("o'neill", 9)], ["vendor < 'o''neill'", "vendor >= 'o''neill'"]),
        ([("a", 11)], ["hash(item_id) % 2 = 0", "hash(item_id) % 2 = 1"]),
        (
            [("a", 1), ("b", 25), ("c", 1)],
            [
                "vendor < 'b'",
                *(f"vendor >= 'b' AND vendor < 'c' AND hash(item_id) % 3 = {n}" for n in range(3)),
                "vendor >= 'c'",
            ],
        ),
    ],
)
def test_divided_into_parts_of_at_most_ten(rows: list[tuple[str, int]], conditions: list[str]) -> None:
    found = parts.divided(rows, 10)
    assert list(found.by_item) == conditions
    assert list(found.by_vendor) == list(
        dict.fromkeys(c.split(" AND hash")[0] for c in conditions if not c.startswith("hash"))
    )


@given(st.dictionaries(st.text("ab-_.'é", min_size=1, max_size=3), st.integers(1, 40), max_size=8), st.integers(1, 30))
def test_each_item_belongs_to_one_part(vendors: dict[str, int], room: int) -> None:
    rows = sorted(vendors.items(), key=lambda pair: pair[0].encode())
    found = parts.divided(rows, room)
    with duckdb.connect() as here:
        here.execute("CREATE TABLE items (vendor VARCHAR, item_id VARCHAR)")
        for vendor, count in rows:
            here.execute("INSERT INTO items SELECT ?, range::VARCHAR FROM range(?)", [vendor, count])
        for conditions in (found.by_item, found.by_vendor):
            counts = [here.sql(f"SELECT count(*) FROM items WHERE {one}").fetchall()[0][0] for one in conditions]
            assert sum(counts) == (sum(vendors.values()) if conditions else 0)


def _published(folder: Path) -> Path:
    _, store = hand_made(folder)
    with store:
        busy(store)
        a_pair_that_waits(store)
        publication.publish(store, folder / "catalog.duckdb", Edition("000005-eeee", hour(90)))
        found = parts.among(store)
        assert (len(found.by_item), len(found.by_vendor)) == ((6, 4) if folder.name == "parts" else (0, 0))
    return folder / "catalog.duckdb"


def test_in_parts_every_table_has_the_rows_it_has_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole_file = _published(tmp_path / "whole")
    monkeypatch.setattr(parts, "BYTES_AN_ITEM", 10**8)  # nine items, of eleven and 22
    parts_file = _published(tmp_path / "parts")
    first, last = views.tables()
    named = [one.name for one in [*first, *views.standing(), *last, *views.questions()]]
    with reading(whole_file) as whole, reading(parts_file) as divided:
        for name in named:
            found = [reader.query(f"SELECT * FROM {name} ORDER BY ALL") for reader in (whole, divided)]
            if "cursor" in found[0].columns:  # numbered part by part, and items of one vendor as their hashes fall
                assert [one["cursor"].sort().to_list() for one in found] == [list(range(1, found[0].height + 1))] * 2
                found = [one.drop("cursor").sort(pl.all()) for one in found]
            assert found[0].rows() == found[1].rows(), name
