"""How one record of an XML file becomes the cells of a row. Most columns are plain children and attributes, which one
walk over the children finds; the others follow their paths."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from lxml import etree

from catalog.reading.cells import Cell
from catalog.reading.columns import EVERY, Pairs
from catalog.reading.mapping import OTHER_LANGUAGES, TOLD, Mapping
from catalog.reading.xml_languages import Languages, spoken
from catalog.reading.xml_paths import Choosing, XmlPath, attribute, content, follow, local, parse_path

MAX_TAGS = 10_000  # names of elements remembered; a hostile file has as many as it likes
Children = dict[str, list[etree._Element]]
Named = tuple[str | None, str | None, str | None]  # an attribute's name, value and unit
_TEXT = parse_path(".")


class _Wanted(NamedTuple):
    """What a child of one name is wanted for. texts: places of its text, each with the prefix it must be written with,
    empty for any. kept: its name when other columns look into it, else empty. told: its name when of several languages one
    counts, as it does but for pictures, else empty."""

    texts: tuple[tuple[int, str], ...]
    kept: str
    told: str


class XmlColumns:
    """The cells of records, in the order of a mapping's names."""

    def __init__(self, mapping: Mapping, languages: Languages | None = None) -> None:
        self._languages = languages or Languages()
        self._told = [parse_path(name) for ours in TOLD for name in mapping.wanted.get(ours, [])]
        self._pictures = set(mapping.wanted.get("image", []))
        self._several: set[str] = set()  # names of children that the record has in several languages
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
        self._alone: dict[
            Any, int
        ] = {}  # tag -> place, of children wanted for one text, with any prefix, and nothing else
        for place, (name, path) in enumerate(paths.items()):
            self._plan(place, name, path, each.get(name))

    def _plan(self, place: int, name: str, path: XmlPath, part: Pairs | None) -> None:
        """Decides how a column is read."""
        if name == EVERY:
            self._others.append((place, self._unasked))
        elif name == OTHER_LANGUAGES:
            self._others.append((place, self._untold))
        elif part is None and not path.steps and path.attribute:
            self._attributes.append((place, path.attribute))
        elif part is None and len(path.steps) == 1 and path.steps[0].plain and not path.attribute:
            self._texts.setdefault(path.steps[0].name, []).append((place, path.steps[0].prefix))
        else:
            self._below |= {step.name for step in path.steps[:1]}
            read = _Paired(part, self._languages.chosen).pairs if part else self._reader(name, path)
            if len(path.steps) == 1 and path.steps[0].plain and not path.steps[0].prefix:
                name = path.steps[0].name
                self._others.append((place, lambda record, children: read(children.get(name, []))))
            else:
                self._others.append((place, lambda record, children: read(_found(path, record, children))))

    def _reader(self, name: str, path: XmlPath) -> Callable[[list[etree._Element]], Cell]:
        """What elements say in a column of this path."""
        return path.cell if name in self._pictures else (lambda found: path.cell(self._languages.chosen(found)))

    def cells(self, record: etree._Element) -> list[Cell]:
        """The cells of a record."""
        cells: list[Any] = [None] * self._width
        for place, name in self._attributes:
            cells[place] = attribute(record, name)
        children: Children = {}
        alone = self._alone
        for child in record:
            tag = child.tag
            place = alone.get(tag, -1)
            if place < 0 or cells[place] is not None or len(child):
                self._take(cells, children, tag, child)
            elif text := child.text:
                cells[place] = text.strip() or None
        for place, read in self._others:
            cells[place] = read(record, children)
        if self._several:
            self._choose(cells, record)
        return cells

    def _take(self, cells: list[Any], children: Children, tag: Any, child: etree._Element) -> None:
        """Takes a child that is not the first, plain text of the one column it is wanted for."""
        texts, kept, told = self._tags.get(tag) or self._learn(child)
        if told and cells[texts[0][0]] is not None and _speaks(child):
            self._several.add(told)
        if texts:
            _put(cells, texts, child)
        if kept in children:
            children[kept].append(child)
        elif kept:
            children[kept] = [child]

    def _learn(self, child: etree._Element) -> _Wanted:
        """What children of this one's tag are wanted for; comments and the like for nothing."""
        name = local(child)
        kept = name in self._below or (self._every and name not in self._taken)
        texts = tuple(self._texts.get(name, ()))
        wanted = _Wanted(texts, name if kept else "", name if texts and name not in self._pictures else "")
        if len(self._tags) < MAX_TAGS:
            self._tags[child.tag] = wanted
            if len(texts) == 1 and not texts[0][1] and not kept:
                self._alone[child.tag] = texts[0][0]
        return wanted

    def _choose(self, cells: list[Any], record: etree._Element) -> None:
        """Of children in several languages, the texts in one of them."""
        for name in self._several:
            alike = [child for child in record if local(child) == name]
            for place, prefix in self._texts[name]:
                found = [child for child in alike if not prefix or child.prefix == prefix]
                cells[place] = _TEXT.cell(self._languages.chosen(found))
        self._several.clear()

    def _untold(self, record: etree._Element, _: Children) -> dict[str, str]:
        """What titles and other texts say in languages that do not count."""
        found: dict[str, str] = {}
        for path in self._told:
            if len(several := path.elements(record)) > 1:
                for name, text in self._languages.others(several, path):
                    found[name] = f"{found[name]}, {text}" if name in found else text
        return found

    def _unasked(self, record: etree._Element, children: Children) -> dict[str, str]:
        """What no other column asks for: attributes, and the innermost elements under their paths."""
        found = {f"@{key.rpartition('}')[2]}": value for key, value in record.items() if f"@{key}" not in self._asked}
        for name, several in children.items():
            if name not in self._taken:
                for element in several:
                    _add_leaves(found, name, element)
        return {name: text for name, text in found.items() if text}


def _speaks(child: etree._Element) -> bool:
    """True when a child, or the one of its name before it, names a language."""
    before = next(child.itersiblings(child.tag, preceding=True), None)
    return bool(spoken(child) or (before is not None and spoken(before)))


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

    def __init__(self, part: Pairs, chosen: Choosing) -> None:
        paths = [parse_path(path) for path in (part.name, part.value, part.unit)]
        self._read_name, self._read_value = _reader(paths[0], chosen), _reader(paths[1], chosen, all_of_them=True)
        self._read_unit = _reader(paths[2], chosen) if part.unit else None
        self._without = frozenset(part.without)
        self._name, own, self._unit = (path.attribute for path in paths)
        self._plain = not own and not any(path.steps for path in paths) and self._name not in ("", self._unit)
        self._plain = self._plain and bool(self._unit or not part.unit)

    def pairs(self, found: list[etree._Element]) -> dict[str, str]:
        """Name -> value with its unit; several values of one name are joined."""
        pairs: dict[str, str] = {}
        without = self._without
        for key, text, measure in map(self._attributed if self._plain else self._read, found):
            if key and text and text not in without:
                said = f"{text} {measure}" if measure else text
                pairs[key] = f"{pairs[key]}, {said}" if key in pairs else said
        return pairs

    def _read(self, element: etree._Element) -> Named:
        measure = self._read_unit(element) if self._read_unit else None
        return self._read_name(element), self._read_value(element), measure

    def _attributed(self, element: etree._Element) -> Named:
        """The same where the name is an attribute, the unit too if there is one, and the value the element's own text."""
        text = content(element) if len(element) else (element.text or "").strip()
        said = element.items()
        if len(said) == 1 and said[0][0] == self._name:  # no unit, and most are so
            return said[0][1].strip(), text, None
        return attribute(element, self._name), text, attribute(element, self._unit) if self._unit else None


def _reader(path: XmlPath, chosen: Choosing, *, all_of_them: bool = False) -> Callable[[etree._Element], str | None]:
    """What a path says about an element. Most are its own text or attribute, which need no steps."""
    if not path.steps:
        return partial(attribute, name=path.attribute) if path.attribute else content
    if all_of_them:
        return lambda element: ", ".join(path.below(element, chosen))
    return lambda element: path.first(element, chosen)
