"""The category tree a vendor sends inside its own file: ids become paths."""

from collections.abc import Callable, Iterable
from typing import Any

from lxml import etree

from catalog.errors import FeedRefused
from catalog.reading.cells import Cell
from catalog.reading.columns import Categories
from catalog.reading.xml_paths import Choosing, XmlPath, local, parse_path

MAX_ENTRIES = 2_000_000  # categories, or links between items and categories
MAX_DEPTH = 50
MAX_KEPT, SHORT = 10_000, 1_000  # paths, and characters of each, that need not be put together again
SEPARATOR = " > "


class VendorTree:
    """Names and parents by id, and which item is linked to which categories.

    What the file has said so far is enough for an item whose ids and their parents it has defined: the first entry of
    an id counts. At the first id it has not, and for links, `everything` gives all entries of the file from the
    elements of these paths. items, categories: places of an item's id and of its categories in a row. chosen: which of several
    elements count, where a name comes in several languages.
    """

    def __init__(
        self,
        given: Categories,
        everything: Callable[[list[str]], Iterable[etree._Element]],
        *,
        items: list[int],
        categories: list[int],
        chosen: Choosing | None = None,
    ) -> None:
        self._chosen = chosen
        self._links_given = given.links
        self.sources = given.record + (given.links.record if given.links else [])
        self._link_names = {parse_path(path).steps[-1].name for path in given.links.record} if given.links else set()
        self._id, self._name, self._parent = (
            [parse_path(path) for path in paths] for paths in (given.id, given.name, given.parent)
        )
        self._everything = everything
        self._items, self.categories = items, categories
        self._whole = False
        self._nodes: dict[str, tuple[str, str]] = {}
        self._links: dict[str, list[str]] = {}
        self._paths: dict[str, str] = {}

    def add(self, element: etree._Element) -> None:
        """Takes a category or a link met on the way. Raises FeedRefused when there are more than memory should hold."""
        if not self._whole:
            self._take(element)

    def fill(self, cells: list[Any]) -> None:
        """Replaces ids of categories in a row by paths; with links, by the item's id."""
        for place in self.categories:
            cell = cells[place]
            if cell is not None:
                cells[place] = self.placed(cell)
        if self._links_given and self.categories and not any(cells[place] for place in self.categories):
            for place in self._items:
                cells[self.categories[0]] = cells[self.categories[0]] or self._linked(cells[place])

    def placed(self, cell: Cell) -> Cell:
        """A cell of ids as paths."""
        return (self._paths.get(cell) or self._path(cell)) if isinstance(cell, str) else self._several(cell)

    def _take(self, element: etree._Element) -> None:
        if local(element) not in self._link_names:
            key, name = _first(element, self._id), _first(element, self._name, self._chosen)
            if key and name:
                self._nodes.setdefault(key, (name, _first(element, self._parent)))
        elif links := self._links_given:
            item, category = (_first(element, [parse_path(p) for p in paths]) for paths in (links.item, links.category))
            if item and category:
                self._links.setdefault(item, []).append(category)
        if len(self._nodes) + len(self._links) > MAX_ENTRIES:
            raise FeedRefused(
                "too_many_categories",
                f"The file has more than {MAX_ENTRIES:,} categories and links to them.",
                remedy="Ask the vendor to send the catalogue in several files.",
            )

    def _complete(self) -> None:
        """Reads the entries of the whole file, once."""
        if not self._whole:
            self._whole = True
            self._nodes, self._links = {}, {}
            for element in self._everything(self.sources):
                self._take(element)

    def _several(self, cell: Cell) -> Cell:
        """A cell with its ids replaced. Of several ids only those count that the file defines, if it defines any."""
        if not isinstance(cell, list):
            return cell
        if not all(key in self._nodes for key in cell):
            self._complete()
        known = [key for key in cell if key in self._nodes]
        return [self._path(key) for key in known or cell]

    def _linked(self, item: Cell) -> Cell:
        """The paths of the categories an item is linked to."""
        if self._links_given is None or not isinstance(item, str):
            return None
        self._complete()
        return [self._path(key) for key in self._links.get(item, [])] or None

    def _path(self, key: str) -> str:
        """The names from the root down, joined; the id itself when the file does not define it."""
        path = self._paths.get(key)
        if path is None:
            names, root = self._upwards(key)
            if root and not self._whole:  # what is not defined yet may be defined behind the items
                self._complete()
                names, root = self._upwards(key)
            path = SEPARATOR.join(reversed(names)) or root
            if len(self._paths) < MAX_KEPT and len(key) + len(path) < SHORT:
                self._paths[key] = path
        return path

    def _upwards(self, key: str) -> tuple[list[str], str]:
        """Names from a category to its root, and the id at which they end; empty at a root."""
        names: list[str] = []
        seen: set[str] = set()
        while key in self._nodes and key not in seen and len(names) < MAX_DEPTH:
            seen.add(key)
            name, key = self._nodes[key]
            names.append(" ".join(name.split()))
        return names, key


def _first(element: etree._Element, paths: list[XmlPath], chosen: Choosing | None = None) -> str:
    return next((value for path in paths if (value := path.first(element, chosen))), "")
