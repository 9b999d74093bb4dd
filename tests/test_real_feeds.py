"""Feeds of real shops, where they are at hand: what each gives, stated by hand and counted apart from our readers.

The numbers are those of a plain csv reader, or of element names counted in the text of an XML file.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from catalog.deliveries.canonical import canonicalize
from catalog.errors import FeedRefused
from catalog.pictures.finding import Pictures
from catalog.reading.feeds import read_rows
from catalog.reading.mapping import Mapping
from catalog.settings import Feeds

FOLDER = Path(os.environ.get("FEEDSHELF_REAL_DATA", Path(__file__).parents[2] / "shared")) / "feeds"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no real feeds at {FOLDER} (set FEEDSHELF_REAL_DATA)")


@dataclass(frozen=True)
class Feed:
    """A file and the form a person writes for it.

    items: rows that are taken, folded ones too. rejects: rule -> rows. products: different ids among the rows taken.
    spots: id -> column -> what it says. refused: the code the file is refused with instead.
    """

    name: str
    form: dict
    items: int = 0
    rejects: dict[str, int] = field(default_factory=dict)
    products: int | None = None
    spots: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: str = ""


CSV = {"format": "csv"}
MERCADONA = {"item_id": ["nombre_prod", "Q"], "title": "nombre_prod"}
PROM_PAIRS = {
    "name": "Назва_Характеристики",
    "value": "Значення_Характеристики",
    "unit": "Одиниця_виміру_Характеристики",
}
FEEDS = [
    Feed(
        "amazon_2020_sample.csv",
        {
            **CSV,
            "columns": {
                "item_id": "Uniq Id",
                "title": "Product Name",
                "price": "Selling Price",
                "vendor_category": "Category",
                "images": "Image",
            },
            "rules": {"image_separator": "|"},
        },
        items=10,
        products=10,
        spots={
            "4c69b61db1fc16e7013b43fc926e502d": {
                "title": 'DB Longboards CoreFlex Crossbow 41" Bamboo Fiberglass Longboard Complete',
                "price": "$237.68 ",
                "image": "https://images-na.ssl-images-amazon.com/images/I/51j3fPQTQkL.jpg",
            }
        },
    ),
    # The file is a header and nothing else: no row, and no error. A full delivery of it is held as empty.
    Feed("bad_empty_catalog.csv", {**CSV, "columns": {"item_id": "product_id", "title": "name"}}, products=0),
    # 8 rows: R124 has no name and no picture, the last one has no id; a missing price is no fault.
    Feed(
        "bad_missing_fields.csv",
        {**CSV, "columns": {"item_id": "product_id", "title": "name", "price": "price", "attributes": "*"}},
        items=6,
        rejects={"nothing_to_classify": 1, "missing_item_id": 1},
        products=6,
        spots={"R127": {"title": "T-Shirt", "attributes.size": "Large"}},
    ),
    # Quotes mean inches and nothing else here: 4,354 lines below the header.
    Feed(
        "buscape_offers_ptBR.tsv",
        {
            "format": "tsv",
            "quote": "",
            "columns": {"item_id": "ID", "title": "TITLE", "vendor_category": "CATEGORY"},
        },
        items=4_354,
        spots={
            "2": {
                "title": "Kit Com 10 Telefone Com Fio Tc 8312 Vermelho Intelbras Com Identificação De Chamadas",
                "vendor_category": "aparelho-de-telefone",
            }
        },
    ),
    # No column of ids: the name is all that tells the 42 rows apart. 58 triples of columns share three headers.
    Feed(
        "cp1251_korobki_supplier_attribute.csv",
        {
            **CSV,
            "encoding": "windows-1251",
            "delimiter": ";",
            "columns": {"item_id": "supplier_name", "title": "supplier_name", "attributes": PROM_PAIRS},
        },
        items=42,
        products=42,
        spots={
            "Водонепроницаемая распределительная коробка Dahua DH-PFA124": {
                "attributes.Матеріал": "алюмінієвий сплав",
                "attributes.Вага брутто": "0.62 кг",
            }
        },
    ),
    Feed(
        "cp1251_korobki_supplier_attribute.csv",
        {**CSV, "delimiter": ";", "columns": {"item_id": "supplier_name", "title": "supplier_name"}},
        refused="bad_encoding",
    ),
    Feed("magento_catalog_product_johnybk08.csv", {"preset": "magento2"}, items=6, products=6, spots={
        "24-WG085": {"title": "Sprite Yoga Strap 6 foot", "price": "14", "attributes.has_options": "1"},
    }),
    Feed(
        "mercadona_mojibake.csv",
        {**CSV, "columns": {**MERCADONA, "price": "precio_medida"}},
        items=6_931,
        products=6_161,
        spots={"Aceite de oliva 0.4º Hacendado Garrafa 5 L": {"price": "15.5"}},
    ),
    Feed(
        "mercadona_multiline_cells.csv",
        {**CSV, "columns": {**MERCADONA, "price": "precio", "description": "producto"}},
        items=6_947,
        products=6_174,
        spots={
            "Aceite de oliva 0,4º Hacendado Garrafa 5 L": {
                "description": "Aceite de oliva 0,4º Hacendado\nGarrafa 5 L\n15,50 € /ud.\nAñadir al carro",
                "price": "15,50 € /ud.",
            }
        },
    ),
    # The two repeated headers are no fault as attributes, and one as a column of ours.
    Feed(
        "mercadona_tilde_dup_header.csv",
        {
            **CSV,
            "delimiter": "~",
            "columns": {
                "item_id": "product_code",
                "title": "product",
                "price": "product_price",
                "attributes": ["product_category"],
            },
        },
        items=9_579,
        products=4_863,
        spots={"4241": {"price": "23.63", "attributes.product_category#2": "Aceite, especias y salsas >"}},
    ),
    Feed(
        "mercadona_tilde_dup_header.csv",
        {
            **CSV,
            "delimiter": "~",
            "columns": {"item_id": "product_code", "title": "product", "vendor_category": "product_category"},
        },
        refused="duplicate_header",
    ),
    Feed(
        "mercadona_tilde_dup_header.csv",
        {**CSV, "columns": {"item_id": "product_code", "title": "product"}},
        refused="missing_column",
    ),
    # Both rows end with a delimiter too many: an empty surplus cell is no fault.
    Feed(
        "prestashop14_products_import.csv",
        {
            **CSV,
            "delimiter": ";",
            "columns": {
                "item_id": "id",
                "title": "Name*",
                "price": "Price tax excl.",
                "images": "Image URLs (x,y,z,...)",
            },
            "rules": {"image_separator": ","},
        },
        items=2,
        products=2,
        spots={
            "2": {
                "title": "iPod shuffle",
                "price": "66.05",
                "images": ["http://youdomain.com/img25.jpg", "http://yourdomain.com/img30.jpg"],
            }
        },
    ),
    # The shop's own code names two products each time (50 codes), the identifier one. 160 triples of columns share three
    # headers.
    Feed(
        "promua_secur_import_products.csv",
        {
            **CSV,
            "delimiter": ";",
            "columns": {
                "item_id": "Ідентифікатор_товару",
                "title": "Назва_позиції",
                "price": "Ціна",
                "currency": "Валюта",
                "images": "Посилання_зображення",
                "attributes": PROM_PAIRS,
            },
            "rules": {"image_separator": ","},
        },
        items=100,
        products=100,
        spots={"000061813": {"price": "6991", "currency": "UAH", "attributes.Бренд": "Ajax", "attributes.Вага": "561 г"}},
    ),
    Feed(
        "semicolon_catalog_10k.csv",
        {**CSV, "delimiter": ";", "columns": {"item_id": "product_id", "title": "name", "price": "price"}},
        items=10_000,
        products=10_000,
        spots={"3": {"title": "Samuel Smith’s Oatmeal Stout", "price": "52.35"}},
    ),
    # 22 rows of 20 handles: one shirt comes in three sizes.
    Feed("shopify_apparel_template.csv", {"preset": "shopify"}, items=22, products=20, spots={
        "classic-varsity-top": {
            "title": "Classic Varsity Top",
            "price": "60",
            "attributes.Size": "Small, Medium, Large",
            "images": ["https://burst.shopifycdn.com/photos/casual-fashion-woman_925x.jpg"],
        },
        "ocean-blue-shirt": {"attributes.Size": None},
    }),
    # 1,775 rows of 196 handles: most rows are a further picture or a further variant.
    Feed("shopify_export_ronne2406.csv", {"preset": "shopify"}, items=1_775, products=196, spots={
        "personalized-name-necklace-gold": {
            "title": "Rosa Name Necklace",
            "price": "99.00",
            "attributes.Choose Material": "Gold, Silver",
        },
    }),
    Feed("woocommerce_vinoteka_sr.csv", {"preset": "woocommerce"}, items=404, products=404, spots={
        "aleksandrovic-harizma-aleksandrovic": {
            "title": "Aleksandrović Harizma",
            "price": "1770",
            "vendor_category": "Crveno vino",
            "attributes.Region": "Šumadija",
        },
    }),
    Feed(
        "rozetka_pricelist.xlsx",
        {
            "format": "xlsx",
            "sheet": "Export Products Sheet",
            "columns": {
                "item_id": "Код_товара",
                "title": "Название_позиции",
                "description": "Описание",
                "price": "Цена",
                "vendor_category": "Группа товаров",
                "attributes": ["Характеристика: Цвет"],
            },
        },
        items=982,
        products=982,
        spots={"202001": {"price": "290", "vendor_category": "Туши для ресниц", "attributes.Характеристика: Цвет": "черный"}},
    ),
    Feed("bmecat12_catalog.xml", {"preset": "bmecat"}, items=1, products=1, spots={
        "1000": {
            "title": 'Apple MacBook Pro 13"',
            "price": "1499.5",
            "vendor_category": "Hardware > Notebook > Mac",
            "attributes.Netzspannung": "110, 220 VLT",
            "images": ["55-K-31.jpg"],
        },
    }),
    Feed("google_merchant_sooq_alkuwait_ar.xml", {"preset": "google"}, items=2_184, products=2_184, spots={
        "1": {"title": "فرشاة مجفف الشعر 5 في 1", "price": "23.00 KWD", "brand": "Generic"},
    }),
    Feed("heureka_pavlu.xml", {"preset": "heureka"}, items=37, products=37, spots={
        "6fc40d6efc6202087089a944b15b6215": {
            "price": "299.0",
            "vendor_category": "Hobby | Sběratelství | Přírodní produkty",
            "attributes.Hmotnost": "60g",
        },
    }),
    # JavaScript around the XML: there is no well-formed document to read.
    Feed("heureka_pavlu_js_wrapped_BAD", {"preset": "heureka"}, refused="broken_xml"),
    # The document type names a file that nobody fetches. Categories are ids, resolved through the tree in the file.
    Feed("rozetka_pricelist_yml.xml", {"preset": "yml"}, items=982, products=982, spots={
        "202001": {"price": "290", "brand": "Bronx Colors", "vendor_category": "Глаза > Туши для ресниц"},
    }),
    Feed("yml_akcent_windows1251.xml", {"preset": "yml"}, items=2_148, products=2_148, spots={
        "00-00003098": {"title": "Элемент питания LR6-4S АА Defender Alkaline LR6-4S - 4штуки в пленке", "price": "3900"},
    }),
    Feed("yml_comportal.xml", {"preset": "yml"}, items=620, products=620, spots={
        "CP10306482": {"price": "97513", "attributes.Цвет": "Чёрный", "vendor_category": None},
    }),
    Feed("yml_islandgift_bom_crlf.xml", {"preset": "yml"}, items=102, products=102, spots={
        "226060062": {"title": "Холст с памятными датами", "price": "1040", "vendor_category": "Подарки для родителей"},
    }),
    *(
        Feed(f"akcent_history/akcent_2026-{day}.xml", {"preset": "yml"}, items=offers, products=offers)
        for day, offers in [
            ("02-22", 152), ("03-03", 146), ("03-12", 162), ("03-21", 171),
            ("03-30", 170), ("04-08", 173), ("04-17", 174), ("04-27", 166),
        ]
    ),
]  # fmt: skip


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: f"{feed.name}-{feed.refused or 'read'}")
def test_a_real_feed_gives_what_was_counted_by_hand(feed: Feed) -> None:
    path = FOLDER / feed.name
    mapping = Mapping.model_validate(feed.form)
    rows: list[pl.DataFrame] = []
    items, rejects, ids = 0, [], set()
    try:
        for batch in read_rows(path, mapping, Feeds(batch_rows=1000)):
            found = canonicalize(batch, "real", mapping, Pictures(FOLDER))
            items, rejects = items + found.items.height, rejects + found.rejects["rule"].to_list()
            ids |= set(found.items["item_id"])
            rows.append(batch.rows.filter(pl.col("item_id").is_in(list(feed.spots))))
    except FeedRefused as why:
        assert why.reason == feed.refused
        assert why.remedy
        return
    assert not feed.refused
    assert (items, {rule: rejects.count(rule) for rule in rejects}) == (feed.items, feed.rejects)
    assert feed.products in (None, len(ids))
    every = pl.concat(rows, how="diagonal") if rows else pl.DataFrame()
    for item, said in feed.spots.items():
        last = every.filter(item_id=item).row(-1, named=True)
        assert {name: last.get(name) for name in said} == said


def test_every_file_at_hand_has_a_case() -> None:
    files = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()}
    assert {feed.name for feed in FEEDS} == files
