"""Which preset a file's structure is one's, told by names that only this export has together."""

from catalog.proposals.headers import words

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


def preset_of_xml(root: str, record: str, names: list[str]) -> str:
    """The preset whose root and record an XML file has; empty when none. RSS is Google's only with its item ids."""
    for preset, (roots, records) in _ELEMENTS.items():
        if root in roots and record in records:
            return "" if preset == "google" and not {"g:id", "id"} & set(names) else preset
    return ""
