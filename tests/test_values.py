"""Values of a row as vendors write them: HTML, misread bytes, prices, GTINs, stock, languages, attributes, pictures."""

import csv
import json
import os
import re
import socket
import unicodedata
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from catalog.deliveries.canonical import Canonical, canonicalize
from catalog.inference.inputs import attribute_text
from catalog.pictures.finding import Pictures
from catalog.reading.feeds import RAW_REJECTS, RawBatch
from catalog.reading.mapping import Mapping, Rules
from catalog.values.attributes import as_json, named
from catalog.values.availability import STATES, read_availability
from catalog.values.currencies import read_currency
from catalog.values.gtin import gtins, read_gtin
from catalog.values.image_references import references
from catalog.values.languages import languages
from catalog.values.markup import html_text
from catalog.values.mojibake import SUSPECT, badness, mended
from catalog.values.price_columns import with_prices
from catalog.values.prices import Price, read_price
from catalog.values.texts import _INVISIBLE, _NEAR, _NOT_SURELY_NFC, plain
from schemas.items import AVAILABILITIES

HERE = Path("/nowhere")
FEEDS = Path(os.environ.get("FEEDSHELF_REAL_DATA", Path(__file__).parents[2] / "shared")) / "feeds"


def canonical(*rows: dict, folder: Path = HERE, **rules) -> Canonical:
    """Canonical rows of a feed; item_id and title are filled in where a row leaves them out."""
    columns = dict.fromkeys(["item_id", "title", *(name for row in rows for name in row)])
    kinds = {name: pl.List(pl.String) if name == "images" else pl.String for name in columns}
    filled = [columns | {"item_id": str(number), "title": "Lamp"} | row for number, row in enumerate(rows)]
    frame = pl.DataFrame(filled, schema=kinds).with_row_index("line", offset=2)
    frame = frame.with_columns(pl.col("line").cast(pl.Int64), raw=pl.lit("raw"), nul=pl.lit(False))
    mapping = Mapping.model_validate({"format": "csv", "rules": rules})
    found = canonicalize(RawBatch(frame, pl.DataFrame(schema=RAW_REJECTS)), "acme", mapping, Pictures(folder))
    assert found.items.height + found.rejects.height == len(rows)
    return found


def one(rules: dict | None = None, **row) -> dict:
    return canonical(row, **(rules or {})).items.row(0, named=True)


def words(text: str) -> str:
    return " ".join(html_text(text).split())


@pytest.mark.parametrize(
    ("delivered", "expected"),
    [
        ("walk<b>ing</b>", "walking"),
        ("<li>Boot</li><li>Size</li>", "Boot Size"),
        ("one<br>two<hr/>three<img src='x'>four", "one two three four"),
        ("H<sub>2</sub>O and m<sup>2</sup>", "H2O and m2"),
        ("<span>a</span><span>b</span> <o:p>c</o:p>", "ab c"),
        ("a<!-- <b> no --> b<script>if (a < b) alert('<p>')</script>c<style>p{}</style>", "a bc"),
        ("x<!-- never closed <p>y", "x"),
        ("<p>x</p><script>never closed", "x"),
        ("<!DOCTYPE html><html><head><title>no</title></head><body><p>yes</p></body></html>", "yes"),
        ("<![CDATA[plain <b>text</b>]]>", "plain text"),
        ("<p title='a > b' lang=en class=\"x>y\">text</p>", "text"),
        ("<p title=it's>isn't</p>", "isn't"),
        ("<p>cut at the end <a href=\"http://x", "cut at the end"),
        ("<template>no</template><p>yes</p>", "yes"),
        # entities: once, in markup and outside, and only whole ones
        ("&amp;lt;", "&lt;"),
        ("&amp;lt;b&amp;gt;", "&lt;b&gt;"),
        ("<p>&amp;lt; 5 &lt;b&gt;</p>", "&lt; 5 <b>"),
        ("Caf&eacute; &#8364; &#x41; &nbsp;&unknown;", "Café € A &unknown;"),
        ("AT&T &amp; ?a=1&copy=2", "AT&T & ?a=1&copy=2"),
        # a page that was escaped once too often is a page; text that mentions a tag is not
        ("&lt;p&gt;Tom &amp;amp; Jerry&lt;/p&gt;", "Tom & Jerry"),
        ("use the &lt;b&gt; tag", "use the <b> tag"),
        # no markup at all
        ("AT&T", "AT&T"),
        ("5 < 6", "5 < 6"),
        ("3 < 5 > 2", "3 < 5 > 2"),
        ("I <3 it", "I <3 it"),
        ("<3", "<3"),
        ("<s m l>", "<s m l>"),
        ("R&B <Love>", "R&B <Love>"),
        ("a<b and c>d", "a<b and c>d"),
    ],
)  # fmt: skip
def test_html_becomes_words_and_text_stays(delivered: str, expected: str) -> None:
    assert words(delivered) == expected


@pytest.mark.parametrize(
    ("delivered", "expected"),
    [
        ("<div>" * 100_000 + "deep", "deep"),
        ("<b>" * 100_000 + "deep", "deep"),
        ("<p " + "a=b " * 100_000 + ">far", "far"),
        ("<p>" + "x" * 2_000_000 + "</p>", None),  # more than is looked at of one cell
        ("<p>a</p>" + "<!--" * 100_000, "a"),
        ("<p>a</p>" + "<a " * 100_000, None),
        ("<p>a</p>" + "<x y='" * 50_000, None),
        ("&amp;" * 500_000, None),
    ],
)
def test_hostile_markup_is_read_in_one_pass(delivered: str, expected: str | None) -> None:
    """Each of these keeps a parser that builds a tree, or tries every bracket anew, busy for minutes."""
    found = words(delivered)
    assert len(found) <= 1_000_000
    assert expected is None or found == expected


@given(st.text(st.sampled_from("<>&;/!-\"'= abpscript"), max_size=80))
@settings(max_examples=300, deadline=None)
def test_any_brackets_end_as_text(text: str) -> None:
    assert isinstance(html_text(text), str)


SPOILT = [
    ("Café réglable à 15 €", "latin-1"),
    ("Größe: 5 µm, naïve œuvre “été” – ½", "latin-1"),
    ("Größe: 5 µm, naïve œuvre – ½", "cp1252"),
    ("žluťoučký kůň, Kč", "latin-1"),
    ("Настольная лампа «Свет» – 15 ₽", "latin-1"),
    ("Настольная лампа «Свет» – 15 ₽", "cp1251"),
    ("Настольная лампа «Свет»", "mac_roman"),
    ("Café réglable “été”", "mac_roman"),
    ("日本語の説明", "latin-1"),
    ("مصباح مكتب", "latin-1"),
]


@pytest.mark.parametrize(("text", "encoding"), SPOILT)
def test_misread_text_is_mended(text: str, encoding: str) -> None:
    spoilt = text.encode().decode(encoding)
    assert mended(spoilt) == text
    assert badness(text) < badness(spoilt)
    assert pl.Series([spoilt]).str.contains(SUSPECT)[0]


def test_text_misread_twice_or_in_part_is_mended() -> None:
    twice = "Café été".encode().decode("cp1252").encode().decode("cp1252")
    assert mended(twice) == "Café été"
    assert mended("0.4º und 0.4Âº, CafÃ©") == "0.4º und 0.4º, Café"


@pytest.mark.parametrize(
    "text",
    [
        "MÜ“",
        "QUALITÉ\u00a0: bon",
        "“MAÇÔ",
        "LÃ\u00a0100%",
        "Рёбра",
        "В\u00a0Москве, с\u00a05 до\u00a06",
        "l’été «été» …é",
        "Ø½, Ø¼ Ø²",
        "MALMÖ” x",
        "Crème brûlée – 5 €",
        "ПРИВЕТ «Мир», і їжа",
        "Ђорђе",
        "¬ √ 5",
        "–é —é",
    ],
)
def test_sound_text_is_left_alone(text: str) -> None:
    assert mended(text) == text


@given(st.text(st.characters(codec="latin-1"), max_size=40))
@settings(max_examples=300, deadline=None)
def test_mending_never_looks_worse_and_repeats_itself(text: str) -> None:
    found = mended(text)
    assert badness(found) <= badness(text)
    assert mended(text) == found


def test_mojibake_is_repaired_only_if_the_form_says_so() -> None:
    row = {"item_id": "Ã©1", "title": "CafÃ©", "price": "15 â\x82¬", "attributes.Größe": "weiÃ\x9f"}
    kept = one(**{**row, "price": None})
    assert (kept["title"], kept["flags"], kept["raw_text"]) == ("CafÃ©", ["looks_like_mojibake"], None)
    found = one({"repair_mojibake": True}, **row)
    assert (found["item_id"], found["title"], found["currency"]) == ("Ã©1", "Café", "EUR")
    assert found["flags"] == ["repaired_mojibake"]
    assert json.loads(found["attributes"]) == {"Größe": "weiß"}
    raw = json.loads(found["raw_text"])
    assert raw == {"title": "CafÃ©", "price": "15 â\x82¬", "attributes.Größe": "weiÃ\x9f"}
    clean = one({"repair_mojibake": True}, title="Café")
    assert (clean["flags"], clean["raw_text"]) == ([], None)
    assert clean["input_hash"] == one(title="Café")["input_hash"]


def test_raw_text_is_json_whatever_was_delivered() -> None:
    found = one({"repair_mojibake": True}, title='CafÃ© \\ "x"\n\ttab')
    assert json.loads(found["raw_text"]) == {"title": 'CafÃ© \\ "x"\n\ttab'}


def test_text_that_is_taken_as_composed_is_so() -> None:
    """What `plain` does not hand to normalization may hold no character that changes, or that one before it takes in."""
    passed = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000 and not re.match(_NOT_SURELY_NFC, chr(c))]
    assert len(passed) > 30_000
    assert [c for c in passed if unicodedata.normalize("NFC", c) != c or unicodedata.combining(c)] == []
    pairs = (unicodedata.decomposition(chr(code)).split() for code in range(0x110000))
    taken_in = {chr(int(pair[1], 16)) for pair in pairs if len(pair) == 2 and not pair[0].startswith("<")}
    assert taken_in.isdisjoint(passed)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.one_of(st.none(), st.text(max_size=12), st.text(alphabet=" ab\u0301\u00a0\u200b\t", max_size=8)), max_size=8
    )
)
def test_only_what_needs_it_is_worked_on_and_nothing_is_missed(texts: list[str | None]) -> None:
    column = pl.Series("text", texts, dtype=pl.String)
    spaced = column.str.normalize("NFC").str.replace_all(_INVISIBLE, "").str.replace_all(r"\s{2,}|[^\S ]", " ")
    assert plain(column).to_list() == spaced.str.strip_chars().replace("", None).to_list()


@pytest.mark.parametrize("before", range(-3, 3))
def test_two_spaces_are_seen_wherever_they_stand_among_the_bytes_of_all_rows(before: int) -> None:
    long = "a" * (_NEAR + before)
    column = pl.Series("text", [None, long + "  b", "c  d", "e"], dtype=pl.String)
    assert plain(column).to_list() == [None, long + " b", "c d", "e"]
    assert plain(column[2:]).to_list() == ["c d", "e"]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(alphabet="a\0\x1f -", max_size=3), min_size=4, max_size=4))
def test_no_text_reads_like_two(cells: list[str]) -> None:
    """What stands between the values that a hash is made of can stand in none of them."""
    names = ("title", "description", "brand", "item_id")
    found = canonical({"title": "x", **dict(zip(names, cells, strict=True))}, {"title": "x", "item_id": "1"}).items
    said = found.select("item_id", "title", "description", "brand")
    assert said.unique().height == found["row_hash"].n_unique()
    assert not any("\0" in text or "\x1f" in text for row in said.rows() for text in row if text)


_NAMED = st.sampled_from(["a.jpg", "https://x.example/1.jpg", "//x.example/2.png", " b.png", "", "caf\u0065\u0301.jpg"])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.none(), st.lists(st.one_of(st.none(), _NAMED), max_size=4)), min_size=1, max_size=5))
def test_pictures_read_alike_whether_or_not_another_row_has_to_be_parted(rows: list) -> None:
    parted = [*rows, ["c.jpg|d.jpg"]]
    firsts = [next((name for name in named or [] if name), None) for named in parted]
    frame = pl.DataFrame({"images": parted, "image": firsts}, schema={"images": pl.List(pl.String), "image": pl.String})
    together = references(frame).to_list()
    assert together[-1] == ["c.jpg", "d.jpg"]
    assert [references(frame[at : at + 1]).to_list()[0] for at in range(len(parted))] == together


def test_characters_already_lost_are_flagged() -> None:
    assert one(title="Caf\ufffd")["flags"] == ["lost_characters"]


@pytest.mark.skipif(not FEEDS.is_dir(), reason=f"no real feeds at {FEEDS} (set FEEDSHELF_REAL_DATA)")
def test_a_spoilt_feed_of_a_real_shop_is_mended() -> None:
    """Every price of it names the euro by three misread bytes: all rows change and none keeps a trace of it."""
    with (FEEDS / "mercadona_mojibake.csv").open(encoding="utf-8", newline="") as file:
        delivered = list(csv.DictReader(file))
    rows = [{"title": row["producto"], "price": row["precio"]} for row in delivered]
    found = canonical(*rows, repair_mojibake=True)
    first = found.items.row(0, named=True)
    assert first["title"] == "Aceite de oliva 0.4º Hacendado Garrafa 5 L 15.50 € /ud. Anadir al carro"
    assert (first["price"], first["currency"], first["flags"]) == (Decimal("15.5"), "EUR", ["repaired_mojibake"])
    assert not found.items["title"].str.contains("[ÃÂâ]").any()
    assert not found.rejects.height


@pytest.mark.parametrize(
    ("text", "rule", "amount", "currency", "flags"),
    [
        ("1.299,00 €", "auto", "1299", "EUR", ()),
        ("1 299,00 zł", "auto", "1299", "PLN", ()),
        ("1\u202f299,00\u00a0zł", "auto", "1299", "PLN", ()),
        ("$1,299.00", "auto", "1299", "USD", ()),
        ("R$ 19,90", "auto", "19.90", "BRL", ()),
        ("1'299.00 CHF", "auto", "1299", "CHF", ()),
        ("CHF 12.-", "auto", "12", "CHF", ()),
        ("1.299,--", "auto", "1299", None, ()),
        ("1.299,- €", "auto", "1299", "EUR", ()),
        ("CHF 1'299.-", "auto", "1299", "CHF", ()),
        ("1.29,-", "auto", "1.29", None, ()),
        ("1.299,00 EUR inkl. 19% MwSt.", "auto", "1299", "EUR", ()),
        ("12,50 € (inkl. 7,5 % USt.)", "auto", "12.5", "EUR", ()),
        ("49,–", "auto", "49", None, ()),
        ("199:-", "auto", "199", None, ()),
        ("12€90", "auto", "12.90", "EUR", ()),
        ("Rs. 1,29,999.00/-", "auto", "129999", "INR", ()),
        ("$.99", "auto", "0.99", "USD", ()),
        ("3,20 € / 100 g", "auto", "3.20", "EUR", ()),
        ("€/kg 3,20", "auto", "3.20", "EUR", ()),
        ("12,50 € inkl. MwSt.", "auto", "12.50", "EUR", ()),
        ("٢٫٥٠٠ د.ك", "auto", "2.5", "KWD", ()),
        ("١٬٢٩٩٫٠٠", "auto", "1299", None, ()),
        ("۱۲", "auto", "12", None, ()),
        ("￥1,299", "auto", "1299", "JPY", ()),
        ("1.299", "auto", "1.299", None, ("ambiguous_price",)),
        ("1,299", "auto", "1299", None, ("ambiguous_price",)),
        ("1.299 €", ",", "1299", "EUR", ()),
        ("1.299", ".", "1.299", None, ()),
        ("0.125", "auto", "0.125", None, ()),
        ("12.000 ₫", "auto", "12000", "VND", ()),  # a currency without decimals leaves no doubt
        ("1.299 KWD", "auto", "1.299", "KWD", ()),  # nor does one with three
        ("from 12.50", "auto", "12.50", None, ("price_from",)),
        ("à partir de 12,50 €", "auto", "12.50", "EUR", ("price_from",)),
        ("от 100 руб.", "auto", "100", "RUB", ("price_from",)),
        ("12,50 - 15,00", "auto", "12.50", None, ("price_range",)),
        ("$20.99 – $10.99", "auto", "10.99", "USD", ("price_range",)),
        ("10 bis 20 €", "auto", "10", "EUR", ("price_range",)),
        ("0", "auto", "0", None, ("zero_price",)),
        ("0,00 €", "auto", "0", "EUR", ("zero_price",)),
        ("-5,00 €", "auto", None, "EUR", ("negative_price",)),
        ("€ −5", "auto", None, "EUR", ("negative_price",)),
        ("5.00-", "auto", None, None, ("negative_price",)),
        ("n/a", "auto", None, None, ("no_price",)),
        ("Preis auf Anfrage", "auto", None, None, ("no_price",)),
        ("12 50", "auto", None, None, ()),
        ("1.29.99", "auto", None, None, ()),
        ("12.5.2024", "auto", None, None, ()),
        ("1 2 3", "auto", None, None, ()),
        ("10 20", "auto", None, None, ()),
        ("12½", "auto", None, None, ()),
        ("1,299.00", ",", None, None, ()),
        ("", "auto", None, None, ()),
    ],
)
def test_prices(text: str, rule: str, amount: str | None, currency: str | None, flags: tuple) -> None:
    found = read_price(text, rule)
    assert found.amount == (Decimal(amount) if amount else None)
    assert found.flags == flags
    if amount:
        assert found.currency == currency


GROUPS = {"comma": ",", "point": ".", "space": " ", "thin": "\u202f", "quote": "\u2019", "none": ""}


@given(
    st.decimals(min_value=Decimal("0.01"), max_value=10**9, places=2),
    st.sampled_from(sorted(GROUPS)),
    st.sampled_from([".", ","]),
    st.sampled_from(["{} €", "€{}", "EUR {}", "{}EUR", "{} € /Stk."]),
)
@settings(max_examples=300, deadline=None)
def test_two_decimals_read_the_same_in_every_country(price: Decimal, group: str, decimal: str, form: str) -> None:
    sign = GROUPS[group]
    if sign == decimal:
        return
    text = f"{price:,.2f}".replace(",", "\0").replace(".", decimal).replace("\0", sign)
    assert read_price(form.format(text)) == Price(price, "EUR")
    assert read_price(form.format(text), decimal) == Price(price, "EUR")


@given(st.text(st.sampled_from("0123456789.,' -€$abto/٣٫"), max_size=20), st.sampled_from(["auto", ".", ","]))
@settings(max_examples=500, deadline=None)
def test_any_cell_is_a_price_or_says_why_not(text: str, decimal: str) -> None:
    found = read_price(text, decimal)
    assert found.amount is None or 0 <= found.amount < 10**14
    assert found.amount is None or not {"no_price", "negative_price"} & set(found.flags)


@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[€$]? ?[0-9]{1,4}[.,]?[0-9]{0,3} ?(€|zł|kr|ab|-)?", fullmatch=True),
            st.sampled_from([None, "EUR", "kr", "x"]),
        ),
        max_size=8,
    ),
    st.sampled_from(["auto", ".", ","]),
)
@settings(max_examples=100, deadline=None)
def test_columns_of_prices_read_as_single_cells_do(cells: list[tuple[str, str | None]], decimal: str) -> None:
    """Plain numbers are read by expressions, the others one by one: no cell may notice."""
    rules = Rules(price_decimal=decimal, currency="SEK")
    schema = {"price": pl.String, "currency": pl.String}
    rows = pl.DataFrame(cells, schema=schema, orient="row").with_columns(flags=pl.lit([], pl.List(pl.String)))
    for (text, code), row in zip(cells, with_prices(rows, rules).iter_rows(named=True), strict=True):
        stated = read_currency(code, "SEK") if code else None
        expected = read_price(text, decimal, stated or "SEK")
        assert row["price"] == expected.amount
        assert set(expected.flags) == set(row["flags"]) - {"bad_currency", "currency_conflict"}
        assert row["currency"] == (stated or expected.currency or ("SEK" if expected.amount is not None else None))


def test_currency_of_column_cell_and_vendor() -> None:
    found = canonical(
        {"price": "5", "currency": "CHF"},
        {"price": "$5"},
        {"price": "5 kr"},
        {"price": "5 €", "currency": "USD"},
        {"price": "5", "currency": "RUR"},
        {"price": "5", "currency": "bananas"},
        {"price": None},
        currency="CAD",
    ).items
    assert found["currency"].to_list() == ["CHF", "CAD", "CAD", "USD", "RUB", "CAD", None]
    assert found["flags"].to_list() == [[], [], [], ["currency_conflict"], [], ["bad_currency"], []]
    assert read_currency("kr", "NOK") == "NOK"
    assert read_currency("$", "EUR") == "USD"


def test_a_price_that_is_none_keeps_the_row_and_one_that_cannot_be_read_does_not() -> None:
    found = canonical({"price": "-5"}, {"price": "N/A"}, {"price": "0"}, {"price": "cheap"})
    assert found.items.select("price", "flags").rows() == [
        (None, ["negative_price"]),
        (None, ["no_price"]),
        (Decimal(0), ["zero_price"]),
    ]
    assert found.rejects.select("rule", "detail").rows() == [("bad_price", "cheap")]


@pytest.mark.parametrize(
    ("text", "digits", "flag"),
    [
        ("4006381333931", "4006381333931", None),
        ("EAN: 4006381333931", "4006381333931", None),
        ("'4006381333931", "4006381333931", None),
        ("4006381333931.0", "4006381333931", None),
        ("36000291452", "036000291452", "gtin_zeros_restored"),  # 11 digits: the zero in front is gone
        ("36000291453", None, "gtin_invalid"),  # 11 digits, and the check digit does not fit
        ("0-306-40615-2", "9780306406157", "isbn_10"),
        ("080442957X", "9780804429573", "isbn_10"),
        ("0306406153", None, "gtin_invalid"),
        ("978-0-306-40615-7", "9780306406157", None),
        ("4006381333931, 4006381333948", "4006381333931", "gtin_several"),
        ("1, 2", None, "gtin_invalid"),
        ("0212345678909", None, "internal_gtin"),
        ("0200000000002", None, "gtin_invalid"),
        ("4.00638E+12", None, "gtin_scientific"),
        ("4,00638E12", None, "gtin_scientific"),
        ("123456789012345678", None, "gtin_invalid"),
        ("none", None, "gtin_invalid"),
        ("00000000", None, "gtin_invalid"),
    ],
)
def test_gtins(text: str, digits: str | None, flag: str | None) -> None:
    assert read_gtin(text) == (digits, flag)


def with_check(body: str) -> str:
    """Body and check digit, by the sum from the right: 3, 1, 3, 1 ..."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body)))
    return body + str(-total % 10)


@given(st.sampled_from([7, 11, 12, 13]).flatmap(lambda size: st.text("0123456789", min_size=size, max_size=size)))
@settings(max_examples=300, deadline=None)
def test_a_right_gtin_is_read_or_is_a_shops_own(body: str) -> None:
    code = with_check(body)
    found = read_gtin(code)
    internal = code[0] in "02" if len(code) == 8 else code.zfill(14)[1:].startswith(
        ("02", "04", "2", "980", "981", "982", "983", "984", "99")
    )  # fmt: skip
    if not code.strip("0"):
        assert found == (None, "gtin_invalid")
    else:
        assert found == ((None, "internal_gtin") if internal else (code, None))


@given(st.lists(st.from_regex(r"(0|2|9|40)?[0-9]{6,13} ?", fullmatch=True), unique=True, max_size=20))
@settings(max_examples=100, deadline=None)
def test_columns_of_gtins_read_as_single_cells_do(texts: list[str]) -> None:
    texts = [*texts, *(with_check(text.strip()) for text in texts)]
    found = gtins(pl.Series([*texts, None], dtype=pl.String))
    assert {row[0]: row[1:] for row in found.iter_rows()} == {text: tuple(read_gtin(text)) for text in texts}


def test_a_shops_own_number_never_names_a_product() -> None:
    codes = [with_check("020012345678"), with_check("212345678901"), with_check("41234567890")]  # the last a UPC
    found = canonical(*({"gtin": code} for code in codes)).items
    assert found["flags"].to_list() == [["internal_gtin"]] * 3
    assert found.select("gtin", "product_id").null_count().row(0) == (3, 3)


def test_ids_stay_text_and_gtins_keep_their_zeros() -> None:
    found = canonical(
        *({"item_id": text} for text in ("00123", "1E5", "123456789012345678")), {"gtin": "036000291452"}
    ).items
    assert found["item_id"].to_list()[:3] == ["00123", "1E5", "123456789012345678"]
    assert found["flags"].to_list()[:3] == [[], ["id_scientific"], []]
    assert found["gtin"][3] == "036000291452"


@pytest.mark.parametrize(
    ("state", "texts"),
    [
        ("in_stock", ["in stock", "In_Stock", "https://schema.org/InStock", "true", "1", "12", "12 pcs", ">10", "10+",
                      "auf Lager", "В наличии", "є в наявності", "En stock", "Skladem", "متوفر", "LimitedAvailability"]),
        ("out_of_stock", ["out of stock", "http://schema.org/OutOfStock", "SoldOut", "false", "0", "0.0", "-3", "<1",
                          "Нет в наличии", "Agotado", "nicht vorrätig", "Rupture de stock", "немає в наявності"]),
        ("preorder", ["preorder", "Pre-Order", "https://schema.org/PreOrder", "vorbestellbar", "Предзаказ"]),
        ("backorder", ["backorder", "schema.org/BackOrder", "available for order", "под заказ", "na zamówienie"]),
        ("discontinued", ["Discontinued", "https://schema.org/Discontinued", "снят с производства"]),
        (None, ["", "?", "3-5 days", "5 days", "24h", "soon", "https://example.org/InStock/7", "12 of 20 left over"]),
    ],
)  # fmt: skip
def test_availability(state: str | None, texts: list[str]) -> None:
    assert {text: read_availability(text) for text in texts} == dict.fromkeys(texts, state)


def test_unknown_availability_is_null_and_flagged() -> None:
    assert STATES == AVAILABILITIES
    found = canonical({"availability": "In stock"}, {"availability": "soon"}, {"availability": " "}).items
    assert found.select("availability", "flags").rows() == [
        ("in_stock", []),
        (None, ["unknown_availability"]),
        (None, []),
    ]


@pytest.mark.parametrize("changed", [{"availability": "0"}, {"images": ["a.jpg", "b.jpg"]}, {"images": ["b.jpg"]}])
def test_stock_and_pictures_change_the_row_hash_only(changed: dict) -> None:
    base = {"availability": "1", "images": ["a.jpg"]}
    before, after = one(**base), one(**(base | changed))
    assert before["input_hash"] == after["input_hash"]
    assert before["row_hash"] != after["row_hash"]
    assert before["row_hash"] == one(**(base | {"availability": "in stock"}))["row_hash"]


def test_attributes_are_one_object_whatever_the_order_of_columns() -> None:
    values = {"Size": ' 5 "', "Colour": "r\\ed", "Empty": " ", "Länge  (cm)": "1,5 m"}
    there, back = (
        one(**{f"attributes.{n}": v for n, v in order}) for order in (values.items(), [*values.items()][::-1])
    )
    assert json.loads(there["attributes"]) == {"Colour": "r\\ed", "Länge (cm)": "1,5 m", "Size": '5 "'}
    assert list(json.loads(there["attributes"])) == ["Colour", "Länge (cm)", "Size"]
    assert (there["input_hash"], there["row_hash"]) == (back["input_hash"], back["row_hash"])
    assert attribute_text(there["attributes"]) == 'Colour r\\ed Länge (cm) 1,5 m Size 5 "'


def test_attribute_names_never_collide() -> None:
    assert list(named(["a.x", "a. x ", "a.x#2", "a."], "a.").values()) == ["x", "x#2", "x#2#2", "unnamed"]


@given(st.dictionaries(st.text(min_size=1), st.none() | st.text(st.characters(min_codepoint=32)), max_size=4))
@settings(max_examples=100, deadline=None)
def test_attributes_are_json_for_any_text(values: dict[str, str | None]) -> None:
    columns = {f"c{number}": name for number, name in enumerate(values)}
    frame = pl.DataFrame({column: [values[name]] for column, name in columns.items()} | {"n": [1]})
    frame = frame.with_columns(pl.col(column).cast(pl.String) for column in columns)
    found = frame.select(as_json(columns).alias("json"))["json"][0]
    assert (json.loads(found) if found else {}) == {name: value for name, value in values.items() if value is not None}


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    Image.new("RGB", (8, 8), "red").save(tmp_path / "a.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    return tmp_path


@pytest.mark.parametrize(
    ("delivered", "images", "status", "used"),
    [
        ({"image": "a.png"}, ["a.png"], "ok", "a.png"),
        ({"image": "none.png"}, ["none.png"], "missing", "none.png"),
        ({"image": "broken.png, a.png"}, ["broken.png", "a.png"], "ok", "a.png"),
        ({"image": "none.png|https://x.example/b.jpg"}, ["none.png", "https://x.example/b.jpg"], "remote", None),
        ({"image": "https://x.example/1,2.jpg,https://x.example/b.jpg"},
         ["https://x.example/1,2.jpg", "https://x.example/b.jpg"], "remote", None),
        ({"image": "two words, one name"}, ["two words, one name"], "missing", None),
        ({"image": None}, [], "missing", None),
        ({"images": ["broken.png", "a.png", "a.png", None, " "]}, ["broken.png", "a.png"], "ok", "a.png"),
        ({"images": [], "image": "a.png"}, ["a.png"], "ok", "a.png"),
        ({"images": None, "image": None}, [], "missing", None),
        ({"images": ["broken.png"], "image": "a.png"}, ["broken.png"], "unreadable", "broken.png"),
    ],
)  # fmt: skip
def test_of_several_pictures_the_first_readable_one_is_used(
    shelf: Path, delivered: dict, images: list[str], status: str, used: str | None
) -> None:
    found = canonical(delivered, folder=shelf).items.row(0, named=True)
    assert (found["images"], found["image_status"]) == (images, status)
    if used:
        assert Path(found["image"]).name == used


ENGLISH = "This table lamp gives a warm light and stands firmly on every desk in the house"
GERMAN = "Diese Lampe gibt ein warmes Licht und steht sicher auf jedem Schreibtisch im Haus"
TEXTS = [
    (ENGLISH, None, "en"),
    (GERMAN, None, "de"),
    ("Lampe 3000", GERMAN, "de"),
    ("Настольная лампа", "Даёт тёплый свет и твёрдо стоит на любом столе", "ru"),
    ("مصباح مكتب", "يعطي ضوءا دافئا ويقف بثبات على كل مكتب في المنزل", "ar"),
    ("Lamp", None, None),
    ("XZ-4000 12V 5A 2.4GHz", None, None),
    (None, None, None),
]


def test_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    titles, descriptions, expected = (list(column) for column in zip(*TEXTS, strict=True))
    found = languages(pl.Series(titles, dtype=pl.String), pl.Series(descriptions, dtype=pl.String))
    assert found.to_list() == expected
    again = languages(pl.Series(titles[::-1], dtype=pl.String), pl.Series(descriptions[::-1], dtype=pl.String))
    assert again.to_list() == expected[::-1]


def test_no_column_of_a_feed_hides_a_flag() -> None:
    """Several things odd about a row are all said, each once."""
    found = one(
        {"repair_mojibake": True}, title="CafÃ©", price="1,299", gtin="1", availability="soon", item_id="1E5",
    )  # fmt: skip
    assert found["flags"] == [
        "repaired_mojibake", "ambiguous_price", "gtin_invalid", "id_scientific", "unknown_availability",
    ]  # fmt: skip
