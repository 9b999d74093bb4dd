"""Answer files: every form people have is read the same, and what cannot be used is refused with a reason."""

import json
from pathlib import Path

import polars as pl
import pytest

from catalog.errors import FeedRefused
from catalog.inference import answers
from catalog.labels.labels import CategoryNames
from catalog.settings import Feeds
from catalog.taxonomies.taxonomy import from_paths

LAMPS, CANDLES, MUGS, RAKES = PATHS = (
    "Home > Light > Lamps",
    "Home > Light > Candles",
    "Home > Kitchen > Mugs",
    "Garden > Tools > Rakes",
)
TREE = from_paths(PATHS)


def read(folder: Path, name: str, text: str) -> answers.Answers:
    (folder / name).write_text(text, encoding="utf-8")
    return answers.read_answers(folder / name, CategoryNames(TREE), Feeds(batch_rows=2), vendor="acme")


def said(found: answers.Answers) -> list[tuple]:
    return found.candidates.select("vendor", "item_id", "order", "category_id", "score").rows()


def broken(found: answers.Answers) -> list[tuple]:
    return found.rejects.select("line", "item_id", "rule").rows()


SAME = [
    ("acme", "1", 0, LAMPS, 0.9),
    ("acme", "1", 1, CANDLES, 0.05),
    ("acme", "2", 0, MUGS, 0.6),
    ("acme", "2", 1, RAKES, 0.3),
]
LONG = f"item_id,category,score\n1,Candles,0.05\n1,{LAMPS},0.9\n2,Mugs,0.6\n2,Rakes,0.3\n"
WIDE = "item_id,candidate_1,score_1,candidate_2,score_2\n1,Lamps,0.9,Candles,0.05\n2,Rakes,0.3,Mugs,0.6\n"
JSON = [
    {"item_id": 1, "candidates": [{"category": "Lamps", "score": 0.9}, {"category": "Candles", "score": 0.05}]},
    {"item_id": "2", "candidates": ["Mugs", "Rakes"], "scores": [0.6, 0.3]},
]


def test_rows_columns_and_lists_say_the_same(tmp_path: Path) -> None:
    assert said(read(tmp_path, "long.csv", LONG)) == SAME
    assert said(read(tmp_path, "wide.tsv", WIDE.replace(",", "\t"))) == SAME
    assert said(read(tmp_path, "lines.jsonl", "\n".join(json.dumps(row) for row in JSON))) == SAME


def test_parquet_with_a_list_of_structs(tmp_path: Path) -> None:
    pl.DataFrame({"item_id": [1], "vendor": ["bolt"], "candidates": [JSON[0]["candidates"]]}).write_parquet(
        tmp_path / "a.parquet"
    )
    found = answers.read_answers(tmp_path / "a.parquet", CategoryNames(TREE), Feeds(), vendor="acme")
    assert said(found) == [("bolt", *row[1:]) for row in SAME[:2]]


def test_without_scores_the_order_in_the_file_is_the_order(tmp_path: Path) -> None:
    found = read(tmp_path, "a.csv", "item_id,candidate_1,candidate_2,candidate_3\n1,Rakes,Lamps,Candles\n2,Mugs,,\n")
    assert [row[3] for row in said(found)] == [RAKES, LAMPS, CANDLES, MUGS]
    assert found.candidates["score"].is_null().all()
    long = read(tmp_path, "b.csv", "item_id,category\n1,Rakes\n2,Mugs\n1,Lamps\n1,Candles\n")
    assert said(long) == said(found)


def test_an_unknown_category_is_refused_with_the_nearest(tmp_path: Path) -> None:
    found = read(tmp_path, "a.csv", "item_id,category,score\n1,Lamps,0.9\n1,Candle,0.1\n2,Mug,0.8\n2,Mugs,0.1\n")
    assert broken(found) == [(3, "1", "unknown_category"), (4, "2", "unknown_category")]
    assert found.rejects["detail"].to_list() == [
        f"'Candle' is no category here; nearest: {CANDLES}",
        f"'Mug' is no category here; nearest: {MUGS}",
    ]
    # what item 2 was thought to be is unknown: its second candidate must not stand in for the first
    assert [(row[1], row[3]) for row in said(found)] == [("1", LAMPS), ("1", None)]


def test_what_cannot_be_read_costs_the_item_and_is_counted(tmp_path: Path) -> None:
    rows = ["1,Lamps,high", "1,Mugs,0.2", ",Lamps,0.3", "3,,", "4,Lamps,0.5", "4,Lamps,0.5", "5,Mugs,40%", "6,Mugs,nan"]
    found = read(tmp_path, "a.csv", "\n".join(["item_id,category,score", *rows]))
    assert broken(found) == [
        (2, "1", "bad_score"),
        (4, None, "missing_item_id"),
        (5, "3", "missing_category"),
        (9, "6", "bad_score"),
    ]
    assert said(found) == [("acme", "4", 0, LAMPS, 0.5), ("acme", "5", 0, MUGS, 40.0)]


def test_a_second_row_of_an_item_is_refused_where_a_row_is_an_answer(tmp_path: Path) -> None:
    found = read(tmp_path, "a.csv", WIDE + "1,Mugs,1.0,Rakes,0.0\n")
    assert said(found) == SAME
    assert broken(found) == [(4, "1", "duplicate_item")]


@pytest.mark.parametrize("header", ["item_id,leaf,score", "sku,category,score"])
def test_a_file_without_the_columns_says_which_forms_there_are(tmp_path: Path, header: str) -> None:
    with pytest.raises(FeedRefused, match="candidate_1, score_1"):
        read(tmp_path, "a.csv", f"{header}\n1,Lamps,0.9\n")
    with pytest.raises(FeedRefused, match="candidate_1, score_1"):
        read(tmp_path, "a.jsonl", '{"sku": 1, "category": "Lamps"}\n')
