"""From delivered text to canonical items: what counts as the same, what is refused, what is flagged."""

from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.deliveries.canonical import MOST_UNEXPECTED, Canonical, bisected, canonicalize
from catalog.errors import CatalogError
from catalog.pictures.finding import Pictures
from catalog.reading.feeds import RAW_REJECTS, RawBatch, read_rows
from catalog.reading.mapping import Mapping
from catalog.settings import Feeds
from catalog.values.currencies import read_currency
from catalog.values.gtin import read_gtin
from catalog.values.markup import html_text
from catalog.values.prices import read_price
from schemas.items import Item, Reject

HERE = Path("/nowhere")


def batch(*rows: dict[str, str | None], **shared: str) -> RawBatch:
    known = {"item_id": "1", "title": "Lamp", **shared}
    columns = list(dict.fromkeys([*known, *(name for row in rows for name in row)]))
    frame = pl.DataFrame(
        [{**dict.fromkeys(columns), **known, **row} for row in rows], schema=dict.fromkeys(columns, pl.String)
    )
    frame = frame.with_row_index("line", offset=2).with_columns(
        pl.col("line").cast(pl.Int64), raw=pl.lit("raw"), nul=pl.lit(False)
    )
    return RawBatch(frame, pl.DataFrame(schema=RAW_REJECTS))


def canonical(*rows: dict[str, str | None], **rules) -> Canonical:
    mapping = Mapping.model_validate({"format": "csv", "rules": rules})
    found = canonicalize(batch(*rows), "acme", mapping, Pictures(HERE))
    assert found.items.height + found.rejects.height == len(rows)
    return found


def one(**row: str | None) -> dict:
    return canonical(row).items.row(0, named=True)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("  two\t\n spaces\u00a0here ", "two spaces here"),
        ("Cafe\u0301", "Caf\u00e9"),
        ("in\u200bvisi\u00adble\ufeff\u202e!", "invisible!"),
        (
            "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
            "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        ),
        ("bell\u0007\u0085next", "bell next"),
        ("a &amp; b&nbsp;c", "a & b c"),
        ("&lt;b&gt;bold&lt;/b&gt;", "bold"),
        ("AT&T < 5 V <12 & R&B <Love>", "AT&T < 5 V <12 & R&B <Love>"),
    ],
)
def test_text_has_one_form(given: str, expected: str) -> None:
    assert one(title=given)["title"] == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("<p>walk<b>ing</b></p>Boot<br/>Size", "walking Boot Size"),
        ("<ul><li>one</li><li>two</li></ul><table><tr><td>a</td><td>b</td></tr></table>", "one two a b"),
        ("<style>p{color:red}</style><script>alert(1)</script>Text<!-- no -->", "Text"),
        ("<p>5 &lt; 6 &euro;</p>", "5 < 6 \u20ac"),
        ("<P CLASS=x>Upper</P>", "Upper"),
        ("unclosed <b>bold", "unclosed bold"),
    ],
)
def test_markup_becomes_words(given: str, expected: str) -> None:
    assert " ".join(html_text(given).split()) == expected


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), min_size=1, max_size=30))
@settings(max_examples=30, deadline=None)
def test_canonical_text_is_stable(texts: list[str]) -> None:
    """Canonical text read again stays as it is, unless a layer of escaping was peeled off."""

    def titles(given: dict[str, str]) -> dict[str, str]:
        found = canonical(*({"item_id": key, "title": text, "image": "x.jpg"} for key, text in given.items())).items
        return dict(found.select("item_id", "title").rows())

    first = titles({str(n): text for n, text in enumerate(texts)})
    stable = {key: text for key, text in first.items() if text and "&" not in text and "<" not in text}
    assert not stable or titles(stable) == stable


def test_empty_text_is_null_and_long_text_is_cut_with_a_flag() -> None:
    item = one(title="x" * 600, description=" <p> </p>", brand="")
    assert (len(item["title"]), item["description"], item["brand"], item["flags"]) == (500, None, None, ["title_cut"])


@pytest.mark.parametrize(
    ("text", "decimal", "price", "currency"),
    [
        ("12.90", "auto", "12.90", None),
        ("12,90 \u20ac", "auto", "12.90", "EUR"),
        ("USD 12.90", "auto", "12.90", "USD"),
        ("$1,299.00", "auto", "1299", "USD"),
        ("1.299,00", "auto", "1299", None),
        ("1 299,00 zł", "auto", "1299", "PLN"),
        ("1\u00a0299", "auto", "1299", None),
        ("1'299.50 CHF", "auto", "1299.50", "CHF"),
        ("1,234,567", "auto", "1234567", None),
        ("0,125", "auto", "0.125", None),
        ("1.299", "auto", "1.299", None),
        ("1,299", "auto", "1299", None),
        ("1.299", ",", "1299", None),
        ("1,299", ",", "1.299", None),
        ("1,299", ".", "1299", None),
        ("15.50 \u20ac /ud.", "auto", "15.50", "EUR"),
        ("120 грн.", "auto", "120", "UAH"),
        ("199 kr", "auto", "199", None),
        ("0", "auto", "0", None),
        ("12.345678", "auto", "12.3457", None),
        ("cheap", "auto", None, None),
        ("10 - 20", "auto", "10", None),
        ("10 pieces", "auto", None, None),
        ("-5", "auto", None, None),
        ("12,9,0", ".", None, None),
        ("1,29", ".", None, None),
        ("1e5", "auto", None, None),
        ("9" * 20, "auto", None, None),
        ("\u0661\u0662,\u0665", "auto", "12.5", None),
    ],
)
def test_prices_as_vendors_write_them(text: str, decimal: str, price: str | None, currency: str | None) -> None:
    found, code, _ = read_price(text, decimal)
    assert (found, code if price else None) == (Decimal(price) if price else None, currency)


@given(st.decimals(min_value=0, max_value=10**9, places=2), st.sampled_from([".", ","]), st.booleans())
@settings(max_examples=200, deadline=None)
def test_a_declared_decimal_sign_is_never_misread(price: Decimal, decimal: str, grouped: bool) -> None:
    text = f"{price:,.2f}" if grouped else f"{price:.2f}"
    if decimal == ",":
        text = text.translate(str.maketrans(",.", ".,"))
    assert read_price(text, decimal)[0] == price


def test_a_bad_price_refuses_the_row_and_a_missing_one_does_not() -> None:
    found = canonical({"price": "cheap"}, {"price": None}, {"price": " "}, {"price": "5"})
    assert found.rejects.rows(named=True) == [
        {"line": 2, "vendor": "acme", "item_id": "1", "rule": "bad_price", "detail": "cheap", "raw": "raw"}
    ]
    assert found.items["price"].to_list() == [None, None, Decimal(5)]


def test_a_guessed_price_and_an_odd_currency_are_flagged() -> None:
    found = canonical(
        {"price": "1,299"}, {"price": "5 USD", "currency": "\u20ac"}, {"price": "5", "currency": "bananas"}
    )
    assert found.items.select("currency", "flags").rows() == [
        (None, ["ambiguous_price"]),
        ("EUR", ["currency_conflict"]),
        (None, ["bad_currency"]),
    ]
    assert canonical({"price": "5"}, {}, currency="SEK").items["currency"].to_list() == ["SEK", None]
    assert read_currency("kr") is None


@pytest.mark.parametrize(
    ("text", "gtin", "flag"),
    [
        ("4006381333931", "4006381333931", None),
        (" 4006381-333931 ", "4006381333931", None),
        ("036000291452", "036000291452", None),
        ("96385074", "96385074", None),
        ("10012345678902", "10012345678902", None),
        ("4006381333930", None, "gtin_invalid"),
        ("123", None, "gtin_invalid"),
        ("0000000000000", None, "gtin_invalid"),
        ("123456789012345678", None, "gtin_invalid"),
        ("4.00638E+12", None, "gtin_scientific"),
        ("2012345678903", None, "internal_gtin"),
        ("\u0664006381333931", None, "gtin_invalid"),
    ],
)
def test_gtins(text: str, gtin: str | None, flag: str | None) -> None:
    assert read_gtin(text) == (gtin, flag)


@given(st.from_regex(r"[1-9][0-9]{11}", fullmatch=True), st.integers(0, 11), st.integers(1, 9))
@settings(max_examples=100, deadline=None)
def test_one_wrong_digit_of_a_gtin_is_always_seen(body: str, place: int, shift: int) -> None:
    valid = next(body + digit for digit in "0123456789" if read_gtin(body + digit)[1] != "gtin_invalid")
    wrong = valid[:place] + str((int(valid[place]) + shift) % 10) + valid[place + 1 :]
    assert read_gtin(wrong)[1] == "gtin_invalid"


def test_gtins_and_variant_parents_name_the_product() -> None:
    found = canonical(
        {"gtin": "036000291452"},
        {"gtin": "0036000291452"},
        {"gtin": "123", "item_id": "2"},
        {"product_id": "P", "gtin": "123"},
    ).items
    assert found["product_id"].to_list() == ["gtin:00036000291452", "gtin:00036000291452", None, "acme:P"]
    assert found["flags"].to_list() == [[], [], ["gtin_invalid"], ["gtin_invalid"]]


def test_ids_stay_text() -> None:
    found = canonical(
        {"item_id": " 007 "},
        {"item_id": '="0012"'},
        {"item_id": "1E5"},
        {"item_id": "123456789012345678901"},
        {"item_id": "1E5X"},
    ).items
    assert found["item_id"].to_list() == ["007", "0012", "1E5", "123456789012345678901", "1E5X"]
    assert found["flags"].to_list() == [[], [], ["id_scientific"], [], []]


def test_rows_that_cannot_be_items() -> None:
    found = canonical(
        {"item_id": " "},
        {"item_id": None, "title": None},
        {"title": " "},
        {"title": None, "image": "a.jpg"},
        {"item_id": "x" * 201},
        {"item_id": '=""'},
    )
    assert found.rejects.select("line", "rule").rows() == [
        (2, "missing_item_id"),
        (3, "missing_item_id"),
        (4, "nothing_to_classify"),
        (6, "bad_item_id"),
        (7, "missing_item_id"),
    ]
    assert found.items["line"].to_list() == [5]
    Reject.validate(found.rejects)
    Item.validate(found.items, cast=True)


def test_attributes_are_json_ordered_by_name() -> None:
    first = one(**{"attributes.Size": " 5 ", "attributes.Colour": "<b>red</b>", "attributes.Empty": " "})
    second = one(**{"attributes.Empty": None, "attributes.Colour": "red", "attributes.Size": "5"})
    assert first["attributes"] == '{"Colour": "red", "Size": "5"}'
    assert first["input_hash"] == second["input_hash"]
    assert one(**{"attributes.Size": ""})["attributes"] is None


BASE = {
    "title": "Lamp",
    "description": "Warm",
    "brand": "Lumo",
    "vendor_category": "Light",
    "price": "5",
    "gtin": "96385074",
}


@pytest.mark.parametrize("changed", ["title", "description", "brand", "vendor_category", "attributes.x"])
def test_content_changes_both_hashes(changed: str) -> None:
    before, after = one(**BASE), one(**{**BASE, changed: "else"})
    assert before["input_hash"] != after["input_hash"]
    assert before["row_hash"] != after["row_hash"]


@pytest.mark.parametrize(
    "changed", [{"price": "6"}, {"currency": "EUR"}, {"gtin": ""}, {"product_id": "P"}, {"image": "x"}]
)
def test_facts_change_the_row_hash_only(changed: dict[str, str]) -> None:
    before, after = one(**BASE), one(**{**BASE, **changed})
    assert before["input_hash"] == after["input_hash"]
    assert before["row_hash"] != after["row_hash"]


def test_form_changes_no_hash() -> None:
    same = {"title": " Lamp\n", "description": "<p>Warm</p>", "price": "5.00", "gtin": "9638 5074"}
    before, after = one(**BASE), one(**{**BASE, **same, "gtin": "96385074"})
    assert (before["input_hash"], before["row_hash"]) == (after["input_hash"], after["row_hash"])


def test_neighbouring_columns_never_read_alike() -> None:
    texts = [
        ("ab", "c", None),
        ("a", "bc", None),
        ("abc", None, None),
        ("abc", "-", None),
        ("ab", None, "c"),
        ("1:a", "b", None),
    ]
    rows = [{"title": "t", "description": a, "brand": b, "vendor_category": c} for a, b, c in texts]
    assert canonical(*rows).items["input_hash"].n_unique() == len(texts)


def test_a_poison_row_stops_no_other() -> None:
    def work(rows: pl.DataFrame) -> Canonical:
        if (rows["item_id"] == "poison").any():
            raise RuntimeError("boom")
        return Canonical(rows, pl.DataFrame())

    frame = batch(*({"item_id": "poison" if n in (3, 11) else str(n)} for n in range(20))).rows
    good, bad = bisected(frame.with_columns(vendor=pl.lit("acme")), work)
    assert [line for part in good for line in part.items["line"]] == [n for n in range(2, 22) if n not in (5, 13)]
    rejects = pl.concat(bad)
    assert rejects.select("line", "rule", "detail").rows() == [
        (5, "unexpected_error", "RuntimeError: boom"),
        (13, "unexpected_error", "RuntimeError: boom"),
    ]


def test_what_a_person_must_fix_is_no_poison() -> None:
    def work(_rows: pl.DataFrame) -> Canonical:
        raise CatalogError("disk full", remedy="Make room.")

    with pytest.raises(CatalogError, match="disk full"):
        bisected(batch({}, {}).rows, work)


def test_a_fault_in_every_row_costs_no_more_than_some_rows() -> None:
    frame = batch(*({"item_id": str(number)} for number in range(5_000))).rows.with_columns(vendor=pl.lit("acme"))
    tried: list[int] = []

    def work(rows: pl.DataFrame) -> Canonical:
        tried.append(rows.height)
        raise RuntimeError("boom")

    good, bad = bisected(frame, work)
    assert good == []
    assert sorted(pl.concat(bad)["line"]) == frame["line"].to_list()
    assert len(tried) < 10 * MOST_UNEXPECTED


def test_rejects_of_the_reader_come_through(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("item_id,title\n1,a\n2\n,b\n3,c,d\n")
    mapping = Mapping(format="csv")
    found = [canonicalize(raw, "acme", mapping, Pictures(tmp_path)) for raw in read_rows(path, mapping, Feeds())]
    rejects = pl.concat([part.rejects for part in found]).sort("line")
    assert rejects.select("line", "rule").rows() == [(3, "ragged"), (4, "missing_item_id"), (5, "ragged")]
    assert rejects["raw"].to_list() == ["2\n", ",b\n", "3,c,d\n"]
    assert [name for part in found for name in part.items["item_id"]] == ["1"]
