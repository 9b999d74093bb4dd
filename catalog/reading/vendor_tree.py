"""The category tree a vendor sends inside its own file: ids become paths."""

from lxml import etree

from catalog.errors import FeedRefused
from catalog.reading.cells import Cell
from catalog.reading.columns import Categories
from catalog.reading.xml_paths import local, parse_path

MAX_ENTRIES = 2_000_000  # categories, or links between items and categories
MAX_DEPTH = 50
SEPARATOR = " > "


class VendorTree:
    """Names and parents by id, and which item is linked to which categories."""

    def __init__(self, given: Categories) -> None:
        self._given = given
        self.sources = given.record + (given.links.record if given.links else [])
        self._link_names = {parse_path(path).steps[-1].name for path in given.links.record} if given.links else set()
        self._nodes: dict[str, tuple[str, str]] = {}
        self._links: dict[str, list[str]] = {}

    def add(self, element: etree._Element) -> None:
        """Takes a category or a link. Raises FeedRefused when there are more than memory should hold."""
        if local(element) not in self._link_names:
            name = _first(element, self._given.name)
            key = _first(element, self._given.id)
            if key and name:
                self._nodes.setdefault(key, (name, _first(element, self._given.parent)))
        elif links := self._given.links:
            item, category = _first(element, links.item), _first(element, links.category)
            if item and category:
                self._links.setdefault(item, []).append(category)
        if len(self._nodes) + len(self._links) > MAX_ENTRIES:
            raise FeedRefused(
                "too_many_categories",
                f"The file has more than {MAX_ENTRIES:,} categories and links to them.",
                remedy="Ask the vendor to send the catalogue in several files.",
            )

    def path(self, key: str) -> str:
        """The names from the root down, joined; the id itself when the file does not define it."""
        names: list[str] = []
        seen: set[str] = set()
        while key in self._nodes and key not in seen and len(names) < MAX_DEPTH:
            seen.add(key)
            name, key = self._nodes[key]
            names.append(" ".join(name.split()))
        return SEPARATOR.join(reversed(names)) or key

    def paths(self, cell: Cell) -> Cell:
        """A cell with its ids replaced. Of several ids only those count that the file defines, if it defines any."""
        if isinstance(cell, str):
            return self.path(cell)
        if not isinstance(cell, list):
            return cell
        known = [key for key in cell if key in self._nodes]
        return [self.path(key) for key in known or cell]

    def linked(self, item: Cell) -> Cell:
        """The paths of the categories an item is linked to."""
        found = self._links.get(item, []) if isinstance(item, str) else []
        return [self.path(key) for key in found] or None


def _first(element: etree._Element, paths: list[str]) -> str:
    found = (value for path in map(parse_path, paths) for value in path.values(path.elements(element)))
    return next(found, "")
