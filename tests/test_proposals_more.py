"""Proposals for forms of feeds that read well and mean something else than they seem to: what is taken, and what is said."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from catalog.deliveries.vendor_check import check
from catalog.proposals.proposal import Proposal, propose
from catalog.reading.feeds import read_rows
from catalog.reading.mapping import Mapping
from catalog.settings import Feeds, Settings

WORDS = ("oak", "steel", "linen", "glass", "wool")
N = 25


def named(n: int) -> str:
    return f"{WORDS[n % 5].title()} chair model {n}"


def table(tmp_path: Path, header: list[str], row: Any) -> Proposal:
    """A CSV file of a header and what `row` gives for each number, looked at."""
    text = io.StringIO()
    csv.writer(text).writerows([header, *(row(n) for n in range(1, N + 1))])
    (tmp_path / "feed.csv").write_text(text.getvalue(), encoding="utf-8")
    return propose(tmp_path / "feed.csv", "acme")


def read(tmp_path: Path, found: Proposal, name: str = "feed.csv") -> dict[str, Any]:
    """The first row under the proposed form; all rows must be read."""
    mapping = Mapping.model_validate(found.values)
    checked = check(tmp_path / name, "acme", mapping, Settings())
    assert checked.counts["accepted"] == checked.rows > 1
    batch = next(read_rows(tmp_path / name, mapping, Feeds()))
    return batch.rows.to_dicts()[0]


def rules(found: Proposal) -> dict[str, Any]:
    return {entry.key: entry.value for entry in found.rules if not entry.off}


@pytest.mark.parametrize(
    ("path", "link", "base", "sure"),
    [
        ("a/{n}.jpg", "https://cdn.x.example/img/a/{n}.jpg", "https://cdn.x.example/img", True),
        ("/media/{n}.jpg,/media/{n}_2.jpg", "https://x.example/pub/media/{n}.jpg?w=90", "https://x.example/pub", True),
        ("/media/{n}.jpg", "https://x.example/p/{n}", "https://x.example", False),
        ("/a/b/{n}.jpg", "", ".", False),
        ("a/{n}.jpg", "https://x.example/p/{n}", None, True),  # below which folder, nobody can know: the feed's own
        ("https://x.example/{n}.jpg", "https://x.example/p/{n}", None, True),
    ],
)
def test_pictures_named_by_paths_get_the_base_that_the_file_tells(
    tmp_path: Path, path: str, link: str, base: str | None, sure: bool
) -> None:
    found = table(
        tmp_path, ["sku", "name", "image", "page"], lambda n: [f"A-{n}", named(n), path.format(n=n), link.format(n=n)]
    )
    assert rules(found).get("image_base") == base
    assert any(said.startswith("image_base") for said in found.unsure) == (not sure)


IN_TWO = [
    ({"en": "Chair", "de": "Stuhl"}, "en"),
    ({"de_DE": "Stuhl", "en_GB": "Chair"}, "de-de"),
    ([{"lang": "de", "value": "Stuhl"}, {"lang": "en", "value": "Chair"}], "de"),
]


@pytest.mark.parametrize("lines", [True, False])
@pytest.mark.parametrize(("title", "first"), IN_TWO)
def test_of_json_in_several_languages_one_counts_and_is_asked_for(
    tmp_path: Path, title: Any, first: str, lines: bool
) -> None:
    records = [{"sku": f"A-{n}", "title": title, "size": {"id": 7, "no": n}} for n in range(1, N)]
    whole = {"shop": {"locale": "de"}, "items": records}
    (tmp_path / "feed").write_text("\n".join(map(json.dumps, records)) if lines else json.dumps(whole))
    found = propose(tmp_path / "feed", "acme")
    assert found.values["columns"]["title"] == "title" and found.values["language"] == first
    assert any(said.startswith("language") for said in found.unsure)
    form = {**found.values, "columns": {**found.values["columns"], "attributes": ["size"]}}
    for said, expected in (
        ({}, ("Stuhl", "Chair") if first[:2] == "de" else ("Chair", "Stuhl")),
        ({"language": "EN"}, ("Chair", "Stuhl")),
    ):
        rows = next(read_rows(tmp_path / "feed", Mapping.model_validate({**form, **said}), Feeds())).rows.to_dicts()
        others = [text for name, text in rows[0].items() if name.startswith("attributes.title ") and text]
        assert (rows[0]["title"], *others) == expected
        assert rows[0]["attributes.size"] == '{"id": "7", "no": "1"}'  # codes of languages, and no languages
    if not lines:
        own = {**form, "language": "", "default_language": ["shop.locale"]}
        rows = next(read_rows(tmp_path / "feed", Mapping.model_validate(own), Feeds())).rows
        assert rows["title"][0] == "Stuhl"


def test_products_of_one_price_are_not_one_product(tmp_path: Path) -> None:
    """Titles that a spreadsheet shows once for merged cells: the price that their rows share is no id."""
    found = table(
        tmp_path,
        ["Product name", "SKU", "Price"],
        lambda n: [named(n) if n % 3 == 1 else "", f"A-{n}", f"{(n - 1) // 3 + 5}.50"],
    )
    assert found.values["columns"]["item_id"] == "SKU" and not found.fold


def test_words_that_are_codes_of_currencies_are_no_currency(tmp_path: Path) -> None:
    for word in ("Top", "ALL"):
        found = table(tmp_path, ["sku", "name", "set", "price"], lambda n, w=word: [f"A-{n}", named(n), w, f"{n}.90"])
        assert "currency" not in found.choice.chosen


@pytest.mark.parametrize(
    ("header", "currency"),
    [("RRP (GBP)", "GBP"), ("price-EUR", "EUR"), ("Preço (R$)", "BRL"), ("Price ($)", None), ("Price VAT", None)],
)
def test_a_header_that_names_the_currency_is_believed(tmp_path: Path, header: str, currency: str | None) -> None:
    found = table(tmp_path, ["sku", "name", header], lambda n: [f"A-{n}", named(n), f"{n}.90"])
    assert rules(found).get("currency") == currency


def test_what_is_not_read_is_said(tmp_path: Path) -> None:
    found = table(
        tmp_path,
        ["sku", "name", "Net", "UPC", "oddity"],
        lambda n: [f"A-{n}", named(n), f"{n}.50", f"4.0063{n:02}E+12", f"x{n}"],
    )
    assert "'Net' could be one" in found.text and "Not read" in found.text and "'oddity'" in found.text
    assert "Left out: 'UPC' is called a gtin, but a spreadsheet has cut its numbers" in found.text


@pytest.mark.parametrize(("between", "equals"), [("; ", ": "), ("|", "=")])
def test_names_and_values_in_one_cell_are_attributes(tmp_path: Path, between: str, equals: str) -> None:
    def cell(n: int) -> str:
        return between.join(f"{name}{equals}{value}" for name, value in (("Material", WORDS[n % 5]), ("Legs", n)))

    found = table(tmp_path, ["sku", "name", "specs"], lambda n: [f"A-{n}", named(n), cell(n)])
    row = read(tmp_path, found)
    assert {name: value.strip() for name, value in row.items() if name.startswith("attributes.")} == {
        "attributes.Material": "steel",
        "attributes.Legs": "1",
    }


def test_a_sign_inside_cells_that_parts_more_evenly_is_no_delimiter(tmp_path: Path) -> None:
    pictures = "||".join(f"https://x.example/{{n}}_{k}.jpg" for k in range(3))
    found = table(
        tmp_path, ["sku", "name", "images", "page"], lambda n: [f"A-{n}", named(n), pictures.format(n=n), "x"]
    )
    assert found.values["delimiter"] == ","
    assert len(read(tmp_path, found)["images"]) >= 1


def test_levels_side_by_side_are_one_category(tmp_path: Path) -> None:
    header = ["sku", "name", "Category 2", "Category 1", "Category 3"]
    found = table(tmp_path, header, lambda n: [f"A-{n}", named(n), WORDS[n % 3], "Home", WORDS[n % 4]])
    assert found.values["columns"]["vendor_category"] == ["Category 1", "Category 2", "Category 3"]


def test_a_list_of_levels_is_a_category_though_all_begin_alike(tmp_path: Path) -> None:
    records = [
        {
            "sku": f"A-{n}",
            "name": named(n),
            "path": {"category": ["Home", WORDS[n % 3]]},
            "variants": [{"sku": "x", "price": {"amount": n + 0.5}}],
        }
        for n in range(N)
    ]
    (tmp_path / "feed").write_text("\n".join(map(json.dumps, records)))
    found = propose(tmp_path / "feed", "acme")
    row = read(tmp_path, found, "feed")
    assert row["vendor_category"] == "Home | oak" and row["price"] == "0.5"
    assert "of the first variant" in found.choice.chosen["price"].why
