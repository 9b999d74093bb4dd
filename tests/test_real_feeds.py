"""Feeds of real shops, where they are at hand: every row becomes an item or a reject, or the file is refused aloud."""

import csv
import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from catalog.canonical import canonicalize
from catalog.errors import FeedRefused
from catalog.feeds import read_rows
from catalog.mapping import Mapping
from catalog.pictures import Pictures
from catalog.settings import Feeds

FOLDER = Path(os.environ.get("FEEDSHELF_REAL_DATA", Path(__file__).parents[2] / "shared")) / "feeds"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no real feeds at {FOLDER} (set FEEDSHELF_REAL_DATA)")


@dataclass(frozen=True)
class Feed:
    """A file, how it maps, and what is known of it: rows a plain csv reader finds, or the code it is refused with."""

    name: str
    columns: dict
    dialect: dict = field(default_factory=dict)
    refused: str | None = None


MERCADONA = {"item_id": ["nombre_prod", "Q"], "title": "nombre_prod", "price": "precio"}
FEEDS = [
    Feed("amazon_2020_sample.csv", {"item_id": "Uniq Id", "title": "Product Name", "price": "Selling Price"}),
    Feed("bad_missing_fields.csv", {"item_id": "product_id", "title": "name", "price": "price"}),
    Feed("buscape_offers_ptBR.tsv", {"item_id": "ID", "title": "TITLE"}, {"format": "tsv", "quote": ""}),
    Feed("magento_catalog_product_johnybk08.csv", {"item_id": "sku", "title": "name", "price": "price"}),
    Feed("mercadona_mojibake.csv", {**MERCADONA, "price": "precio_medida"}),
    Feed("mercadona_multiline_cells.csv", MERCADONA),
    Feed(
        "mercadona_tilde_dup_header.csv",
        {"item_id": "product_code", "title": "product", "attributes": ["product_category"]},
        {"delimiter": "~"},
    ),
    Feed(
        "mercadona_tilde_dup_header.csv",
        {"item_id": "product_code", "title": "product", "vendor_category": "product_category"},
        {"delimiter": "~"},
        refused="duplicate_header",
    ),
    Feed("mercadona_tilde_dup_header.csv", {"item_id": "product_code", "title": "product"}, refused="missing_column"),
    Feed("prestashop14_products_import.csv", {"item_id": "id", "title": "Name*"}, {"delimiter": ";"}),
    Feed(
        "promua_secur_import_products.csv",
        {"item_id": "Код_товару", "title": "Назва_позиції", "price": "Ціна", "currency": "Валюта"},
        {"delimiter": ";"},
    ),
    Feed("semicolon_catalog_10k.csv", {"item_id": "product_id", "title": "name", "price": "price"}, {"delimiter": ";"}),
    Feed("shopify_apparel_template.csv", {"item_id": ["Handle", "Variant SKU"], "title": "Title"}),
    Feed("shopify_export_ronne2406.csv", {"item_id": "Variant SKU", "title": "Title", "description": "Body (HTML)"}),
    Feed("woocommerce_vinoteka_sr.csv", {"item_id": "SKU", "title": "Name", "price": "Regular price"}),
]


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: f"{feed.name}-{feed.refused or 'read'}")
def test_no_row_of_a_real_feed_is_lost(feed: Feed) -> None:
    path = FOLDER / feed.name
    mapping = Mapping.model_validate({"format": "csv", "columns": feed.columns, **feed.dialect})
    items, rejects = 0, 0
    try:
        for batch in read_rows(path, mapping, Feeds(batch_rows=1000)):
            found = canonicalize(batch, "real", mapping, Pictures(FOLDER))
            items, rejects = items + found.items.height, rejects + found.rejects.height
    except FeedRefused as why:
        assert why.reason == feed.refused
        assert why.remedy
        return
    assert feed.refused is None
    assert items + rejects == _rows(path, mapping)
    assert items > 0


def _rows(path: Path, mapping: Mapping) -> int:
    """What Python's own lenient reader makes of the whole text."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        quoting = csv.QUOTE_MINIMAL if mapping.quote else csv.QUOTE_NONE
        reader = csv.reader(file, delimiter=mapping.separator, quoting=quoting)
        return sum(1 for row in reader if any(cell.strip() for cell in row) or len(row) > 1) - 1


def test_a_header_alone_reads_as_no_rows() -> None:
    mapping = Mapping.model_validate({"format": "csv", "columns": {"item_id": "product_id", "title": "name"}})
    assert list(read_rows(FOLDER / "bad_empty_catalog.csv", mapping, Feeds())) == []


def test_windows_1251_reads_when_declared_and_is_refused_when_not() -> None:
    path = FOLDER / "cp1251_korobki_supplier_attribute.csv"
    form = {"format": "csv", "delimiter": ";", "columns": {"item_id": "category_id", "title": "supplier_name"}}
    (batch,) = read_rows(path, Mapping.model_validate({**form, "encoding": "windows-1251"}), Feeds())
    assert batch.rows.height > 30
    with pytest.raises(FeedRefused) as caught:
        list(read_rows(path, Mapping.model_validate(form), Feeds()))
    assert caught.value.reason == "bad_encoding" and "windows-1251" in caught.value.remedy
