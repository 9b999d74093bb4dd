"""Forms proposed for feeds of real shops, where they are at hand, judged against what a person says of each file."""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from catalog.deliveries.vendor_check import check
from catalog.errors import FeedRefused
from catalog.proposals.proposal import propose
from catalog.reading.mapping import Mapping, load_mapping
from catalog.settings import Settings

DATA = Path(os.environ.get("FEEDSHELF_REAL_DATA", Path(__file__).parents[2] / "shared"))
FOLDER = DATA / "feeds"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no real feeds at {FOLDER} (set FEEDSHELF_REAL_DATA)")


@dataclass(frozen=True)
class Right:
    """What a person who has looked at the file would write: their columns for the id and for the title."""

    name: str
    item_id: str
    title: str
    preset: str = ""


RIGHT = [
    Right("amazon_2020_sample.csv", "Uniq Id", "Product Name"),
    # Without rows the names must do, and the form says so.
    Right("bad_empty_catalog.csv", "product_id", "name"),
    Right("bad_missing_fields.csv", "product_id", "name"),
    Right("bmecat12_catalog.xml", "SUPPLIER_AID", "ARTICLE_DETAILS/DESCRIPTION_SHORT", "bmecat"),
    Right("buscape_offers_ptBR.tsv", "ID", "TITLE"),
    Right("google_merchant_sooq_alkuwait_ar.xml", "g:id", "g:title", "google"),
    Right("heureka_pavlu.xml", "ITEM_ID", "PRODUCTNAME", "heureka"),
    Right("magento_catalog_product_johnybk08.csv", "sku", "name", "magento2"),
    # The file has many days of the same products: an id repeats, and is the id all the same.
    Right("mercadona_tilde_dup_header.csv", "product_code", "product"),
    Right("prestashop14_products_import.csv", "id", "Name*"),
    # Every item code occurs twice, once for each of two price lists; only the identifier is one item's.
    Right("promua_secur_import_products.csv", "Ідентифікатор_товару", "Назва_позиції"),
    Right("rozetka_pricelist.xlsx", "Код_товара", "Название_позиции"),
    Right("rozetka_pricelist_yml.xml", "@id", "name", "yml"),
    Right("semicolon_catalog_10k.csv", "product_id", "name"),
    Right("shopify_apparel_template.csv", "Handle", "Title", "shopify"),
    Right("shopify_export_ronne2406.csv", "Handle", "Title", "shopify"),
    Right("woocommerce_vinoteka_sr.csv", "SKU", "Name", "woocommerce"),
    Right("yml_akcent_windows1251.xml", "@id", "name", "yml"),
    Right("yml_comportal.xml", "@id", "name", "yml"),
    Right("yml_islandgift_bom_crlf.xml", "@id", "name", "yml"),
]
# Files for which "I do not know" or a refusal is the right answer, and why.
NO_ANSWER = {
    "mercadona_mojibake.csv": "two columns count the rows; name and size repeat for different products",
    "mercadona_multiline_cells.csv": "the only unique column, without a name, counts the rows; name and size repeat",
}
REFUSED = {"heureka_pavlu_js_wrapped_BAD": "XML inside a JavaScript module: no reader would take it"}
# No column of ids either, but the name is unique in every row: proposed, and marked as unsure.
UNSURE = {"cp1251_korobki_supplier_attribute.csv": ("supplier_name", "supplier_name")}


def test_every_file_is_judged() -> None:
    named = {right.name for right in RIGHT} | NO_ANSWER.keys() | REFUSED.keys() | UNSURE.keys()
    assert {path.name for path in FOLDER.iterdir() if path.is_file()} == named
    assert len(named) == 24


@pytest.mark.parametrize("right", RIGHT, ids=lambda right: right.name)
def test_the_proposal_alone_is_right(right: Right, tmp_path: Path) -> None:
    path = FOLDER / right.name
    found = propose(path, "real")
    form = tmp_path / "real.toml"
    form.write_text(found.text, encoding="utf-8")
    mapping = load_mapping(form, path)
    assert not found.unknown
    assert right.item_id in mapping.wanted["item_id"] and right.title in mapping.wanted["title"]
    assert mapping.preset == right.preset
    if not right.preset:
        assert (mapping.wanted["item_id"], mapping.wanted["title"]) == ([right.item_id], [right.title])


@pytest.mark.parametrize("right", [r for r in RIGHT if r.name != "bad_empty_catalog.csv"], ids=lambda right: right.name)
def test_the_file_is_accepted_under_the_form_as_it_is(right: Right) -> None:
    found = propose(FOLDER / right.name, "real")
    checked = check(FOLDER / right.name, "real", Mapping.model_validate(found.values), Settings())
    assert checked.accepted
    if right.name != "mercadona_tilde_dup_header.csv":  # its repeated rows differ by their prices
        assert checked.quarantined <= 0.25 * checked.rows


@pytest.mark.parametrize("name", NO_ANSWER)
def test_it_says_that_it_does_not_know(name: str) -> None:
    found = propose(FOLDER / name, "real")
    assert "item_id" not in found.choice.chosen
    assert "article number" in found.unknown[0]
    assert "# item_id" in found.text and "item_id" not in tomllib.loads(found.text)["columns"]
    assert found.choice.chosen["title"].theirs == ["nombre_prod"]


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_feed_is_refused_with_what_it_looks_like(name: str) -> None:
    with pytest.raises(FeedRefused, match=r"program code.*line 4") as caught:
        propose(FOLDER / name, "real")
    assert caught.value.remedy


@pytest.mark.parametrize(("name", "columns"), UNSURE.items())
def test_a_name_as_key_is_marked_unsure(name: str, columns: tuple[str, str]) -> None:
    found = propose(FOLDER / name, "real")
    chosen = found.choice.chosen
    assert (chosen["item_id"].theirs, chosen["title"].theirs) == ([columns[0]], [columns[1]])
    assert "no column of ids" in chosen["item_id"].unsure
    assert Mapping.model_validate(found.values).encoding == "cp1251"


@pytest.mark.parametrize("name", ["bigbasket", "fashion44k", "mwpd_gpc"])
def test_a_file_with_our_names_keeps_its_labels_out_of_the_input(name: str) -> None:
    path = DATA / "data" / name / "items.csv"
    if not path.exists():
        pytest.skip(f"no {path}")
    chosen = propose(path, "real").choice.chosen
    assert (chosen["item_id"].theirs, chosen["title"].theirs) == (["item_id"], ["title"])
    assert "category_path" not in {name for one in chosen.values() for name in one.theirs}
