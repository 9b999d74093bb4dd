"""Finding categories: misspelt, half typed, by any word of the path, never one that no product may stand at."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.taxonomies.category_search import CategorySearch, folded_words
from catalog.taxonomies.taxonomy import Taxonomy, from_paths

PATHS = [
    "Home > Kitchen > Kettles",
    "Home > Kitchen > Frying Pans",
    "Home > Garden > Watering Cans",
    "Home > Garden > Flower Pots",
    "Home > Kitchen > Pots",
    "Möbel > Stühle",
    "Мебель > Стулья",
    "家居 > 厨房用品",
    "Electronics > TV & Video > Televisions",
]
SEARCH = CategorySearch(from_paths(PATHS)).prepared()


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("kettles", PATHS[0]),
        ("ketlte", PATHS[0]),
        ("ketle", PATHS[0]),
        ("fring pan", PATHS[1]),
        ("pans frying", PATHS[1]),
        ("wat", PATHS[2]),
        ("watercan", PATHS[2]),
        ("garden pot", PATHS[3]),
        ("kitchen pots", PATHS[4]),
        ("pots", PATHS[4]),  # the whole name before a part of one
        ("stuhle", PATHS[5]),
        ("STÜLE", PATHS[5]),
        ("стуля", PATHS[6]),
        ("厨房", PATHS[7]),
        ("telivision", PATHS[8]),
        ("tv video", "Electronics > TV & Video"),
        ("Home > Kitchen > Frying Pans", PATHS[1]),
    ],
)
def test_what_is_meant_comes_first(query: str, path: str) -> None:
    assert SEARCH.find(query)[0] == path


@pytest.mark.parametrize("query", ["", "  ", ">", "xyzzy", "qqqqqqqq wwwwww"])
def test_what_resembles_nothing_finds_nothing(query: str) -> None:
    assert SEARCH.find(query) == []


def test_an_id_is_found_as_it_is() -> None:
    search = CategorySearch(from_paths(PATHS[:2], ["500044", "0021"]))
    assert search.find(" 0021 ") == ["0021"]


def test_nodes_closed_to_products_are_not_offered() -> None:
    nodes = from_paths(PATHS).nodes.with_columns(assignable=pl.col("is_leaf"))
    search = CategorySearch(Taxonomy.from_nodes(nodes))
    assert "Home > Kitchen" not in search.find("kitchen", 50)
    assert CategorySearch(Taxonomy.from_nodes(nodes.with_columns(assignable=pl.lit(value=False)))).find("kitchen") == []


@given(st.text(max_size=300))
def test_any_text_is_a_query(query: str) -> None:
    found = SEARCH.find(query, 5)
    assert len(found) == len(set(found)) <= 5


@given(st.sampled_from(PATHS), st.data())
def test_one_slip_of_the_finger_still_finds_it(path: str, data: st.DataObject) -> None:
    name = path.rpartition(" > ")[2]
    at = data.draw(st.integers(1, len(name) - 2))
    slip = data.draw(st.sampled_from(("drop", "double", "swap")))
    wrong = {
        "drop": name[:at] + name[at + 1 :],
        "double": name[:at] + name[at] + name[at:],
        "swap": name[:at] + name[at + 1] + name[at] + name[at + 2 :],
    }[slip]
    assert path in SEARCH.find(wrong, 3)


def test_words_lose_case_and_accents_and_long_queries_their_end() -> None:
    assert folded_words("Möbel, STÜHLE & Ähnliches") == ["mobel", "stuhle", "ahnliches"]
    assert len(folded_words("a b " * 500)) == 100
