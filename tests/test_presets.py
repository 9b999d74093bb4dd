"""Presets: exports of well-known systems need one line of mapping, and what a preset says can be overridden."""

import json
from pathlib import Path

import polars as pl
import pytest

from catalog.deliveries.canonical import canonicalize
from catalog.errors import CatalogError, FeedRefused
from catalog.pictures.finding import Pictures
from catalog.proposals.proposal import propose
from catalog.reading import products
from catalog.reading.feeds import read_rows
from catalog.reading.mapping import Mapping, load_mapping
from catalog.reading.presets import preset, preset_names
from catalog.settings import Feeds
from tests.test_ingest import Shop


def rows(tmp_path: Path, content: str, **form) -> list[dict]:
    path = tmp_path / "feed"
    path.write_text(content, encoding="utf-8")
    found = list(read_rows(path, Mapping.model_validate(form), Feeds(batch_rows=100)))
    assert not any(batch.rejects.height for batch in found)
    every = pl.concat((batch.rows for batch in found), how="diagonal").to_dicts()
    return [{name: value for name, value in row.items() if value not in (None, [])} for row in every]


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_alone_is_a_form(tmp_path: Path, name: str) -> None:
    file = tmp_path / "acme.toml"
    file.write_text(f'preset = "{name}"')
    formats = preset(name)["formats"]
    for known in formats:
        assert load_mapping(file, Path(f"feed.{known}.gz")).format == known
    mapping = load_mapping(file, Path("feed.xml" if "xml" not in formats else "feed.txt"))
    assert mapping.format == formats[0]
    assert {"item_id", "title", "image", "attributes"} <= mapping.columns.keys()


def test_an_unknown_preset_names_the_known_ones(tmp_path: Path) -> None:
    file = tmp_path / "acme.toml"
    file.write_text('preset = "../shopify"')
    with pytest.raises(
        CatalogError, match=r"known: bmecat, google, heureka, magento2, shopify, shopifyjson, woocommerce, yml"
    ):
        load_mapping(file, Path("feed.csv"))


def test_what_a_preset_sets_can_be_overridden(tmp_path: Path) -> None:
    content = "Handle,Name,Title\nmug,Cup,Mug\n"
    form = {"preset": "shopify", "columns": {"title": "Name"}, "rules": {"currency": "EUR"}}
    (row,) = rows(tmp_path, content, **form)
    assert (row["item_id"], row["title"]) == ("mug", "Cup")
    mapping = Mapping.model_validate({"preset": "woocommerce", "rules": {"currency": "EUR"}})
    assert (mapping.rules.currency, mapping.rules.image_separator) == ("EUR", ",")
    assert len(rows(tmp_path, SHOPIFY, preset="shopify", fold=False, columns={"item_id": "Variant SKU"})) == 4
    with pytest.raises(FeedRefused, match="Missing"):  # a column a person names must be there
        rows(tmp_path, content, preset="shopify", columns={"title": "Missing"})


SHOPIFY = """Handle,Title,Body (HTML),Vendor,Type,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant SKU,Variant Price,Variant Barcode,Image Src,Variant Image
shirt,Shirt,<p>Soft</p>,Acme,Shirts,Size,S,Colour,Red,S-1,10,4006381333931,a.jpg,
shirt,,,,,,M,,Red,S-2,11,,b.jpg,v.jpg
mug,Mug,,Acme,Mugs,Title,Default Title,,,M-1,5,,m.jpg,
shirt,,,,,,,,,,,,c.jpg,
"""


def test_shopify_rows_of_a_product_say_the_same(tmp_path: Path) -> None:
    found = rows(tmp_path, SHOPIFY, preset="shopify")
    shirts = [row for row in found if row["item_id"] == "shirt"]
    assert [(row["line"], row["folded"]) for row in shirts] == [(2, True), (3, True), (5, False)]
    said = [{k: v for k, v in row.items() if k not in ("line", "raw", "folded")} for row in shirts]
    assert said[0] == said[1] == said[2]
    assert said[0] == {
        "nul": False,
        "item_id": "shirt",
        "title": "Shirt",
        "description": "<p>Soft</p>",
        "brand": "Acme",
        "price": "10",
        "gtin": "4006381333931",
        "vendor_category": "Shirts",
        "attributes.Size": "S, M",
        "attributes.Colour": "Red",
        "attributes.SKU": "S-1, S-2",
        "attributes.Barcode": "4006381333931",
        "image": "a.jpg",
        "images": ["a.jpg", "b.jpg", "c.jpg", "v.jpg"],
    }
    (mug,) = [row for row in found if row["item_id"] == "mug"]
    assert "attributes.Title" not in mug and mug["attributes.SKU"] == "M-1"


def test_folded_rows_are_counted_as_duplicates_of_their_product(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.mapping('preset = "shopify"')
    shop.deliver(SHOPIFY)
    assert shop.night() == {"accepted": 1}
    assert shop.latest() == {"shirt": "Shirt", "mug": "Mug"}
    assert sorted(shop.statuses()) == ["duplicate", "duplicate", "new", "new"]
    assert shop.rows("SELECT rows_in, count(*) FROM deliveries GROUP BY ALL") == [(4, 1)]
    shop.deliver(SHOPIFY.replace(",M,,Red,", ",L,,Red,"))
    assert shop.night() == {"accepted": 1}
    assert sorted(shop.statuses()) == ["changed", "duplicate", "duplicate", "unchanged"]
    shop.store.close()


WOOCOMMERCE = """ID,Type,SKU,Name,In stock?,Sale price,Regular price,Categories,Images,Parent,Attribute 1 name,Attribute 1 value(s)
1,variable,TEE,T-shirt,1,,,Clothes > Tees,"https://x/a.jpg, https://x/b.jpg",,Size,"S, M"
2,variation,TEE-S,T-shirt - S,backorder,8,10,,,TEE,Size,S
3,simple,,Mug,0,,5,Kitchen,,,,
"""


def test_woocommerce_variations_share_the_product_of_their_parent(tmp_path: Path) -> None:
    tee, small, mug = rows(tmp_path, WOOCOMMERCE, preset="woocommerce")
    assert (tee["product_id"], small["product_id"], mug["product_id"]) == ("TEE", "TEE", "3")
    assert (small["price"], mug["price"], mug["item_id"]) == ("8", "5", "3")
    assert tee["images"] == ["https://x/a.jpg", "https://x/b.jpg"]
    assert small["attributes.Size"] == "S"
    assert [row["availability"] for row in (tee, small, mug)] == ["1", "backorder", "0"]


def test_a_parent_given_by_its_number_is_found_wherever_it_stands(tmp_path: Path) -> None:
    content = """ID,Type,SKU,Name,Parent
21,variation,CAP-S,Cap - S,id:20
22,variation,,Cap - M,id:20
20,variable,CAP,Cap,
30,variable,,Belt,
31,variation,,Belt - L, id:30
41,variation,X,Lost,id:40
42,variation,Y,Lost too,id:40
50,simple,Z,Zip,
"""
    found = {row["item_id"]: row.get("product_id") for row in rows(tmp_path, content, preset="woocommerce")}
    assert {found[name] for name in ("CAP-S", "22", "CAP")} == {"CAP"}
    assert {found[name] for name in ("30", "31")} == {"30"}
    assert {found[name] for name in ("X", "Y")} == {"id:40"}  # their parent is not in the file
    kept = rows(tmp_path, content, preset="woocommerce", variants=False)
    assert kept[0]["product_id"] == "id:20"


# The names an export has in each language: id, sku, name, description, sale price, regular price, categories, images,
# parent, the two of an attribute.
LOCALISED = {
    "de": "ID|Artikelnummer|Name|Beschreibung|Angebotspreis|Regulärer Preis|Kategorien|Bilder|Übergeordnetes Produkt|"
    "Attribut 1 Name|Attribut 1 Wert(e)|Typ|Veröffentlicht|Sichtbarkeit im Katalog|GTIN, UPC, EAN oder ISBN",
    "fr": "ID|UGS|Nom|Description|Tarif promo|Tarif régulier|Catégories|Images|Parent|"
    "Nom de l\u2019attribut 1|Valeur(s) de l\u2019attribut 1 |Type|Publié|Visibilité dans le catalogue|GTIN, UPC, EAN ou ISBN",
    "es": "ID|SKU|Nombre|Descripción|Precio rebajado|Precio normal|Categorías|Imágenes|Superior|"
    "Nombre del atributo 1|Valor(es) del atributo 1|Tipo|Publicado|Visibilidad en el catálogo|GTIN, UPC, EAN o ISBN",
    "it": "ID|COD|Nome|Descrizione|Prezzo in offerta|Prezzo di listino|Categorie|Immagine|Genitore|"
    "Attributo 1 nome|Attributo 1 valuta(e)|Tipo|Pubblicato|Visibilità nel catalogo|GTIN, UPC, EAN, o ISBN",
    "nl": "ID|SKU|Naam|Beschrijving|Actieprijs|Reguliere prijs|Categorieën|Afbeeldingen|Hoofd|"
    "Naam eigenschap 1|Waarde eigenschap 1|Type|Gepubliceerd|Zichtbaarheid in catalogus|GTIN, UPC, EAN of ISBN",
    "pl before": "ID|SKU|Nazwa|Opis|Cena promocyjna|Cena|Kategorie|Obrazki|Rodzic|"
    "Nazwa atrybutu 1|Wartości atrybutu 1|Typ|Opublikowano|Widoczność w katalogu|GTIN, UPC, EAN lub ISBN",
    "pl": "Identyfikator|SKU|Nazwa|Opis|Cena promocyjna|Cena|Kategorie|Obrazki|Element nadrzędny|"
    "Nazwa atrybutu 1|Wartości atrybutu 1|Typ|Opublikowano|Widoczność w katalogu|GTIN, UPC, EAN lub ISBN",
}
LOCAL_ROWS = [
    '1,TEE,T-shirt,Soft,,,A > B,"https://x/a.jpg, https://x/b.jpg",,Farbe,"Rot, Blau",variable,1,visible,4006381333931',
    "2,TEE-R,T-shirt red,,8,10,,,TEE,Farbe,Rot,variation,1,visible,",
    "3,TEE-B,T-shirt blue,,,10,,,id:1,Farbe,Blau,variation,1,visible,",
    "4,,Mug,,,5,Kitchen,,,,,simple,1,visible,",
]


@pytest.mark.parametrize("language", LOCALISED)
def test_woocommerce_in_the_language_of_the_shop(tmp_path: Path, language: str) -> None:
    header = ",".join(f'"{name}"' for name in LOCALISED[language].split("|"))
    content = "\n".join([header, *LOCAL_ROWS, ""])
    tee, red, blue, mug = rows(tmp_path, content, preset="woocommerce")
    assert [row["item_id"] for row in (tee, red, blue, mug)] == ["TEE", "TEE-R", "TEE-B", "4"]
    assert [row["product_id"] for row in (tee, red, blue, mug)] == ["TEE", "TEE", "TEE", "4"]
    assert (tee["title"], tee["description"], tee["vendor_category"]) == ("T-shirt", "Soft", "A > B")
    assert (tee["images"], tee["gtin"]) == (["https://x/a.jpg", "https://x/b.jpg"], "4006381333931")
    assert (red["price"], blue["price"]) == ("8", "10")
    assert (tee["attributes.Farbe"], red["attributes.Farbe"]) == ("Rot, Blau", "Rot")
    found = propose(tmp_path / "feed", "shop")
    assert (found.values["preset"], found.unknown) == ("woocommerce", [])


MAGENTO = """sku,store_view_code,product_type,categories,name,price,base_image,additional_images,additional_attributes
A,,simple,Default/Gear,Strap,14,/a.jpg,"/b.jpg,/c.jpg","color=Red,size=6 ft, long,has=a=b"
A,de,simple,,Band,,,,
,fr,,,Sangle,,,,
B,,simple,Default,Ball,3,,,
"""


def test_magento_store_views_fold_into_their_sku(tmp_path: Path) -> None:
    found = rows(tmp_path, MAGENTO, preset="magento2")
    assert [(row["line"], row["item_id"], row["title"]) for row in found] == [
        (2, "A", "Strap"),
        (3, "A", "Strap"),
        (4, "A", "Strap"),
        (5, "B", "Ball"),
    ]
    assert found[0]["images"] == ["/a.jpg", "/b.jpg", "/c.jpg"]
    attributes = {name: value for name, value in found[0].items() if name.startswith("attributes.")}
    assert attributes == {"attributes.color": "Red", "attributes.size": "6 ft, long", "attributes.has": "a=b"}


def test_magento_simple_products_belong_to_the_configurable_one_that_names_them(tmp_path: Path) -> None:
    content = """sku,store_view_code,product_type,name,additional_attributes,configurable_variations
TEE-S,,simple,Tee S,size=S,
TEE-M,,simple,Tee M,"size=M,fabric=Cotton, soft",
TEE,,configurable,Tee,has_options=1,"sku=TEE-S,size=S|sku=TEE-M,size=M"
TEE,de,,Hemd,,
MUG,,simple,Mug,,
TEE2,,configurable,Tee again,,"sku=TEE-M,size=M|sku=TEE-L,size=L"
"""
    found = rows(tmp_path, content, preset="magento2")
    assert [(row["item_id"], row.get("product_id")) for row in found] == [
        ("TEE-S", "TEE"),
        ("TEE-M", "TEE"),  # named twice: the first one that names it counts
        ("TEE", "TEE"),
        ("TEE", "TEE"),
        ("MUG", None),
        ("TEE2", "TEE2"),
    ]
    said = {name: value for name, value in found[2].items() if name.startswith("attributes.")}
    assert said == {"attributes.has_options": "1", "attributes.size": "S, M"}
    assert found[1]["attributes.fabric"] == "Cotton, soft"


def test_variants_of_a_night_share_a_product(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.mapping('preset = "magento2"')
    shop.deliver('sku,name,configurable_variations\nA-1,Tee 1,\nA,Tee,"sku=A-1,size=S"\nB,Mug,\n')
    assert shop.night() == {"accepted": 1}
    assert shop.rows("SELECT item_id, product_id FROM items ORDER BY item_id") == [
        ("A", "acme:A"),
        ("A-1", "acme:A"),
        ("B", None),
    ]
    shop.store.close()


def test_too_many_variants_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "MAX_VARIANTS", 1)
    content = 'sku,name,configurable_variations\nA,Tee,"sku=A-1|sku=A-2"\n'
    with pytest.raises(FeedRefused, match="variants") as caught:
        rows(tmp_path, content, preset="magento2")
    assert caught.value.reason == "too_many_variants"


def test_a_form_without_the_later_keys_keeps_its_name() -> None:
    packed = {"item_id": "id", "title": "name", "attributes": [{"packed": "more"}]}
    mapping = Mapping.model_validate({"format": "csv", "columns": packed})
    assert mapping.columns["attributes"][0].model_dump().keys() == {"packed", "between", "equals", "required"}
    assert "variants" not in mapping.shape


GOOGLE_RSS = """<rss xmlns:g="http://base.google.com/ns/1.0"><channel><title>Shop</title><item>
<title>Ignored</title><g:title>Lamp</g:title><g:id>7</g:id><g:price>9 EUR</g:price><g:product_type>Home &gt; Lamps</g:product_type>
<g:image_link>a.jpg</g:image_link><g:additional_image_link>b.jpg</g:additional_image_link><g:additional_image_link>c.jpg</g:additional_image_link>
<g:color>red</g:color><g:product_detail><g:attribute_name>Socket</g:attribute_name><g:attribute_value>E27</g:attribute_value></g:product_detail>
</item></channel></rss>"""
GOOGLE_ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0"><id>shop</id><entry>
<id>7</id><title>Lamp</title><g:price>9 EUR</g:price></entry></feed>"""
GOOGLE_TSV = "ID\tTitle\tImage link\tadditional image link\tPrice\n7\tLamp\ta.jpg\tb.jpg\t9 EUR\n"


def test_google_reads_rss_atom_and_tables(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, GOOGLE_RSS, preset="google")
    assert (row["item_id"], row["title"], row["vendor_category"]) == ("7", "Lamp", "Home > Lamps")
    assert row["images"] == ["a.jpg", "b.jpg", "c.jpg"]
    assert (row["attributes.color"], row["attributes.Socket"]) == ("red", "E27")
    for content, format_ in ((GOOGLE_ATOM, "xml"), (GOOGLE_TSV, "tsv")):
        (row,) = rows(tmp_path, content, preset="google", format=format_)
        assert (row["item_id"], row["title"], row["price"]) == ("7", "Lamp", "9 EUR")
    assert row["images"] == ["a.jpg", "b.jpg"]


YML = """<yml_catalog><shop><categories><category id="1">Home</category><category id="12" parentId="1"> Lamps
</category><category id="8" parentId="9">Lost</category><category id="9" parentId="8">Loop</category></categories><offers>
<offer id="7"><name>Lamp</name><categoryId>12</categoryId><picture>a.jpg</picture><picture>b.jpg</picture>
<param name="Weight" unit="g">50</param><param name="Colour">red</param><param name="Colour">blue</param><param name="Empty"/></offer>
<offer id="8"><name>Mug</name><categoryId>77</categoryId></offer><offer id="9"><name>Rug</name><categoryId>8</categoryId></offer>
</offers></shop></yml_catalog>"""


def test_yml_resolves_categories_and_collects_params(tmp_path: Path) -> None:
    lamp, mug, rug = rows(tmp_path, YML, preset="yml")
    assert lamp["vendor_category"] == "Home > Lamps"
    assert mug["vendor_category"] == "77"  # not defined in the file: the id stays
    assert rug["vendor_category"] == "Loop > Lost"  # a circle of parents ends
    assert lamp["images"] == ["a.jpg", "b.jpg"]
    attributes = {name: value for name, value in lamp.items() if name.startswith("attributes.")}
    assert attributes == {"attributes.Weight": "50 g", "attributes.Colour": "red, blue"}


def test_presets_read_what_their_exports_say_of_the_stock(tmp_path: Path) -> None:
    yml = "<yml_catalog><offers><offer id='1' available='false'><name>a</name></offer></offers></yml_catalog>"
    google = "<rss xmlns:g='urn:g'><item><g:id>1</g:id><title>a</title><g:availability>in_stock</g:availability></item></rss>"
    said = [(yml, "yml", "false"), (google, "google", "in_stock"), ("sku,name,is_in_stock\n1,a,1\n", "magento2", "1")]
    for content, preset_, availability in said:
        (row,) = rows(tmp_path, content, preset=preset_)
        assert row["availability"] == availability


def test_presets_say_what_their_exports_mean_by_stock(tmp_path: Path) -> None:
    items = "".join(
        f"<SHOPITEM><ITEM_ID>{n}</ITEM_ID><PRODUCT>a</PRODUCT><DELIVERY_DATE>{said}</DELIVERY_DATE></SHOPITEM>"
        for n, said in enumerate(("0", "3", "2026-12-24", "", "soon"))
    )
    heureka = [state("<SHOP>" + items + "</SHOP>", tmp_path, preset="heureka")]
    assert heureka == [["in_stock", "backorder", "preorder", None, None]]
    shopify = "Handle,Title,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Image Src\n"
    for rows_, expected in (
        ("a,A,shopify,0,deny,\na,,shopify,3,deny,\na,,,,,x.jpg\n", "in_stock"),  # the second variant is there
        ("a,A,shopify,0,deny,\na,,shopify,-2,continue,\n", "backorder"),
        ("a,A,shopify,0,deny,\na,,shopify,0,deny,\n", "out_of_stock"),
        ("a,A,,0,deny,\n", "in_stock"),  # not counted: always sold
        ("a,A,shopify,,deny,\n", None),  # counted, but this export does not say
    ):
        assert set(state(shopify + rows_, tmp_path, preset="shopify")) == {expected}
    said = (
        '<ARTICLE_STATUS type="old_article">x</ARTICLE_STATUS>',
        '<ARTICLE_STATUS type="new_article">x</ARTICLE_STATUS>',
    )
    bmecat = "".join(
        f"<ARTICLE><SUPPLIER_AID>{n}</SUPPLIER_AID><ARTICLE_DETAILS><DESCRIPTION_SHORT>a</DESCRIPTION_SHORT>{one}"
        "</ARTICLE_DETAILS></ARTICLE>"
        for n, one in enumerate(said)
    )
    assert state(f"<BMECAT>{bmecat}</BMECAT>", tmp_path, preset="bmecat") == ["discontinued", None]


def state(content: str, tmp_path: Path, **form: str) -> list[str | None]:
    """The availability of every row of a file under a form, as it is kept."""
    mapping = Mapping.model_validate(form)
    (tmp_path / "feed").write_text(content)
    batches = read_rows(tmp_path / "feed", mapping, Feeds())
    items = pl.concat(canonicalize(one, "acme", mapping, Pictures(tmp_path)).items for one in batches)
    flags = items["flags"].list.contains("unknown_availability").to_list()
    assert flags == ["soon" in content and n == len(flags) - 1 for n in range(len(flags))]
    return items["availability"].to_list()


SHOPIFY_JSON = {
    "handle": "desk-lamp",
    "id": 7,
    "title": "Desk lamp",
    "body_html": "<p>Bright</p>",
    "vendor": "Acme",
    "product_type": "Lamps",
    "options": [{"name": "Colour", "values": ["red", "blue"]}],
    "images": [{"src": "https://x.example/a.jpg"}, {"src": "https://x.example/b.jpg"}],
}
COUNTED = {"inventory_management": "shopify", "inventory_policy": "deny"}


@pytest.mark.parametrize(
    ("variants", "expected"),
    [
        ([{"available": False}, {"available": True}], "in_stock"),
        ([{"available": False}], "out_of_stock"),
        ([{**COUNTED, "inventory_quantity": 0}, {**COUNTED, "inventory_quantity": 4}], "in_stock"),
        ([{**COUNTED, "inventory_quantity": 0, "inventory_policy": "continue"}], "backorder"),
        ([{**COUNTED, "inventory_quantity": 0, "inventory_management": None}], "in_stock"),
    ],
)
def test_shopify_as_json_says_what_its_table_says(tmp_path: Path, variants: list[dict], expected: str) -> None:
    several = [{"sku": f"L-{n}", "price": "9.50", "barcode": "", **one} for n, one in enumerate(variants)]
    content = json.dumps({"products": [{**SHOPIFY_JSON, "variants": several}] * 2})
    (row, _) = rows(tmp_path, content, preset="shopifyjson")
    assert (row["item_id"], row["price"], row["vendor_category"]) == ("desk-lamp", "9.50", "Lamps")
    assert row["images"] == ["https://x.example/a.jpg", "https://x.example/b.jpg"]
    assert (row["attributes.Colour"], row["attributes.SKU"]) == ("red, blue", ", ".join(v["sku"] for v in several))
    assert set(state(content, tmp_path, preset="shopifyjson")) == {expected}
    proposed = propose(tmp_path / "feed", "acme")
    assert proposed.values["preset"] == "shopifyjson" and proposed.choice.chosen["availability"].preset


OFFER = "<offer id='{}'>{}<vendor>Acme</vendor><model>{}</model></offer>"
CALLED = [
    ("<typePrefix>Lamp</typePrefix>", "X-1", "Lamp Acme X-1"),
    ("", "X-1", "Acme X-1"),
    ("<typePrefix>Lamp</typePrefix>", "ACME X-1", "Lamp ACME X-1"),  # the model names the maker already
    ("<typePrefix>Lamp Acme</typePrefix>", "X-1", "Lamp Acme X-1"),
    ("<typePrefix>Lamp</typePrefix>", "Lamps X-1", "Lamp Acme Lamps X-1"),  # another word
    ("<typePrefix>Lamp</typePrefix><name>Desk lamp Acme X-1</name>", "X-1", "Desk lamp Acme X-1"),
    ("<name> </name><typePrefix>Lamp</typePrefix>", "", "Lamp Acme"),
]


@pytest.mark.parametrize("named", [False, True])
def test_an_offer_without_a_name_is_called_by_its_kind_maker_and_model(tmp_path: Path, named: bool) -> None:
    """A few offers, and so many that they are read together."""
    offers = [OFFER.format(n, said, model) for n, (said, model, _) in enumerate(CALLED)]
    offers += [OFFER.format(n, "<name>n</name>" if named else "", f"m{n}") for n in range(100, 400)]
    found = rows(tmp_path, f"<yml_catalog><shop><offers>{''.join(offers)}</offers></shop></yml_catalog>", preset="yml")
    found.sort(key=lambda row: row["line"])
    assert [row["title"] for row in found[: len(CALLED)]] == [title for *_, title in CALLED]
    assert {row["brand"] for row in found} == {"Acme"}
    assert found[-1]["title"] == ("n" if named else "Acme m399")


def test_a_title_made_of_several_is_no_part_of_others_and_of_tables(tmp_path: Path) -> None:
    made = {"first": ["name"], "otherwise": ["maker", "model"]}
    (row,) = rows(
        tmp_path, '{"id": 1, "maker": "Acme", "model": "X"}', format="jsonl", columns={"item_id": "id", "title": made}
    )
    assert row["title"] == "Acme X"
    for known, columns in (
        ("csv", {"title": made}),
        ("jsonl", {"title": [made]}),
        ("jsonl", {"title": "a", "brand": made}),
    ):
        with pytest.raises(ValueError, match="otherwise"):
            Mapping.model_validate({"format": known, "columns": {"item_id": "id", **columns}})


BMECAT = """<BMECAT version="2005"><T_NEW_CATALOG><CATALOG_GROUP_SYSTEM>
<CATALOG_STRUCTURE type="root"><GROUP_ID>1</GROUP_ID><GROUP_NAME>Tools</GROUP_NAME><PARENT_ID>0</PARENT_ID></CATALOG_STRUCTURE>
<CATALOG_STRUCTURE type="leaf"><GROUP_ID>2</GROUP_ID><GROUP_NAME>Hammers</GROUP_NAME><PARENT_ID>1</PARENT_ID></CATALOG_STRUCTURE>
</CATALOG_GROUP_SYSTEM><PRODUCT><SUPPLIER_PID>H1</SUPPLIER_PID><PRODUCT_DETAILS><DESCRIPTION_SHORT>Hammer</DESCRIPTION_SHORT>
<INTERNATIONAL_PID type="gtin">4006381333931</INTERNATIONAL_PID></PRODUCT_DETAILS><PRODUCT_FEATURES><FEATURE><FNAME>Weight</FNAME>
<FVALUE>300</FVALUE><FUNIT>GRM</FUNIT></FEATURE></PRODUCT_FEATURES><MIME_INFO><MIME><MIME_SOURCE>d.pdf</MIME_SOURCE>
<MIME_PURPOSE>data_sheet</MIME_PURPOSE></MIME><MIME><MIME_SOURCE>h.jpg</MIME_SOURCE><MIME_PURPOSE>normal</MIME_PURPOSE></MIME></MIME_INFO></PRODUCT>
<PRODUCT_TO_CATALOGGROUP_MAP><PROD_ID>H1</PROD_ID><CATALOG_GROUP_ID>2</CATALOG_GROUP_ID></PRODUCT_TO_CATALOGGROUP_MAP>
</T_NEW_CATALOG></BMECAT>"""


def test_bmecat_2005_finds_groups_through_the_map_behind_the_items(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, BMECAT, preset="bmecat")
    assert (row["item_id"], row["title"], row["gtin"]) == ("H1", "Hammer", "4006381333931")
    assert row["vendor_category"] == "Tools > Hammers"
    assert (row["attributes.Weight"], row["images"]) == ("300 GRM", ["h.jpg"])


def bmecat_in_two_languages(header: str = "", short: str = "") -> str:
    short = (
        short
        or '<DESCRIPTION_SHORT lang="eng">Hammer</DESCRIPTION_SHORT><DESCRIPTION_SHORT lang="deu">Stiel</DESCRIPTION_SHORT>'
    )
    return f"""<BMECAT version="2005"><HEADER><CATALOG>{header}</CATALOG></HEADER><T_NEW_CATALOG><CATALOG_GROUP_SYSTEM>
<CATALOG_STRUCTURE><GROUP_ID>1</GROUP_ID><GROUP_NAME lang="eng">Tools</GROUP_NAME><GROUP_NAME lang="deu">Werkzeug</GROUP_NAME></CATALOG_STRUCTURE>
</CATALOG_GROUP_SYSTEM><PRODUCT><SUPPLIER_PID>H1</SUPPLIER_PID><PRODUCT_DETAILS>{short}
<DESCRIPTION_LONG lang="deu">schwer</DESCRIPTION_LONG></PRODUCT_DETAILS>
<PRODUCT_FEATURES><FEATURE><FNAME lang="eng">Colour</FNAME><FNAME lang="deu">Farbe</FNAME><FVALUE lang="eng">red</FVALUE>
<FVALUE lang="deu">rot</FVALUE><FVALUE lang="deu">blau</FVALUE></FEATURE></PRODUCT_FEATURES></PRODUCT>
<PRODUCT_TO_CATALOGGROUP_MAP><PROD_ID>H1</PROD_ID><CATALOG_GROUP_ID>1</CATALOG_GROUP_ID></PRODUCT_TO_CATALOGGROUP_MAP>
</T_NEW_CATALOG></BMECAT>"""


GERMAN = "<LANGUAGE>eng</LANGUAGE><LANGUAGE default='true'>deu</LANGUAGE>"
UNMARKED = '<DESCRIPTION_SHORT lang="eng">Hammer</DESCRIPTION_SHORT><DESCRIPTION_SHORT>Stiel</DESCRIPTION_SHORT>'
EMPTY = '<DESCRIPTION_SHORT lang="eng">Hammer</DESCRIPTION_SHORT><DESCRIPTION_SHORT lang="deu"> </DESCRIPTION_SHORT>'


@pytest.mark.parametrize(
    ("header", "form", "short", "title", "other"),
    [
        (GERMAN, {}, "", "Stiel", ("DESCRIPTION_SHORT eng", "Hammer")),  # the file's own default
        (GERMAN, {"language": "eng"}, "", "Hammer", ("DESCRIPTION_SHORT deu", "Stiel")),  # the form's word is the last
        ("", {}, "", "Hammer", ("DESCRIPTION_SHORT deu", "Stiel")),  # nobody says: the first
        ("<LANGUAGE>deu</LANGUAGE>", {}, UNMARKED, "Stiel", ("DESCRIPTION_SHORT eng", "Hammer")),
        (GERMAN, {}, EMPTY, "Hammer", None),  # what is not translated is not lost
    ],
)
def test_of_a_bmecat_in_several_languages_one_counts(
    tmp_path: Path, header: str, form: dict[str, str], short: str, title: str, other: tuple[str, str] | None
) -> None:
    (row,) = rows(tmp_path, bmecat_in_two_languages(header, short), preset="bmecat", **form)
    german = title == "Stiel" or short == EMPTY
    assert (row["title"], row["description"]) == (title, "schwer")  # a single one counts in whatever language
    assert row["vendor_category"] == ("Werkzeug" if german else "Tools")
    told = {name.removeprefix("attributes."): text for name, text in row.items() if name.startswith("attributes.")}
    assert told == dict([("Farbe", "rot, blau") if german else ("Colour", "red"), *([other] if other else [])])


def test_titles_in_two_languages_do_not_run_together(tmp_path: Path) -> None:
    """In any XML, whether its records are read by their bytes or by their elements; pictures have no language."""
    names = '<name lang="ru">Лампа</name><name lang="uk">Лампа біла</name><tag>a</tag><tag>b</tag>'
    pictures = '<picture lang="ru">r.jpg</picture><picture lang="uk">u.jpg</picture>'
    offers = "".join(f'<offer id="{n}">{names}{pictures}</offer>' for n in range(300))
    columns = {"item_id": "@id", "title": "name", "images": "picture", "vendor_category": "tag"}
    form = {"format": "xml", "record": "offer", "columns": columns}
    found = rows(tmp_path, f"<shop>{offers}</shop>", **form)
    assert {(row["title"], row["vendor_category"], *row["images"]) for row in found} == {
        ("Лампа", "a | b", "r.jpg", "u.jpg")
    }
    found = rows(tmp_path, f"<shop>{offers}</shop>", language="UK", **form)
    assert {(row["title"], row["attributes.name ru"]) for row in found} == {("Лампа біла", "Лампа")}
    mapping = propose(tmp_path / "feed", "acme")
    assert mapping.values["language"] == "ru" and "language" in mapping.unsure[0]


def test_every_other_column_becomes_an_attribute(tmp_path: Path) -> None:
    columns = {"item_id": "id", "title": "name", "attributes": "*"}
    expected = {"attributes.colour": "red", "attributes.size": "L, M"}
    cases = {
        "csv": 'id,name,colour,size\n1,Lamp,red,"L, M"\n',
        "jsonl": '{"id": 1, "name": "Lamp", "colour": "red", "size": ["L", "M"], "none": null}\n',
        "json": '[{"id": 1, "name": "Lamp", "colour": "red", "size": ["L", "M"]}]',
        "xml": "<s><p><id>1</id><name>Lamp</name><colour>red</colour><size>L</size><size>M</size></p></s>",
    }
    for known, content in cases.items():
        (row,) = rows(tmp_path, content, format=known, columns=columns, record="p" if known == "xml" else "")
        assert {name: value for name, value in row.items() if name.startswith("attributes.")} == expected, known


def test_nested_values_become_attributes_under_their_paths(tmp_path: Path) -> None:
    columns = {"item_id": "id", "title": "name.en", "attributes": "*"}
    (row,) = rows(
        tmp_path,
        '[{"id": 1, "name": {"en": "Lamp", "de": "Lampe"}, "spec": {"size": {"cm": 3}}}]',
        format="json",
        columns=columns,
    )
    assert (row["attributes.name.de"], row["attributes.spec.size.cm"]) == ("Lampe", "3")
    (row,) = rows(
        tmp_path,
        "<s><p a='x'><id>1</id><name>Lamp</name><spec><cm>3</cm></spec></p></s>",
        format="xml",
        record="p",
        columns={**columns, "title": "name"},
    )
    assert (row["attributes.@a"], row["attributes.spec/cm"]) == ("x", "3")


def test_json_pairs_are_collected(tmp_path: Path) -> None:
    attributes = [
        {"each": "specs", "name": "k", "value": "v", "unit": "u"},
        {"each": "more", "name": "k", "value": "v"},
    ]
    (row,) = rows(
        tmp_path,
        '[{"id": 1, "name": "x", "specs": [{"k": "Size", "v": 3, "u": "cm"}, 5], "more": {"Colour": "red"}}]',
        format="json",
        columns={"item_id": "id", "title": "name", "attributes": attributes},
    )
    assert (row["attributes.Size"], row["attributes.Colour"]) == ("3 cm", "red")


def test_attributes_that_bring_too_many_names_cost_their_row(tmp_path: Path) -> None:
    path = tmp_path / "feed"
    params = "".join(f'<param name="n{n}">x</param>' for n in range(1_001))
    path.write_text(f'<s><offer id="1"><name>x</name>{params}</offer><offer id="2"><name>y</name></offer></s>')
    found = list(read_rows(path, Mapping.model_validate({"preset": "yml"}), Feeds(max_structural=0.9)))
    assert [rule for batch in found for rule in batch.rejects["rule"]] == ["too_many_attributes"]
    assert [item for batch in found for item in batch.rows["item_id"]] == ["2"]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"item_id": "a/b[", "title": "x"}, "is no path"),
        ({"item_id": "a", "title": {"first": []}}, "title.first"),
        ({"item_id": "a", "title": {"frist": ["x"]}}, "title.f"),
        ({"item_id": "a", "title": "x", "attributes": [{"value": "v"}]}, "attributes"),
        ({"item_id": "a", "title": 5}, "title"),
    ],
)
def test_a_wrong_column_is_named(columns: dict, said: str) -> None:
    with pytest.raises(ValueError, match="validation error") as caught:
        Mapping.model_validate({"format": "xml", "record": "p", "columns": columns})
    assert said in str(caught.value)
