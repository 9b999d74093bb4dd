"""Hierarchies written as trees: JSON and XML whose categories nest, or list each category with its parent's id."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lxml import etree

from catalog.errors import CatalogError
from catalog.taxonomies.taxonomy_nodes import Node

_KEY = ("code", "category_id", "id", "gid")
_NAME = ("title", "name", "text", "label")
_NOTE = ("scope_note", "definition", "description")
_PARENT = ("parent_id", "parentid", "parent")
_BELOW = (
    "schema",
    "verticals",
    "segments",
    "families",
    "classes",
    "bricks",
    "categories",
    "children",
    "childs",
    "nodes",
)
_DEEPEST = 4  # a level number beyond it names attributes of a brick and their values, not categories
_TAGS = ("segment", "family", "class", "brick", "category", "node")


def json_nodes(text: str, file: Path) -> list[Node]:
    """The nodes of a JSON file; `line` is the running number of the category, for JSON has no lines worth naming.

    Raises CatalogError when the text is no JSON.
    """
    try:
        found = list(_walk(json.loads(text), ""))
    except (ValueError, RecursionError) as error:
        raise CatalogError(
            f"{file} is not a JSON file that can be read: {error}.", remedy="Get the file again."
        ) from error
    return [Node(number, *facts) for number, facts in enumerate(found, start=1)]


def _walk(value: Any, parent: str) -> Iterator[tuple[str, str, str, str]]:
    """Key, parent, name and note of every category in and below a value."""
    if isinstance(value, list):
        for entry in value:
            yield from _walk(entry, parent)
    if not isinstance(value, dict):
        return
    entry = {str(key).casefold(): content for key, content in value.items()}
    if _number(entry.get("level")) > _DEEPEST and "code" in entry:
        return
    key, name = _first(entry, _KEY), _first(entry, _NAME)
    listed = any(column in entry for column in _PARENT)
    if key and name:
        yield key, _first(entry, _PARENT) if listed else parent, name, _first(entry, _NOTE)
    for below in _BELOW:
        # A category listed with its parent's id repeats its children as mere references.
        if not (listed and key) and below in entry:
            yield from _walk(entry[below], key if key and name else parent)


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _first(entry: dict[str, Any], names: Iterable[str]) -> str:
    """The first of these that is a text or a number, as a text with single spaces."""
    found = (entry[name] for name in names if isinstance(entry.get(name), str | int))
    return next((text for value in found if (text := " ".join(str(value).split()))), "")


def xml_nodes(text: str, file: Path) -> list[Node]:
    """The categories of an XML file: elements with a code and a text that stand in one another.

    Raises CatalogError when it is not well-formed or brings a DTD: nothing outside the file is ever read.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    if "<!DOCTYPE" in text[:10_000] or "<!ENTITY" in text:
        raise CatalogError(f"{file} brings a document type of its own.", remedy="Remove its DOCTYPE and entities.")
    try:
        root = etree.fromstring(text.encode(), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise CatalogError(f"{file} is not well-formed XML: {error}.", remedy="Get the file again.") from error
    return list(_elements(root))


def _elements(root: Any) -> Iterator[Node]:
    for element in root.iter(tag=etree.Element):
        if etree.QName(element).localname in _TAGS and element.get("code"):
            above = next((up for up in element.iterancestors() if up.get("code")), None)
            parent = "" if above is None else str(above.get("code"))
            name = " ".join(str(element.get("text") or element.get("title") or element.get("name") or "").split())
            yield Node(
                int(element.sourceline or 0),
                str(element.get("code")),
                parent,
                name,
                str(element.get("definition") or ""),
            )
