"""Rows of XML files: an element each, its columns by relative paths."""

from collections.abc import Generator
from pathlib import Path

from lxml import etree

from catalog.errors import FeedRefused
from catalog.reading.cells import Cell, Record, checked
from catalog.reading.columns import EVERY, Pairs
from catalog.reading.mapping import Mapping
from catalog.reading.vendor_tree import VendorTree
from catalog.reading.xml_elements import check_doctype, elements
from catalog.reading.xml_paths import XmlPath, content, local, parse_path


def xml_rows(path: Path, mapping: Mapping) -> Generator[Record, None, None]:
    """Every element that `record` names, numbered from 1.

    Raises FeedRefused when the file is not well-formed to its end, declares entities or an own document type, or has
    no such element while others repeat.
    """
    if not mapping.records[0]:
        raise FeedRefused(
            "no_record",
            "The mapping does not say which element of the XML file is a product.",
            remedy='Write for instance `record = "offer"` into the mapping, or a `preset` (google, yml, heureka, bmecat).',
        )
    check_doctype(path, mapping.said_encoding)
    tree = _tree(path, mapping)
    columns = _Columns(mapping, tree)
    line, dropped = 0, tree.sources if tree else []
    for line, element in enumerate(elements(path, mapping.said_encoding, mapping.records, dropped=dropped), start=1):
        yield checked(line, columns.cells(element), None, "half of a surrogate pair")
    if not line:
        _require_none_repeats(path, mapping)


def _tree(path: Path, mapping: Mapping) -> VendorTree | None:
    """The vendor's categories, read in a pass of their own: they may stand behind the items."""
    given = mapping.categories
    if given is None:
        return None
    tree = VendorTree(given)
    for element in elements(path, mapping.said_encoding, tree.sources, dropped=mapping.records):
        tree.add(element)
    return tree


class _Columns:
    """How one record becomes the cells of a row."""

    def __init__(self, mapping: Mapping, tree: VendorTree | None) -> None:
        self._each = {part.each: part for part in mapping.pairs}
        self._paths = {name: parse_path(name) for name in mapping.names}
        self._ids = [mapping.names.index(name) for name in mapping.wanted.get("item_id", [])]
        self._categories = [mapping.names.index(name) for name in mapping.wanted.get("vendor_category", [])]
        self._tree = tree
        self._taken = {path.steps[0].name for name, path in self._paths.items() if path.steps}

    def cells(self, record: etree._Element) -> list[Cell]:
        """The cells of a record, in the order of the mapping's names."""
        children: dict[str, list[etree._Element]] = {}
        for child in record.iterchildren("*"):
            children.setdefault(local(child), []).append(child)
        cells = [self._cell(name, path, record, children) for name, path in self._paths.items()]
        if self._tree:
            self._in_tree(cells, self._tree)
        return cells

    def _cell(self, name: str, path: XmlPath, record: etree._Element, children: dict[str, list]) -> Cell:
        if name == EVERY:
            return self._others(record, children)
        found = self._found(path, record, children)
        if name in self._each:
            return _pairs(found, self._each[name])
        if len(found) == 1:
            return path.value(found[0])
        values = path.values(found)
        return values[0] if len(values) == 1 else values or None

    def _found(self, path: XmlPath, record: etree._Element, children: dict[str, list]) -> list[etree._Element]:
        """What the path leads to. Its first step is looked up among the children, which every column needs."""
        if not path.steps:
            return [record]
        first = path.steps[0]
        if first.name == "*":
            return path.elements(record)
        near = children.get(first.name, ())
        found = [child for child in near if first.passes(child)] if first.prefix or first.tests else list(near)
        if len(path.steps) == 1 or not found:
            return found
        rest = XmlPath(path.steps[1:], "")
        return [element for start in found for element in rest.elements(start)]

    def _others(self, record: etree._Element, children: dict[str, list]) -> dict[str, str]:
        found = {f"@{key.rpartition('}')[2]}": value for key, value in record.items() if f"@{key}" not in self._paths}
        for name, several in children.items():
            if name not in self._taken:
                for element in several:
                    _add_leaves(found, name, element)
        return {name: text for name, text in found.items() if text}

    def _in_tree(self, cells: list[Cell], tree: VendorTree) -> None:
        """Replaces ids of the vendor's categories by paths; with links, by the item's id."""
        for place in self._categories:
            cells[place] = tree.paths(cells[place])
        if self._categories and not any(cells[place] for place in self._categories):
            for place in self._ids:
                cells[self._categories[0]] = cells[self._categories[0]] or tree.linked(cells[place])


def _add_leaves(found: dict[str, str], path: str, element: etree._Element) -> None:
    inner = list(element.iterchildren("*"))
    for child in inner:
        _add_leaves(found, f"{path}/{local(child)}", child)
    text = None if inner else content(element)
    if text:
        found[path] = f"{found[path]}, {text}" if path in found else text


def _pairs(found: list[etree._Element], part: Pairs) -> dict[str, str]:
    """Named texts out of repeated elements; several values of one name are joined."""
    pairs: dict[str, str] = {}
    name, value, unit = parse_path(part.name), parse_path(part.value), parse_path(part.unit or "@")
    for element in found:
        key = next(iter(name.values(name.elements(element))), None)
        text = ", ".join(value.values(value.elements(element)))
        if key and text and text not in part.without:
            measure = next(iter(unit.values(unit.elements(element))), None) if part.unit else None
            shown = f"{text} {measure}" if measure else text
            pairs[key] = f"{pairs[key]}, {shown}" if key in pairs else shown
    return pairs


def _require_none_repeats(path: Path, mapping: Mapping) -> None:
    """Raises FeedRefused when the file has no record, but other elements that repeat: then `record` is wrong."""
    counts: dict[str, int] = {}
    for element in elements(path, mapping.said_encoding, ["*"]):
        name = local(element)
        if next(element.iterchildren("*"), None) is not None and (name in counts or len(counts) < 1_000):
            counts[name] = counts.get(name, 0) + 1
    several = sorted((name for name in counts if counts[name] > 1), key=lambda name: -counts[name])
    if several:
        shown = ", ".join(f"{name} ({counts[name]:,} times)" for name in several[:5])
        raise FeedRefused(
            "no_record",
            f"The XML file has no element {' or '.join(mapping.records)}. Elements that repeat: {shown}.",
            remedy=f'Correct `record` in the mapping, for instance `record = "{several[0]}"`.',
        )
