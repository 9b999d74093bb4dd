"""Which preset a file's structure is one's, told by names that only this export has together; and what it reads."""

from typing import Any

from catalog.proposals.choice import Choice, Chosen
from catalog.proposals.headers import words
from catalog.proposals.sample import Sample
from catalog.reading.mapping import Mapping

# preset -> columns that must all be there, in any order; several lines are alternatives.
_HEADERS: dict[str, list[list[str]]] = {
    "shopify": [
        ["Handle", "Title", "Vendor", "Option1 Name", "Option1 Value"],
        ["URL handle", "Title", "Vendor", "Option1 name", "Option1 value"],
    ],
    "woocommerce": [
        ["Type", "SKU", "Name", "Published", "Regular price"],
        ["ID", "Type", "SKU", "Name", "Published"],
        ["Type", "SKU", "Name", "Catalog visibility"],
        ["Typ", "Artikelnummer", "Name", "Veröffentlicht"],
        ["Type", "UGS", "Nom", "Publié"],
        ["Tipo", "SKU", "Nombre", "Publicado"],
        ["Tipo", "COD", "Nome", "Pubblicato"],
        ["Tipo", "SKU", "Nome", "Pubblicato"],
        ["Type", "SKU", "Naam", "Gepubliceerd"],
        ["Type", "Artikelnummer", "Naam", "Gepubliceerd"],
        ["Typ", "SKU", "Nazwa", "Opublikowano"],
    ],
    "magento2": [
        ["sku", "attribute_set_code", "product_type", "product_websites"],
        ["sku", "store_view_code", "product_type"],
    ],
    "google": [
        ["id", "title", "description", "link", "image_link"],
        ["id", "title", "description", "link", "image link"],
        ["id", "title", "link", "image_link", "availability"],
    ],
}
# preset -> names that the records of its JSON must all have
_KEYS = {"shopifyjson": ("handle", "title", "body_html", "vendor", "product_type", "variants.0.price")}
# preset -> (root, record) of its XML, without namespaces
_ELEMENTS = {
    "yml": (("yml_catalog",), ("offer",)),
    "google": (("rss", "feed"), ("item", "entry")),
    "heureka": (("SHOP",), ("SHOPITEM",)),
    "bmecat": (("BMECAT",), ("ARTICLE", "PRODUCT")),
}


def preset_of_table(header: list[str]) -> str:
    """The preset whose columns the header has; empty when none."""
    have = {"".join(words(name)) for name in header}
    for preset, alternatives in _HEADERS.items():
        if any(all("".join(words(name)) in have for name in names) for names in alternatives):
            return preset
    return ""


def preset_of_json(names: list[str]) -> str:
    """The preset whose names the records of a JSON file have; empty when none."""
    return next((preset for preset, keys in _KEYS.items() if set(keys) <= set(names)), "")


def preset_of_xml(root: str, record: str, names: list[str]) -> str:
    """The preset whose root and record an XML file has; empty when none. RSS is Google's only with its item ids."""
    for preset, (roots, records) in _ELEMENTS.items():
        if root in roots and record in records:
            return "" if preset == "google" and "id" not in map(_bare, names) else preset
    return ""


# Ours that a preset may not read, where the file has them all the same.
_ADDED = ("brand", "gtin", "currency", "availability", "description", "price")


def leave_to_preset(choice: Choice, sample: Sample, form: dict[str, Any]) -> bool:
    """Replaces what was chosen by what the preset of a form reads from the file; False when the file lacks its id."""
    header = {_plain(column.header): column.header for column in sample.columns}
    if form["format"] == "xml":  # a preset's name without a prefix stands for any
        header = {_bare(name): theirs for name, theirs in header.items()} | header
    mapping = Mapping.model_validate(form)

    def there(names: list[str]) -> list[str]:
        found = (header.get(_plain(name)) or header.get(_plain(_first_of(name))) for name in names)
        return list(dict.fromkeys(filter(None, found)))

    found = {"images" if ours == "image" else ours: there(names) for ours, names in mapping.wanted.items()}
    found["title"] = found.get("title") or there(mapping.instead)
    if not found.get("item_id"):
        return False
    read = {ours: Chosen(ours, names, _seen(sample, names), preset=True) for ours, names in found.items() if names}
    added = {ours: one for ours, one in choice.chosen.items() if ours not in read and ours in _ADDED}
    choice.chosen = {**read, **added}
    choice.left = [(name, why) for name, why in choice.left if name not in choice.taken()]
    return True


def _first_of(name: str) -> str:
    """A path of JSON to every entry of a list, as the sample has it: to the first, and of several keys the first."""
    return name.replace(".*.", ".0.").partition("+")[0]


def _bare(name: str) -> str:
    """A path of XML without prefixes."""
    return "/".join(step.rpartition(":")[2] for step in name.split("/"))


def _plain(name: str) -> str:
    return " ".join(name.casefold().replace("_", " ").split())


def _seen(sample: Sample, names: list[str]) -> str:
    columns = [column for name in names if (column := sample.column(name))]
    first = max(columns, key=lambda column: column.fill)
    return f"by the preset; {first.distinct:,} different in {len(first.filled):,} filled of {len(first.cells):,} rows"
