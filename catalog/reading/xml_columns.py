"""How one record of an XML file becomes the cells of a row. Most columns are plain children and attributes, which one
walk over the children finds; the others follow their paths."""

from collections.abc import Callable
from typing import Any, NamedTuple

from lxml import etree

from catalog.reading.cells import Cell
from catalog.reading.columns import EVERY, Pairs
from catalog.reading.mapping import Mapping
from catalog.reading.xml_paths import XmlPath, attribute, content, follow, local, parse_path

MAX_TAGS = 10_000  # names of elements remembered; a hostile file has as many as it likes
Children = dict[str, list[etree._Element]]


class _Wanted(NamedTuple):
    """What a child of one name is wanted for. texts: places of its text, each with the prefix it must be written with,
    empty for any. kept: its name when other columns look into it, else empty. alone: the place when there is one text,
    with any prefix, and nothing else."""

    texts: tuple[tuple[int, str], ...]
    kept: str
    alone: int | None


class XmlColumns:
    """The cells of records, in the order of a mapping's names."""

    def __init__(self, mapping: Mapping) -> None:
        paths = {name: parse_path(name) for name in mapping.names}
        each = {part.each: part for part in mapping.pairs}
        self._width = len(paths)
        self._asked = paths.keys()
        self._every = EVERY in paths
        self._taken = {path.steps[0].name for path in paths.values() if path.steps}
        self._attributes: list[tuple[int, str]] = []
        self._texts: dict[str, list[tuple[int, str]]] = {}
        self._others: list[tuple[int, Callable[[etree._Element, Children], Cell]]] = []
        self._below: set[str] = set()
        self._tags: dict[Any, _Wanted] = {}
        for place, (name, path) in enumerate(paths.items()):
            self._plan(place, name, path, each.get(name))

    def _plan(self, place: int, name: str, path: XmlPath, part: Pairs | None) -> None:
        """Decides how a column is read."""
        if name == EVERY:
            self._others.append((place, self._unasked))
        elif part is None and not path.steps and path.attribute:
            self._attributes.append((place, path.attribute))
        elif part is None and len(path.steps) == 1 and path.steps[0].plain and not path.attribute:
            self._texts.setdefault(path.steps[0].name, []).append((place, path.steps[0].prefix))
        else:
            self._below |= {step.name for step in path.steps[:1]}
            read = _Paired(part).pairs if part else path.cell
            if len(path.steps) == 1 and path.steps[0].plain and not path.steps[0].prefix:
                name = path.steps[0].name
                self._others.append((place, lambda record, children: read(children.get(name, []))))
            else:
                self._others.append((place, lambda record, children: read(_found(path, record, children))))

    def cells(self, record: etree._Element) -> list[Cell]:
        """The cells of a record."""
        cells: list[Any] = [None] * self._width
        for place, name in self._attributes:
            cells[place] = attribute(record, name)
        children: Children = {}
        tags = self._tags
        for child in record:
            texts, kept, alone = tags.get(child.tag) or self._learn(child)
            if alone is not None and cells[alone] is None and not len(child):
                if text := child.text:
                    cells[alone] = text.strip() or None
            else:
                if texts:
                    _put(cells, texts, child)
                if kept:
                    children.setdefault(kept, []).append(child)
        for place, read in self._others:
            cells[place] = read(record, children)
        return cells

    def _learn(self, child: etree._Element) -> _Wanted:
        """What children of this one's tag are wanted for; comments and the like for nothing."""
        name = local(child)
        kept = name in self._below or (self._every and name not in self._taken)
        texts = tuple(self._texts.get(name, ()))
        alone = texts[0][0] if len(texts) == 1 and not texts[0][1] and not kept else None
        wanted = _Wanted(texts, name if kept else "", alone)
        if len(self._tags) < MAX_TAGS:
            self._tags[child.tag] = wanted
        return wanted

    def _unasked(self, record: etree._Element, children: Children) -> dict[str, str]:
        """What no other column asks for: attributes, and the innermost elements under their paths."""
        found = {f"@{key.rpartition('}')[2]}": value for key, value in record.items() if f"@{key}" not in self._asked}
        for name, several in children.items():
            if name not in self._taken:
                for element in several:
                    _add_leaves(found, name, element)
        return {name: text for name, text in found.items() if text}


def _put(cells: list[Any], places: tuple[tuple[int, str], ...], child: etree._Element) -> None:
    """Adds a child's text to the cells at these places, if it has the prefix. A cell is a list from the second text on."""
    text = content(child) if len(child) else (child.text or "").strip()
    for place, prefix in places if text else ():
        if not prefix or child.prefix == prefix:
            here = cells[place]
            if here is None:
                cells[place] = text
            elif isinstance(here, str):
                cells[place] = [here, text]
            else:
                here.append(text)


def _found(path: XmlPath, record: etree._Element, children: Children) -> list[etree._Element]:
    """What the path leads to. Its first step is looked up among the children."""
    if not path.steps:
        return [record]
    first, rest = path.steps[0], path.steps[1:]
    if first.name == "*":
        return path.elements(record)
    found = children.get(first.name, [])
    if first.prefix or first.tests:
        found = [child for child in found if first.passes(child)]
    return follow(found, rest) if rest else found


def _add_leaves(found: dict[str, str], path: str, element: etree._Element) -> None:
    inner = list(element.iterchildren("*")) if len(element) else []
    for child in inner:
        _add_leaves(found, f"{path}/{local(child)}", child)
    text = None if inner else content(element)
    if text:
        found[path] = f"{found[path]}, {text}" if path in found else text


class _Paired:
    """Named texts out of repeated elements."""

    def __init__(self, part: Pairs) -> None:
        self._read_name = _reader(parse_path(part.name))
        self._read_value = _reader(parse_path(part.value), all_of_them=True)
        self._read_unit = _reader(parse_path(part.unit)) if part.unit else None
        self._without = part.without

    def pairs(self, found: list[etree._Element]) -> dict[str, str]:
        """Name -> value with its unit; several values of one name are joined."""
        pairs: dict[str, str] = {}
        read_name, read_value, read_unit, without = self._read_name, self._read_value, self._read_unit, self._without
        for element in found:
            key, text = read_name(element), read_value(element)
            if key and text and text not in without:
                if read_unit and (measure := read_unit(element)):
                    text = f"{text} {measure}"
                pairs[key] = f"{pairs[key]}, {text}" if key in pairs else text
        return pairs


def _reader(path: XmlPath, *, all_of_them: bool = False) -> Callable[[etree._Element], str | None]:
    """What a path says about an element. Most are its own text or attribute, which need no steps."""
    if not path.steps:
        return _attribute_of(path.attribute) if path.attribute else content
    return (lambda element: ", ".join(path.below(element))) if all_of_them else path.first


def _attribute_of(name: str) -> Callable[[etree._Element], str | None]:
    """What `attribute` says, for an attribute that is asked for again and again."""

    def read(element: etree._Element) -> str | None:
        value = element.get(name)
        return attribute(element, name) if value is None else value.strip()

    return read
