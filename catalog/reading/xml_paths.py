"""Paths from one XML element to others: `name`, `g:price`, `@id`, `shop/offers`, `param[@name='Colour']`, `.`."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from xml.sax.saxutils import escape

from lxml import etree

_STEP = re.compile(r"^(?:([\w.-]+):)?([\w.-]+|\*)((?:\[[^\]]*\])*)$")
_TEST = re.compile(r"""\[\s*(@?)(?:[\w.-]+:)?([\w.-]+)\s*=\s*(?:'([^']*)'|"([^"]*)")\s*\]""")
_SPLIT = re.compile(r"/(?![^\[]*\])")
Choosing = Callable[[list[etree._Element]], list[etree._Element]]


@dataclass(frozen=True)
class Test:
    """What must hold for an element: an attribute, or the text of a child, equals a value."""

    attribute: bool
    name: str
    value: str

    def holds(self, element: etree._Element) -> bool:
        """True when it holds."""
        if self.attribute:
            return attribute(element, self.name) == self.value
        return any(local(child) == self.name and (child.text or "").strip() == self.value for child in element)


@dataclass(frozen=True)
class Step:
    """One step to child elements. prefix: as written in the file, empty for any."""

    prefix: str
    name: str
    tests: tuple[Test, ...]

    @cached_property
    def tag(self) -> str:
        """What lxml knows the elements of this name by, in any namespace."""
        return "*" if self.name == "*" else f"{{*}}{self.name}"

    @property
    def plain(self) -> bool:
        """True when a name, perhaps with a prefix, is all that is demanded."""
        return self.name != "*" and not self.tests

    def fits(self, element: etree._Element) -> bool:
        """True when the step may end at this element."""
        if self.name != "*" and local(element) != self.name:
            return False
        return self.passes(element)

    def passes(self, element: etree._Element) -> bool:
        """True when an element of this name has the prefix and what else is demanded."""
        if self.prefix and element.prefix != self.prefix:
            return False
        return not self.tests or all(test.holds(element) for test in self.tests)


@dataclass(frozen=True)
class XmlPath:
    """Steps to elements, and the attribute of those that is meant; without one their text is."""

    steps: tuple[Step, ...]
    attribute: str

    def elements(self, start: etree._Element) -> list[etree._Element]:
        """The elements the steps lead to, in the order of the file."""
        return follow([start], self.steps)

    def value(self, element: etree._Element) -> str | None:
        """The text of an element the steps lead to, or the value of its attribute."""
        return attribute(element, self.attribute) if self.attribute else content(element)

    def values(self, elements: list[etree._Element]) -> list[str]:
        """The filled ones among the values of these elements."""
        return [value for element in elements if (value := self.value(element))]

    def below(self, start: etree._Element, chosen: Choosing | None = None) -> list[str]:
        """The filled values that the steps lead to from an element. chosen: takes some of several elements."""
        found = follow([start], self.steps)
        return self.values(chosen(found) if chosen else found)

    def first(self, start: etree._Element, chosen: Choosing | None = None) -> str | None:
        """The first of them."""
        return next(iter(self.below(start, chosen)), None) if self.steps else self.value(start) or None

    def cell(self, elements: list[etree._Element]) -> str | list[str] | None:
        """What these elements say in one cell: of several every filled value, as a list when it is not one alone."""
        if len(elements) == 1:
            return self.value(elements[0])
        values = self.values(elements)
        return values[0] if len(values) == 1 else values or None


def follow(found: list[etree._Element], steps: tuple[Step, ...]) -> list[etree._Element]:
    """The elements that steps lead to from others, in the order of the file."""
    for step in steps:
        found = [child for element in found for child in element.iterchildren(step.tag) if step.passes(child)]
    return found


@lru_cache(maxsize=1_000)
def parse_path(path: str) -> XmlPath:
    """Raises ValueError when this is no path."""
    steps = [step for step in _SPLIT.split(path.strip()) if step not in ("", ".", "text()")]
    last = ""
    if steps and steps[-1].startswith("@"):
        last = steps.pop()[1:].rpartition(":")[2]
    return XmlPath(tuple(_step(step, path) for step in steps), last)


def _step(step: str, path: str) -> Step:
    found = _STEP.match(step)
    tests = _TEST.findall(found[3]) if found else []
    if not found or "".join(found[3].split()).count("[") != len(tests):
        raise ValueError(
            f"{path!r} is no path: names of elements joined by /, @name for an attribute, "
            "[@name='value'] or [child='value'] to choose among several"
        )
    return Step(found[1] or "", found[2], tuple(Test(bool(at), name, one or two) for at, name, one, two in tests))


@lru_cache(maxsize=10_000)
def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def local(element: etree._Element) -> str:
    """An element's name without its namespace; empty for comments and the like."""
    tag = element.tag
    return _local(tag) if isinstance(tag, str) else ""


def attribute(element: etree._Element, name: str) -> str | None:
    """An attribute by its name without namespace."""
    value = element.get(name)
    if value is not None:
        return value.strip()
    for key in element.keys():  # noqa: SIM118 - an element iterates over its children
        if key[0] == "{" and _local(key) == name:
            return element.get(key).strip()
    return None


def content(element: etree._Element) -> str | None:
    """The text of an element. Elements inside it stay as markup, which is cleaned later, where words are kept apart."""
    if not len(element):
        return (element.text or "").strip() or None
    text = element.text or ""
    marked = any(isinstance(child.tag, str) for child in element)
    parts = [escape(text) if marked else text]
    for child in element:
        parts.append(_inner(child))
    return "".join(parts).strip() or None


def _inner(child: etree._Element) -> str:
    if child.tag is etree.Comment or child.tag is etree.ProcessingInstruction:
        return child.tail or ""
    if child.tag is etree.Entity:
        return (child.text or "") + (child.tail or "")
    return etree.tostring(child, encoding="unicode", with_tail=True)
