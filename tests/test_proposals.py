"""A form proposed for files nobody has seen: other languages, dialects, encodings and formats, and files that are none."""

import gzip
import json
import tomllib
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packing import workbook
from vendor_files import HEADERS, KEYS, feed, products, table

from catalog.deliveries.vendor_check import check
from catalog.errors import CatalogError, FeedRefused
from catalog.proposals.form import Entry, line, literal, written
from catalog.proposals.headers import meaning
from catalog.proposals.proposal import Proposal, propose
from catalog.reading.encodings import find_encoding
from catalog.reading.mapping import Mapping, load_mapping
from catalog.settings import Settings

SHOP = [
    ("ru", "utf-8", ",", ()),
    ("ru", "windows-1251", ";", ("Прайс-лист", "")),
    ("ru", "koi8-r", "|", ()),
    ("ru", "utf-16", "\t", ()),
    ("uk", "windows-1251", ";", ()),
    ("de", "windows-1252", ";", ("Preisliste der Muster GmbH", "gültig ab 1. Januar", "")),
    ("en", "utf-8-sig", "^", ()),
    ("en", "utf-8", "¦", ()),
    ("en", "utf-8", "\x01", ()),
    ("ar", "windows-1256", ",", ()),
    ("ar", "utf-8", "\t", ()),
    ("tr", "windows-1254", ";", ()),
    ("pl", "windows-1250", ",", ()),
    ("pl", "iso-8859-2", "~", ()),
    ("cs", "windows-1250", "|", ()),
    ("fr", "windows-1252", ";", ("Tarif",)),
    ("es", "windows-1252", "\t", ()),
    ("pt", "utf-8", ",", ()),
    ("sr", "windows-1250", ",", ()),
    ("it", "windows-1252", ";", ()),
]


def wrote(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def columns(found: Proposal) -> dict[str, list]:
    return {ours: one.theirs for ours, one in found.choice.chosen.items()}


@pytest.mark.parametrize(("language", "encoding", "delimiter", "above"), SHOP, ids=repr)
def test_a_shop_in_any_language_and_dialect(language, encoding, delimiter, above, tmp_path: Path) -> None:
    path = wrote(tmp_path, "feed.txt", feed(language, delimiter=delimiter, above=above).encode(encoding))
    found = propose(path, "shop")
    header = dict(zip(KEYS, HEADERS[language].split("|"), strict=True))
    chosen = columns(found)
    expected = {ours: [theirs] for ours, theirs in header.items() if ours not in ("stock", "colour")}
    assert {ours: chosen.get(ours) for ours in expected} == expected
    assert header["stock"] not in {name for names in chosen.values() for name in names}
    form = tmp_path / "shop.toml"
    form.write_text(found.text, encoding="utf-8")
    mapping = load_mapping(form, path)
    assert mapping.header_row == 1 + len(above)
    checked = check(path, "shop", mapping, Settings())
    assert (checked.rows, checked.counts["accepted"], checked.counts["titles"]) == (40, 40, 40)
    assert checked.first[0][2] in {product["title"] for product in products("ru" if language == "uk" else language, 40)}


ROWS = products("en", 40)
# Headers as ERP systems and shops of further languages write them: what stands there, and which of it is id and title.
STYLES = [
    ("ARTNR;BEZ1;BEZ2;EANCD;WGR;VKPR", "ARTNR", "BEZ1"),
    ("MATNR;MAKTX;MATKL;EAN11;MEINS;NTGEW", "MATNR", "MAKTX"),
    ("ITEMNO;DESC1;DESC2;UPCCD;UOM;LISTPR", "ITEMNO", "DESC1"),
    ("ART_NO;ART_BEZ;LIEF_ART_NO;HERST;ME;VK_BRUTTO", "ART_NO", "ART_BEZ"),
    ("CODART;DESART;CODFAM;CODBAR;UM;PVP1", "CODART", "DESART"),
    ("Indeks katalogowy;Nazwa towaru;Grupa;Kod EAN;J.m.;Cena netto", "Indeks katalogowy", "Nazwa towaru"),
    ("Artikelnr.;Omschrijving;Merk;EAN-code;Eenheid;Verkoopprijs", "Artikelnr.", "Omschrijving"),
    ("Katalogové č.;Název zboží;Výrobce;Čárový kód;MJ;Cena bez DPH", "Katalogové č.", "Název zboží"),
    ("Code art.;Libellé article;Réf. fournisseur;Gencod;Cond.;Prix public", "Code art.", "Libellé article"),
    ("Art.nr;Produktnamn;Varumärke;Streckkod;Enhet;Cirkapris", "Art.nr", "Produktnamn"),
    ("商品管理番号;商品名;ジャンル;JANコード;単位;販売価格", "商品管理番号", "商品名"),
    ("Кат. №;Наименование;Марка;Баркод;Мярка;Ед. цена", "Кат. №", "Наименование"),
]


@pytest.mark.parametrize(("header", "item_id", "title"), STYLES, ids=lambda value: value if ";" not in value else "")
@pytest.mark.parametrize("counted", [False, True], ids=["", "after a column that counts the rows"])
def test_cryptic_and_further_headers(header: str, item_id: str, title: str, counted: bool, tmp_path: Path) -> None:
    rows = [[r["item_id"], r["title"], f"G{n % 4}", r["gtin"], "ST", r["price"]] for n, r in enumerate(ROWS)]
    names = header.split(";")
    if counted:
        names, rows = ["No.", *names], [[str(n), *row] for n, row in enumerate(rows, start=1)]
    found = propose(wrote(tmp_path, "list.csv", table(names, rows, delimiter=";")), "shop")
    assert (columns(found)["item_id"], columns(found)["title"]) == ([item_id], [title])


@pytest.mark.parametrize(
    "cells",
    [
        lambda n, r: [f"A-{n + 100}", r["title"], r["brand"], r["vendor_category"]],
        lambda n, r: [r["title"], "Chairs", "red" if n % 2 else "blue"],
        lambda n, r: [f"XK-{n * 97}", r["title"], r["description"], "kg"],
    ],
)
def test_a_table_of_words_without_a_header_is_refused(cells, tmp_path: Path) -> None:
    first, *rest = [cells(n, row) for n, row in enumerate(ROWS)]
    with pytest.raises(FeedRefused, match="no line that names"):
        propose(wrote(tmp_path, "bare.csv", table(first, rest, delimiter=";")), "shop")


def test_a_header_repeated_among_the_rows_is_one_all_the_same(tmp_path: Path) -> None:
    header, rows = ["sku", "name", "kind"], [[r["item_id"], r["title"], r["brand"]] for r in ROWS]
    found = propose(wrote(tmp_path, "pages.csv", table(header, [*rows[:20], header, *rows[20:]])), "shop")
    assert (columns(found)["item_id"], columns(found)["title"]) == (["sku"], ["name"])


NESTED = {
    "shop": "Acme",
    "result": {
        "products": [
            {
                "id": 1_000 + 7 * place,
                "title": row["title"],
                "body_html": f"<p>{row['description']}</p>",
                "images": [{"src": row["images"]}],
            }
            for place, row in enumerate(ROWS)
        ]
    },
}
LINES = "\n".join(json.dumps({"productId": row["item_id"], "name": {"en": row["title"]}}) for row in ROWS)
XML = (
    "<?xml version='1.0' encoding='{encoding}'?><catalog><owner><name>Shop</name><id>7</id></owner><products>{rows}"
    "</products></catalog>"
)
ARTICLES = "".join(
    f"<article><sku>{row['item_id']}</sku><texts><name>{row['title']}</name></texts><pics><pic>{row['images']}</pic>"
    f"<pic>{row['images']}?2</pic></pics><props><prop key='Colour'>red</prop><prop key='Größe'>L</prop></props></article>"
    for row in ROWS
)
OFFERS = "".join(
    f'<o id="{row["item_id"]}" price="{row["price"]}"><cat><![CDATA[{row["vendor_category"]}]]></cat>'
    f"<name><![CDATA[{row['title']}]]></name><attrs><a name='Producent'>Łódź</a><a name='EAN'>1</a></attrs></o>"
    for row in ROWS
)


@pytest.mark.parametrize(
    ("name", "content", "item_id", "title"),
    [
        ("nested.json", json.dumps(NESTED, indent=1), "id", "title"),
        ("array.json", json.dumps([{"sku": r["item_id"], "name": r["title"]} for r in ROWS]), "sku", "name"),
        ("lines.json", LINES, "productId", "name"),
        # In one line, the array two levels down: no file of one object a line.
        (
            "deep.json",
            json.dumps(
                {"meta": {"n": 1}, "data": {"items": [{"no": r["item_id"], "names": {"en": r["title"]}} for r in ROWS]}}
            ),
            "no",
            "names",
        ),
        ("articles.xml", XML.format(encoding="utf-8", rows=ARTICLES), "sku", "texts/name"),
        ("offers.xml", f"<offers>{OFFERS}</offers>", "@id", "name"),
        (
            "offers.dat",
            f"<?xml version='1.0' encoding='iso-8859-2'?><offers>{OFFERS}</offers>".encode("iso-8859-2"),
            "@id",
            "name",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 30 else "",
)
def test_json_and_xml_of_no_known_shop(name, content, item_id, title, tmp_path: Path) -> None:
    path = wrote(tmp_path, name, content)
    found = propose(path, "shop")
    assert (columns(found)["item_id"], columns(found)["title"]) == ([item_id], [title])
    checked = check(path, "shop", Mapping.model_validate(tomllib.loads(found.text)), Settings())
    assert checked.counts["accepted"] == 40


def test_attributes_that_bring_their_names_are_paired(tmp_path: Path) -> None:
    found = propose(wrote(tmp_path, "offers.xml", f"<offers>{OFFERS}</offers>"), "shop")
    assert {"each": "attrs/a", "name": "@name", "value": "."} in columns(found).get("attributes", [])


def test_xml_whose_declaration_is_wrong_gets_its_true_encoding(tmp_path: Path) -> None:
    rows = "".join(f"<offer id='A{n}'><name>Холодильник двухкамерный белый</name></offer>" for n in range(20))
    path = wrote(tmp_path, "a.xml", f"<?xml version='1.0' encoding='utf-8'?><list>{rows}</list>".encode("windows-1251"))
    found = propose(path, "shop")
    entry = next(entry for entry in found.settings if entry.key == "encoding")
    assert entry.value == "windows-1251" and entry.unsure


def test_packed_files_are_read_through(tmp_path: Path) -> None:
    text = feed("en").encode()
    with zipfile.ZipFile(tmp_path / "feed.zip", "w") as archive:
        archive.writestr("export.csv", text)
    for path in (tmp_path / "feed.zip", wrote(tmp_path, "feed.csv.gz", gzip.compress(text))):
        assert columns(propose(path, "shop"))["item_id"] == ["ItemNumber"]


def test_parquet_is_looked_at_without_its_bytes_and_into_its_structures(tmp_path: Path) -> None:
    rows = [
        {
            "sku": row["item_id"],
            "label": row["title"].encode(),  # as older writers declare texts
            "digest": b"\xff\xfe",
            "price": {"amount": 12.5, "currency": "EUR"},
            "images": [{"url": row["images"]}],
        }
        for row in ROWS
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "feed.parquet")
    found = columns(propose(tmp_path / "feed.parquet", "shop"))
    assert found["title"] == ["label"] and found["item_id"] == ["sku"]
    assert (found["price"], found["currency"]) == (["price.amount"], ["price.currency"])
    assert found["images"] == ["images.0.url"]


def test_a_preset_is_known_under_any_prefix(tmp_path: Path) -> None:
    items = "".join(
        f"<item><ns0:id>{row['item_id']}</ns0:id><ns0:title>{row['title']}</ns0:title><ns0:shipping><ns0:price>4.90 EUR"
        f"</ns0:price></ns0:shipping><ns0:price>{row['price']} EUR</ns0:price></item>"
        for row in ROWS
    )
    path = wrote(tmp_path, "a.xml", f'<rss xmlns:ns0="http://base.google.com/ns/1.0"><channel>{items}</channel></rss>')
    found = propose(path, "shop")
    assert found.values["preset"] == "google"
    assert (columns(found)["item_id"], columns(found)["price"]) == (["ns0:id"], ["ns0:price"])
    checked = check(path, "shop", Mapping.model_validate(found.values), Settings())
    assert checked.counts["titles"] == checked.counts["prices"] == 40


def test_quotes_go_before_a_width_that_only_commas_inside_cells_make(tmp_path: Path) -> None:
    lines = [f'A{n},"{row["title"]}","12,5{n % 10}",{n}' for n, row in enumerate(ROWS)]
    path = wrote(tmp_path, "a.csv", "\n".join(['SKU,"Name, long or short",Price,"x, y"', *lines]))
    found = propose(path, "shop")
    assert "quote" not in found.values and columns(found)["title"] == ["Name, long or short"]


def test_quotes_behind_a_backslash_are_told_and_read(tmp_path: Path) -> None:
    lines = [f'"A{n}","{row["title"]} 12\\" wide, C:\\new\\","1{n}.50"' for n, row in enumerate(ROWS)]
    lines = [line.replace('\\","1', '\\\\","1') for line in lines]  # a backslash that ends a cell is escaped too
    path = wrote(tmp_path, "a.csv", "\n".join(["sku,name,price", *lines]))
    found = propose(path, "shop")
    form = Mapping.model_validate(tomllib.loads(found.text))
    assert form.escape == "\\"
    checked = check(path, "shop", form, Settings())
    assert (checked.counts["accepted"], checked.rules) == (40, [])
    assert checked.first[0][2] == f'{ROWS[0]["title"]} 12" wide, C:\\new\\'
    with pytest.raises(FeedRefused, match=r"escape = '\\'"):
        check(path, "shop", form.model_copy(update={"escape": ""}), Settings())


def test_a_line_of_totals_does_not_hide_that_a_column_counts_the_rows(tmp_path: Path) -> None:
    rows = [[str(n), str(7_000 + 3 * n), row["title"]] for n, row in enumerate(ROWS, start=1)]
    text = table(["Nr.", "Artikel", "Beschreibung"], [*rows, ["Gesamt: 40", "", ""]], delimiter=";")
    found = columns(propose(wrote(tmp_path, "a.csv", text), "shop"))
    assert (found["item_id"], found["title"]) == (["Artikel"], ["Beschreibung"])


def test_a_workbook_with_one_table_among_its_sheets_says_so(tmp_path: Path) -> None:
    table = [["sku", "name"], *([row["item_id"], row["title"]] for row in ROWS)]
    path = wrote(tmp_path, "a.xlsx", workbook({"Info": [["Prices of 2026"]], "Items": table}))
    entry = next(entry for entry in propose(path, "shop").settings if entry.key == "sheet")
    assert (entry.value, entry.why) == ("Items", "of 2 sheets the only one with a header")


def sheet(name: str, header: list[str], row, tmp_path: Path) -> dict[str, list]:
    text = table(header, [row(place, product) for place, product in enumerate(ROWS)])
    return columns(propose(wrote(tmp_path, name, text), "shop"))


def test_names_and_contents_are_weighed_together(tmp_path: Path) -> None:
    """What each file teaches: an affiliate's many ids, a price list's 'description', names that say nothing."""
    ids = ["link", "product_name", "aw_product_id", "merchant_id", "merchant_name", "search_price", "currency"]
    found = sheet(
        "affiliate.csv",
        ids,
        lambda n, r: [f"https://a.example/{n}", r["title"], f"9{n * 13:08d}", "77", "Shop", r["price"], "GBP"],
        tmp_path,
    )
    assert (found["item_id"], found["title"], found["price"]) == (["aw_product_id"], ["product_name"], ["search_price"])
    found = sheet(
        "list.csv", ["SKU", "Description", "Price"], lambda n, r: [r["item_id"], r["title"], r["price"]], tmp_path
    )
    assert found["title"] == ["Description"] and "description" not in found
    found = sheet("cryptic.csv", ["c1", "c2", "c3"], lambda n, r: [r["item_id"], r["title"], r["gtin"]], tmp_path)
    assert (found["item_id"], found["title"], found["gtin"]) == (["c1"], ["c2"], ["c3"])
    found = sheet(
        "variants.csv",
        ["sku", "parent_sku", "name"],
        lambda n, r: [r["item_id"], f"P{n // 4}", r["title"]],
        tmp_path,
    )
    assert (found["item_id"], found["product_id"]) == (["sku"], ["parent_sku"])


def test_a_named_id_that_repeats_gives_way_to_one_that_does_not(tmp_path: Path) -> None:
    found = sheet(
        "twice.csv",
        ["product code", "item id", "name"],
        lambda n, r: [f"P{n // 2}", f"X{n}7", r["title"]],
        tmp_path,
    )
    assert found["item_id"] == ["item id"]


def test_rows_that_are_only_counted_have_no_id(tmp_path: Path) -> None:
    text = table(["", "name", "price"], [[str(n), "the same lamp", "3.20"] for n in range(40)])
    found = propose(wrote(tmp_path, "counted.csv", text), "shop")
    assert "item_id" not in columns(found) and "article number" in found.unknown[0]


def test_an_id_named_twice_is_no_reason_for_another_key(tmp_path: Path) -> None:
    rows = [[row["item_id"], row["item_id"], row["title"]] for row in ROWS]
    found = propose(wrote(tmp_path, "twice.csv", table(["sku", "sku", "name"], rows)), "shop")
    assert "item_id" not in columns(found) and "'sku', occurs several times" in found.unknown[0]


def test_without_an_id_a_unique_key_is_proposed_as_unsure(tmp_path: Path) -> None:
    rows = [[f"red lamp {n // 2}", "L" if n % 2 else "S", "3.20"] for n in range(40)]
    found = propose(wrote(tmp_path, "key.csv", table(["name", "size", "price"], rows)), "shop")
    assert columns(found)["item_id"] == ["name", "size"]
    assert "no column of ids" in found.choice.chosen["item_id"].unsure
    rows = [[row["gtin"], row["title"], row["price"]] for row in ROWS]
    found = propose(wrote(tmp_path, "ean.csv", table(["EAN", "name", "price"], rows)), "shop")
    assert columns(found)["item_id"] == ["EAN"] and found.choice.chosen["item_id"].unsure


def test_prices_that_settle_their_decimal_sign_are_declared(tmp_path: Path) -> None:
    rows = [[row["item_id"], row["title"], "1.299" if n % 5 else "12,50"] for n, row in enumerate(ROWS)]
    found = propose(wrote(tmp_path, "a.csv", table(["sku", "name", "price"], rows, delimiter=";")), "shop")
    assert found.values["rules"]["price_decimal"] == ","


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"\0" * 400, "blanks"),
        (b"<!DOCTYPE html><html><body>Please log in</body></html>", "web page"),
        (b"<html><body><table><tr><td>SKU</td></tr><tr><td>1</td></tr></table></body></html>", "table in HTML"),
        (b"<html><form><table><tr><td>Name</td></tr><tr><td>Password</td></tr></table></form></html>", "web page"),
        (b'callback([{"id": 1, "name": "x"}]);', "program code"),
        (b"<?php echo 'x'; ?>\nid,name\n1,x\n", "program code"),
        (b"INSERT INTO products VALUES (1, 'x');\n" * 5, "SQL script"),
        (b'[{"id": 1, "name": "x"}, {"id": 2,', "JSON"),
        (b"Dear sirs,\n\nplease find enclosed our offer.\nWith best regards\nJohn\n", "no delimiter"),
        (b"%PDF-1.7 " + bytes(range(256)), "PDF"),
        (bytes(range(256)) * 20, "binary|encoding"),
        (
            b"AB-1,red chair,12.90,https://x.example/1.jpg\nAB-2,blue chair,13.90,https://x.example/2.jpg\n",
            "no line that names",
        ),
        (b'{"shop": "x",\n "items": 3}', "without an array"),
        (b'{"A1": {"name": "x", "price": 1}, "A2": {"name": "y", "price": 2}}', "under keys of their own"),
        (b'{"id": 1}\n' * 3 + b'{"id": \n{"id": 2}\n', "line 4"),
        (b'[{"id": 1},\n{"id": 2,,}]', "line 2, character"),
        (b"feed.csv".ljust(257, b"\0") + b"ustar\x0000".ljust(255, b"\0") + b"id,name\n1,x\n", "tar archive"),
        (b"<a><b>1</b></a>", "none of its elements"),
        (b"HTTP/1.1 200 OK\nContent-Type: text/csv\n\nid,name\n1,x\n", "HTTP"),
    ],
)
def test_what_is_no_feed_is_refused_with_what_it_looks_like(content: bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(FeedRefused, match=said) as caught:
        propose(wrote(tmp_path, "feed", content), "shop")
    assert caught.value.remedy


WRITTEN = {
    "windows-1251": "Холодильник двухкамерный чёрный",
    "koi8-u": "Бездротовий сповіщувач руху",
    "cp866": "Кабель силовой медный",
    "windows-1250": "Příčka dřevěná, kůň houpací, židle",
    "iso-8859-2": "Łóżko dziecięce ze skrzynią, źdźbło, kołdra",
    "windows-1252": "Türschloß für Außentür, Möbelfüße",
    "windows-1254": "Şeker kamışı, İğne oyası, kırmızı ayakkabı",
    "windows-1253": "Παπούτσια γυναικεία, καρέκλα ξύλινη",
    "windows-1255": "נעליים לגבר חולצה לבנה מכנסיים שחורים",
    "windows-1256": "حذاء رياضي للرجال قميص قطن أبيض",
    "cp932": "りんごジュース 日本のお茶 チョコレート",
    "gb18030": "苹果手机保护壳 中国茶叶 黑色",
    "utf-16-le": "Холодильник, 12 шт",
}


@pytest.mark.parametrize(("encoding", "text"), WRITTEN.items())
def test_an_encoding_is_the_one_that_makes_words(encoding: str, text: str) -> None:
    found = find_encoding([f"a;b\n{text};1\n{text};2\n".encode(encoding)])
    assert f"{text}".encode(encoding).decode(found.name) == text


def test_a_character_cut_between_pieces_is_still_utf_8() -> None:
    whole = ("é" * 50).encode()
    assert find_encoding([whole[:51], whole[51:]]).name == "utf-8"


@pytest.mark.parametrize(
    ("header", "ours"),
    [
        ("Код_товару", "item_id"),
        ("variantSKU", "item_id"),
        ("PRODUCTNAME", "title"),
        ("g:title", "title"),
        ("Назва_позиції_укр", "title"),
        ("Upc Ean Code", "gtin"),
        ("image_link_2", "images"),
        ("Größe", "attributes"),
    ],
)
def test_headers_mean_what_they_say(header: str, ours: str) -> None:
    assert meaning(header, ours).score >= 0.6


@pytest.mark.parametrize(
    ("header", "ours"), [("category_id", "item_id"), ("Brand Name", "title"), ("image id", "item_id"), ("", "title")]
)
def test_a_word_that_belongs_to_something_else_means_little(header: str, ours: str) -> None:
    assert meaning(header, ours).score < 0.5


@given(st.text(), st.text(max_size=300), st.text(max_size=300))
def test_every_text_of_a_vendor_stays_inside_its_string(value: str, why: str, unsure: str) -> None:
    value = value.encode("utf-8", errors="replace").decode()  # what a reader can hand on
    text = line(
        Entry("title", value, why.encode("utf-8", "replace").decode(), unsure.encode("utf-8", "replace").decode())
    )
    assert tomllib.loads(text) == {"title": value}
    assert tomllib.loads(written([value], {"": [Entry("a", [value, {value: 1}])]}, [value], [value])) == {
        "a": [value, {value: 1}]
    }
    assert tomllib.loads(f"a = {literal(value)}") == {"a": value}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    content=st.one_of(
        st.binary(max_size=300),
        st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace")),
        st.lists(st.lists(st.text("aб1,;\"'\t|<{\n", max_size=6), min_size=2, max_size=4), min_size=1, max_size=6).map(
            lambda rows: "\n".join(";".join(row) for row in rows).encode()
        ),
    )
)
def test_any_bytes_give_a_form_that_loads_or_a_refusal_with_a_remedy(content: bytes, tmp_path: Path) -> None:
    try:
        found = propose(wrote(tmp_path, "feed", content), "shop")
    except CatalogError as refused:
        assert refused.remedy
        return
    form = tomllib.loads(found.text)
    if not found.unknown:
        Mapping.model_validate(form)


NAMES_TWICE = (
    "Template=shoes\tVersion=3\t\t\t\n"
    "Seller SKU\tProduct Name\tYour Price\tMain Image\tProduct ID\n"
    "item_sku\titem_name\tstandard_price\tmain_image_url\texternal_product_id\n"
)


def test_of_two_rows_of_names_the_lower_is_the_header(tmp_path: Path) -> None:
    rows = "".join(f"S-{n}\tShoe number {n}\t{n}.50\thttps://x/{n}.jpg\t\n" for n in range(9))
    found = propose(wrote(tmp_path, "flat.txt", NAMES_TWICE + rows), "shop")
    assert found.values["header_row"] == 3
    assert columns(found)["item_id"] == ["item_sku"] and found.sample.rows == 9
    units = "sku\tname\tprice\timage\n\tin English\tEUR\tlink\n"
    again = propose(wrote(tmp_path, "units.txt", units + rows.replace("\t\n", "\n")), "shop")
    assert "header_row" not in again.values


def test_rows_that_only_say_more_of_the_product_above_fold_into_it(tmp_path: Path) -> None:
    rows = "".join(f"S-{n},Shoe number {n},{n}.50,/{n}.jpg\n,,,/{n}_back.jpg\n" for n in range(9))
    path = wrote(tmp_path, "store.csv", "sku,name,price,_media_image\n" + rows)
    found = propose(path, "shop")
    assert found.values["fold"] == {"by": ["sku"], "blank_continues": True}
    assert tomllib.loads(found.text)["fold"] == found.values["fold"]
    read = check(path, "shop", Mapping.model_validate(found.values), Settings())
    assert (read.counts["accepted"], read.rules) == (9, [])
    one = wrote(tmp_path, "mistake.csv", "sku,name,price\nS-1,Shoe,1\n,,2\nS-2,Hat,3\n")
    assert not propose(one, "shop").fold  # a row without an id or two are mistakes


def test_commas_in_prices_do_not_part_a_table_of_tabs_under_a_short_title(tmp_path: Path) -> None:
    rows = [f"A-{n}\tred chair {n}\t{n},90\tChairs" for n in range(30)]
    lines = [
        "Template=custom\tVersion=7",
        "Seller SKU\tProduct Name\tPrice\tCategory",
        "item_sku\titem_name\tprice\titem_type",
    ]
    found = propose(wrote(tmp_path, "items.txt", "\n".join([*lines, *rows])), "acme")
    assert (found.values["format"], found.values["header_row"]) == ("tsv", 3)
    assert (columns(found)["item_id"], columns(found)["title"], columns(found)["price"]) == (
        ["item_sku"],
        ["item_name"],
        ["price"],
    )


@pytest.mark.parametrize("numbered", [True, False], ids=["each variant has a number", "some have"])
def test_variants_without_a_title_fold_into_the_product_whose_number_they_share(numbered: bool, tmp_path: Path) -> None:
    """As shops of a site builder are exported: a line for the product, and one for each of its variants."""
    lines = ["handleId,fieldType,name,collection,sku,price,productOptionDescription1"]
    for n in range(20):
        lines.append(
            f"product_{n * 7919:x},Product,red chair {n},Chairs {n % 3},{f'S{n}' if numbered else ''},{n}.50,S;M"
        )
        lines += [f"product_{n * 7919:x},Variant,,,S{n}-{size},,{size}" for size in "SM"]
    path = wrote(tmp_path, "items.csv", "\n".join(lines))
    found = propose(path, "acme")
    assert (columns(found)["item_id"], columns(found)["vendor_category"]) == (["handleId"], ["collection"])
    assert found.values["fold"] == {"by": ["handleId"]}
    checked = check(path, "acme", Mapping.model_validate(found.values), Settings())
    assert (checked.rows, checked.counts["accepted"], checked.counts["duplicates"]) == (60, 20, 40)
    assert not any("repeat an id" in note for note in found.notes)


@pytest.mark.parametrize(
    "kinds",
    [("Product", "Variant"), ("simple", "configurable", "virtual"), ("variable", "variation"), ("Parent", "Child")],
)
def test_kinds_of_rows_are_no_categories(kinds: tuple[str, ...], tmp_path: Path) -> None:
    rows = [f"A-{n},red chair {n},{kinds[n % len(kinds)]},{n}.50" for n in range(30)]
    found = propose(wrote(tmp_path, "items.csv", "\n".join(["sku,name,type,price", *rows])), "acme")
    assert "vendor_category" not in found.choice.chosen
    shoes = [row.replace(kinds[0], "Shoes") for row in rows]
    found = propose(wrote(tmp_path, "items.csv", "\n".join(["sku,name,type,price", *shoes])), "acme")
    assert columns(found)["vendor_category"] == ["type"]


def test_what_says_nothing_in_a_column_of_ours_is_left_out(tmp_path: Path) -> None:
    rows = [
        {"sku": f"S-{n}", "name": f"Shoe {n}", "category": {"data": {"of": {"id": n % 3}}}, "stock_status": "1-3 days?"}
        for n in range(20)
    ]
    found = propose(wrote(tmp_path, "page.json", json.dumps({"data": rows})), "shop")
    assert columns(found).keys() == {"item_id", "title"}


@pytest.mark.parametrize("header", ["Product UPC/EAN", "eans", "gtins"])
def test_a_number_of_trade_by_more_names(header: str) -> None:
    assert meaning(header, "gtin").score >= 0.85


def test_a_column_of_the_right_name_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    rows = "".join(f"S-{n},Shoe {n},{n} \u00e2\u0082\u00ac /ud.,{n}.5\n" for n in range(1, 20))
    found = propose(wrote(tmp_path, "list.csv", "sku,name,price,shelf_price\n" + rows), "shop")
    assert columns(found)["price"] == ["shelf_price"]
    assert any('"price" is called so too, but holds' in said for said in found.unsure)
