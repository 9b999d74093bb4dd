"""Which element of an XML file is a product, and which paths lead from it to values."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import log2

from lxml import etree

from catalog.proposals.headers import meaning
from catalog.reading.xml_languages import spoken
from catalog.reading.xml_paths import local

_CHUNK = 64 * 1024
_LOOKED_AT = 50  # elements of one path whose names are collected
_DEPTH = 8
_INNER = 3  # steps from a record to a value
_MOST_NAMES = 400
_NAMING = re.compile(r"(name|title|key|label|attribute|nazev|param_name)$", re.IGNORECASE)
_DECLARED = re.compile(rb"^[\xef\xbb\xbf\s]*<\?xml[^>]*?encoding\s*=\s*[\"']([\w.:-]+)[\"']")


@dataclass(frozen=True)
class Structure:
    """root: the outermost element's name. record: as a form names it. names: paths to values. pairs: what repeats and
    brings its own names. count: records seen. why: one clause. languages: those in which records say the same side by side."""

    root: str
    record: str
    names: list[str]
    pairs: list[dict[str, str]]
    count: int
    why: str
    languages: list[str] = field(default_factory=list)


@dataclass
class _Seen:
    count: int = 0
    elements: list[etree._Element] = field(default_factory=list)


def declared_encoding(head: bytes) -> str:
    """What the file's first line says of its encoding; empty when it says nothing."""
    found = _DECLARED.match(head)
    return found[1].decode("ascii") if found else ""


def xml_structure(head: bytes, encoding: str | None) -> Structure | None:
    """The structure of the beginning of an XML file; None when it has no element that could be a product.

    The element with the most values that its like have too, and that repeats: what names or numbers a product counts more.
    """
    root = _parsed(head, encoding)
    if root is None:
        return None
    seen: dict[str, _Seen] = {}
    _walk(root, local(root), seen)
    scored = [(score, path) for path, found in seen.items() if (score := _score(found)) > 0]
    if not scored:
        return None
    path = max(scored)[1]
    found = seen[path]
    names, pairs = _names(found.elements), _pairs(found.elements)
    inside = tuple(f"{pair['each']}/" for pair in pairs)
    names = [name for name in names if f"{name}/" not in inside and not name.startswith(inside)]
    why = f"{found.count:,} such elements with {len(names)} kinds of values in the sample"
    return Structure(local(root), _shortest(path, seen), names, pairs, found.count, why, _languages(found.elements))


def _parsed(head: bytes, encoding: str | None) -> etree._Element | None:
    """The root with what could be read of it; a file that breaks later is refused by the reader, which says where."""
    parser = etree.XMLPullParser(
        events=("start",), encoding=encoding, resolve_entities=False, load_dtd=False, no_network=True
    )
    data = head.lstrip(b" \t\r\n")
    root = None
    try:
        for at in range(0, len(data), _CHUNK):
            parser.feed(data[at : at + _CHUNK])
            for _, element in parser.read_events():
                root = element if root is None else root
    except etree.XMLSyntaxError:
        pass
    return root


def _walk(element: etree._Element, path: str, seen: dict[str, _Seen]) -> None:
    found = seen.setdefault(path, _Seen())
    found.count += 1
    if len(found.elements) < _LOOKED_AT:
        found.elements.append(element)
    if path.count("/") < _DEPTH:
        for child in element.iterchildren("*"):
            _walk(child, f"{path}/{local(child)}", seen)


def _score(found: _Seen) -> float:
    """How much an element looks like a product: kinds of values it mostly has, times how often it occurs."""
    shares = Counter(name for element in found.elements for name in set(_values(element, 2)))
    direct = [name for name in shares if name.count("/") < 2]
    values = sum(times / len(found.elements) for times in shares.values())
    if values < 2:
        return 0.0
    named = max((meaning(_last(name), "title").score for name in direct), default=0.0)
    numbered = max((meaning(_last(name), "item_id").score for name in direct), default=0.0)
    return min(values, 15.0) * log2(1 + found.count) * (1 + named + numbered)


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _values(element: etree._Element, depth: int) -> Iterator[str]:
    """Relative paths to the element's attributes and to the texts below it."""
    for key in element.attrib:
        yield f"@{str(key).rpartition('}')[2]}"
    for child in element.iterchildren("*"):
        name = _spelt(child)
        for key in child.attrib:
            yield f"{name}/@{str(key).rpartition('}')[2]}"
        if next(child.iterchildren("*"), None) is None:
            yield name
        elif depth > 1:
            yield from (f"{name}/{inner}" for inner in _values(child, depth - 1) if not inner.startswith("@"))


def _spelt(element: etree._Element) -> str:
    return f"{element.prefix}:{local(element)}" if element.prefix else local(element)


def _languages(elements: list[etree._Element]) -> list[str]:
    """The languages of children that bear one name and different languages, at most one step down."""
    found: dict[str, None] = {}
    for element in elements:
        for parent in (element, *element.iterchildren("*")):
            said: dict[str, list[str]] = {}
            for child in parent.iterchildren("*"):
                said.setdefault(local(child), []).append(spoken(child))
            for several in said.values():
                if len(set(several)) > 1:
                    found |= dict.fromkeys(language for language in several if language)
    return list(found)


def _names(elements: list[etree._Element]) -> list[str]:
    found: dict[str, None] = {}
    for element in elements:
        for name in _values(element, _INNER):
            if len(found) < _MOST_NAMES:
                found.setdefault(name)
    return list(found)


def _pairs(elements: list[etree._Element]) -> list[dict[str, str]]:
    """Elements that repeat within a record, at most one step down, and hold a name and a value each."""
    found: dict[str, dict[str, str]] = {}
    for element in elements:
        _add_pairs(element, "", found)
        for child in element.iterchildren("*"):
            _add_pairs(child, f"{_spelt(child)}/", found)
    return list(found.values())


def _add_pairs(element: etree._Element, before: str, found: dict[str, dict[str, str]]) -> None:
    names = Counter(_spelt(child) for child in element.iterchildren("*"))
    for child in element.iterchildren("*"):
        each = before + _spelt(child)
        if each not in found and (names[_spelt(child)] > 1 or (child.attrib and not before)) and (pair := _pair(child)):
            found[each] = {"each": each, **pair}


def _pair(element: etree._Element) -> dict[str, str] | None:
    inner = [_spelt(child) for child in element.iterchildren("*")]
    attributes = [str(key).rpartition("}")[2] for key in element.attrib]
    if not inner:
        name = next((key for key in attributes if _NAMING.search(key)), None)
        unit = {"unit": "@unit"} if "unit" in attributes else {}
        return {"name": f"@{name}", "value": ".", **unit} if name and (element.text or "").strip() else None
    if len(inner) in (2, 3) and all(next(child.iterchildren("*"), None) is None for child in element.iterchildren("*")):
        name = next((tag for tag in inner if _NAMING.search(tag)), None)
        value = next((tag for tag in inner if tag != name and re.search(r"val", tag, re.IGNORECASE)), None)
        return {"name": name, "value": value} if name and value else None
    return None


def _shortest(path: str, seen: dict[str, _Seen]) -> str:
    """The end of a path that no other path has: a name alone where that will do."""
    steps = path.split("/")
    for size in range(1, len(steps) + 1):
        end = "/".join(steps[-size:])
        if sum(other == end or other.endswith(f"/{end}") for other in seen) == 1:
            return end
    return path
