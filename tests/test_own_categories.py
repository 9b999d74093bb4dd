"""What the retailer's own process decided, as a column of the feed: read, mapped, kept beside, and no part of the item."""

from pathlib import Path

import pytest
from test_ingest import Shop

from catalog.deliveries import held
from catalog.publishing import views
from catalog.taxonomies.taxonomy import from_paths
from catalog.taxonomies.versions import save_taxonomy
from pipelines import ingest

FORM = """\
format = "csv"
[columns]
item_id = "sku"
title = "name"
own_category = "PIM"
[own_categories]
"Becher" = "Home > Mugs"
"""


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = Shop(tmp_path)
    views.create(shop.store)
    save_taxonomy(shop.store, from_paths(["Home", "Home > Mugs", "Home > Lamps"], ["1", "11", "12"]), "test")
    shop.mapping(FORM)
    return shop


def taken(shop: Shop, *rows: str, name: str = "2026-01-01.csv") -> None:
    shop.deliver("\n".join(["sku,name,PIM", *rows]) + "\n", name=name)
    ingest.run(shop.job(), held.to_take(shop.store, shop.workspace, shop.settings.feeds))


def own(shop: Shop) -> list[tuple]:
    return shop.rows("SELECT item_id, said, category_id FROM own_categories ORDER BY item_id")


def test_a_cell_means_what_the_form_says_or_an_id_or_a_path_of_ours_or_nothing(shop: Shop) -> None:
    taken(shop, "a,Mug,Becher", "b,Lamp, Home > Lamps ", "c,Lamp,12", "d,Thing,Misc", "e,New,")
    assert own(shop) == [("a", "Becher", "11"), ("b", "Home > Lamps", "12"), ("c", "12", "12"), ("d", "Misc", None)]


def test_another_word_is_another_fact_and_no_other_item(shop: Shop) -> None:
    taken(shop, "a,Mug,Misc", "b,Lamp,12")
    taken(shop, "a,Mug,11", "b,Lamp,12", name="2026-01-02.csv")
    assert own(shop) == [("a", "11", "11"), ("b", "12", "12")]
    assert shop.rows("SELECT count(*) FROM own_category_words") == [(3,)]
    assert shop.rows("SELECT DISTINCT status FROM sightings WHERE delivery_no = 2") == [("unchanged",)]
    assert shop.rows("SELECT count(*) FROM items") == [(2,)]


def test_an_undone_delivery_takes_its_words_along(shop: Shop) -> None:
    taken(shop, "a,Mug,11")
    taken(shop, "a,Mug,12", name="2026-01-02.csv")
    (last,) = shop.rows("SELECT delivery_id FROM deliveries WHERE delivery_no = 2")
    held.undo(shop.job(), last[0], held.By("anna", None), with_later=False)
    assert own(shop) == [("a", "11", "11")]


def test_another_map_reads_the_same_file_anew(shop: Shop) -> None:
    taken(shop, "a,Thing,Misc")
    shop.mapping(f'{FORM}"Misc" = "12"\n')
    taken(shop, "a,Thing,Misc", name="2026-01-02.csv")
    assert own(shop) == [("a", "Misc", "12")]
