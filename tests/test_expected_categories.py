"""Which categories count as younger than the labels when a model learns, and how often they are expected."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from test_labels import Desk

from catalog.learning import examples, new_categories
from catalog.publishing import views
from catalog.taxonomies.taxonomy import from_paths
from catalog.taxonomies.versions import latest_taxonomy, save_taxonomy

LAMPS, MUGS, LANTERNS = "Home > Light > Lamps", "Home > Kitchen > Mugs", "Home > Light > Lanterns"
OLD, DATED = "2025-03-01T00:00:00Z", "item_id,title,category_path,labelled_at"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Forty labels of two categories, said a year before the hierarchy got a third one."""
    made = Desk(tmp_path)
    views.create(made.store)
    said = [f"{n},product {n},{LAMPS if n % 2 else MUGS},{OLD}" for n in range(40)]
    made.load(*said, header=DATED, vendor="acme")
    save_taxonomy(made.store, from_paths([LAMPS, MUGS, LANTERNS]), "later")
    yield made
    made.store.close()


def expected(desk: Desk) -> dict[str, float]:
    known = examples.labelled(desk.store, latest_taxonomy(desk.store), seed=7)
    return new_categories.expected(desk.store, known)


def more(desk: Desk, category: str, count: int, first: int, when: str = "") -> None:
    said = [f"{n},product {n},{category},{when}" for n in range(first, first + count)]
    desk.load(*said, header=DATED, name=f"{first}.csv", vendor="acme")


def test_its_share_is_that_of_what_was_said_since_it_exists(desk: Desk) -> None:
    assert expected(desk) == {}
    more(desk, LANTERNS, 2, 100)
    more(desk, MUGS, 18, 200)
    assert expected(desk) == {LANTERNS: pytest.approx(60 / 20)}  # 2 of 20 since then, which are 6 of 60


def test_labels_of_a_file_of_its_own_make_it_an_average_category_at_most(desk: Desk) -> None:
    more(desk, LANTERNS, 5, 100)
    assert expected(desk) == {LANTERNS: pytest.approx(45 / 3 / 5)}
    more(desk, LANTERNS, 30, 200)
    assert expected(desk) == {}


def test_a_category_with_labels_from_before_is_rare_and_not_new(desk: Desk) -> None:
    more(desk, LANTERNS, 2, 100, OLD)
    assert expected(desk) == {}
