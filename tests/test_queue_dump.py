"""The whole queue as one file: complete, in order, inert, and of no consequence."""

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from review_desk import KITCHEN, MUGS, PANS, PUZZLES, Desk

from catalog.errors import CatalogError
from catalog.review import leases, queue_dump
from catalog.review.leases import Wanted
from catalog.review.review_queue import NEUTRAL
from pipelines import review


@pytest.fixture
def stocked(desk: Desk) -> Desk:
    for n in range(4):
        desk.item(f"plain{n}", title="=1+1" if n else "mug;=1+1", reason="close_call", price=n + 1, currency="EUR")
    desk.item("pair0", group_id="g")
    desk.item("pair1", group_id="g", outcome="placed_at_parent", category_id=KITCHEN)
    leases.take(desk.job(), Wanted("anna", timedelta(hours=1), groups=1))
    return desk


def test_both_forms_hold_every_waiting_row_in_order(stocked: Desk, tmp_path: Path) -> None:
    for name in ("queue.csv", "queue.parquet"):
        assert review.dump(stocked.job(), tmp_path / name) == 6
    parquet, text = pl.read_parquet(tmp_path / "queue.parquet"), pl.read_csv(tmp_path / "queue.csv")
    assert tuple(parquet.columns) == tuple(text.columns) == queue_dump.COLUMNS
    for rows in (parquet, text):
        assert rows["place"].to_list() == list(range(1, 7))
        assert set(rows["item_id"]) == {"plain0", "plain1", "plain2", "plain3", "pair0", "pair1"}
    assert dict(parquet.filter(item_id="pair0").select("group_size", "parent").rows()) == {2: "Home > Kitchen"}
    assert set(parquet["title"]) >= {"=1+1", "mug;=1+1"} and set(text["title"]) >= {"'=1+1", "mug;'=1+1"}
    assert set(parquet["held_by"]) == {None, "anna"}
    worth = parquet.filter(pl.col("item_id").is_in(["pair0", "pair1"]))["worth"].to_list()
    assert worth[0] == worth[1] == parquet["worth"].max()


def test_hidden_rows_are_hidden_here_too(stocked: Desk, tmp_path: Path) -> None:
    stocked.item("audit", outcome="placed", category_id=MUGS, audit=True, top=(PUZZLES, MUGS), reason="certified")
    review.dump(stocked.job(), tmp_path / "queue.parquet")
    rows = pl.read_parquet(tmp_path / "queue.parquet")
    hidden = rows.filter(pl.col("sentence") == NEUTRAL)
    assert "audit" in hidden["item_id"] and hidden.height == 2
    told = hidden.select("reason", "group_id", "worth", "parent", "group_size").unique()
    assert told.rows() == [(None, None, None, None, 1)]
    for row in hidden.iter_rows(named=True):
        offered = [row[name] for name in queue_dump.CANDIDATES if row[name]]
        assert offered == sorted(offered)


def test_it_lends_and_records_nothing(stocked: Desk, tmp_path: Path) -> None:
    before = [stocked.store.one(f"SELECT count(*) FROM {name}") for name in ("exports", "export_rows", "leases")]
    review.dump(stocked.job(), tmp_path / "queue.csv")
    assert [
        stocked.store.one(f"SELECT count(*) FROM {name}") for name in ("exports", "export_rows", "leases")
    ] == before
    assert [path.name for path in tmp_path.glob("*queue*")] == ["queue.csv"]


def test_more_rows_than_are_made_at_a_time(stocked: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    review.dump(stocked.job(), tmp_path / "whole.csv")
    monkeypatch.setattr(queue_dump, "_SLICE", 2)
    for name in ("queue.csv", "queue.parquet"):
        review.dump(stocked.job(), tmp_path / name)
    assert pl.read_csv(tmp_path / "queue.csv").height == pl.read_parquet(tmp_path / "queue.parquet").height == 6
    assert set(pl.read_csv(tmp_path / "queue.csv")["item_id"]) == set(pl.read_csv(tmp_path / "whole.csv")["item_id"])


def test_an_empty_queue_is_a_file_with_a_header(desk: Desk, tmp_path: Path) -> None:
    for name in ("queue.csv", "queue.parquet"):
        assert review.dump(desk.job(), tmp_path / name) == 0
    assert tuple(pl.read_csv(tmp_path / "queue.csv").columns) == queue_dump.COLUMNS
    assert pl.read_parquet(tmp_path / "queue.parquet").height == 0


@pytest.mark.parametrize("name", ["queue.txt", "missing/queue.csv"])
def test_what_cannot_be_written_names_the_remedy(desk: Desk, tmp_path: Path, name: str) -> None:
    with pytest.raises(CatalogError, match=r"(?i)name (such )?a file"):
        review.dump(desk.job(), tmp_path / name)


def test_a_candidate_of_the_dump_is_a_path_of_today(desk: Desk, tmp_path: Path) -> None:
    desk.item("a", top=("gone", PANS))
    review.dump(desk.job(), tmp_path / "queue.parquet")
    (row,) = pl.read_parquet(tmp_path / "queue.parquet").rows(named=True)
    assert [row["candidate_1"], row["candidate_2"]] == ["Home > Kitchen > Pans", None]
