"""Rows of XML files: an element each, its columns by relative paths. Nothing outside the file is ever opened."""

import codecs
import re
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import BinaryIO
from xml.parsers import expat

from lxml import etree

from catalog.cells import Cell, Record, checked
from catalog.columns import EVERY, Pairs
from catalog.errors import FeedRefused
from catalog.mapping import Mapping
from catalog.openings import check_beginning
from catalog.unpacking import open_plain
from catalog.vendor_tree import VendorTree
from catalog.xml_paths import Step, XmlPath, content, local, parse_path

MAX_GAP = 64 * 1024 * 1024  # bytes between two records; the tree of what lies between is held in memory
MAX_PROLOGUE = 1024 * 1024  # bytes before the first element
_DECLARED = re.compile(rb"^\s*<\?xml[^>]*?encoding\s*=\s*[\"']([\w.:-]+)[\"']")
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_GIANT = 114  # libxml2's code for limits of depth, of text and of entities


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
        if not path.steps:
            found = [record]
        else:
            first, rest = path.steps[0], XmlPath(path.steps[1:], path.attribute)
            near = children.get(first.name, []) if first.name != "*" else list(record.iterchildren("*"))
            found = [element for start in near if first.fits(start) for element in rest.elements(start)]
        if name in self._each:
            return _pairs(found, self._each[name])
        values = path.values(found)
        return values[0] if len(values) == 1 else values or None

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
        names, values = name.values(name.elements(element)), value.values(value.elements(element))
        if names and values:
            units = unit.values(unit.elements(element)) if part.unit else []
            text = " ".join([", ".join(values), *units[:1]])
            pairs[names[0]] = f"{pairs[names[0]]}, {text}" if names[0] in pairs else text
    return pairs


class _Bounded:
    """A file that refuses to be read too far without a record in it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._begun = False
        self.gap = 0

    def read(self, size: int) -> bytes:
        """Reads on."""
        chunk = self._file.read(size)
        if not self._begun:  # blank lines before the declaration are common, and no parser takes them
            chunk, self._begun = chunk.lstrip(b" \t\r\n") or chunk, True
        self.gap += len(chunk)
        if self.gap > MAX_GAP:
            raise FeedRefused(
                "giant_row",
                f"The XML file has more than {MAX_GAP:,} bytes without a record.",
                remedy="Correct `record` in the mapping: it must name the element that is one product.",
            )
        return chunk


def elements(
    path: Path, encoding: str | None, records: list[str], *, dropped: list[str] | None = None
) -> Iterator[etree._Element]:
    """Every element one of the paths names, complete; its content is gone when the next one is asked for.

    A name alone stands for the outermost elements of that name. `dropped` names elements nobody wants, so that they
    do not stay in memory. Raises FeedRefused when the XML is not well-formed.
    """
    wanted = [parse_path(record).steps for record in records]
    unwanted = [parse_path(record).steps for record in dropped or []]
    tags = ["*" if steps[-1].name == "*" else f"{{*}}{steps[-1].name}" for steps in wanted + unwanted if steps]
    with closing(open_plain(path)) as file:
        source = _Bounded(file)
        parser = etree.iterparse(
            source,
            events=("end",),
            tag=tags,
            encoding=encoding,
            resolve_entities=False,
            load_dtd=False,
            no_network=True,
        )
        try:
            for _, element in parser:
                found = any(_named(element, steps) for steps in wanted)
                if found:
                    yield element
                if found or any(_named(element, steps) for steps in unwanted):
                    source.gap = 0
                    _forget(element)
        except etree.XMLSyntaxError as error:
            raise _malformed(error) from error


def _named(element: etree._Element, steps: tuple[Step, ...]) -> bool:
    here: etree._Element | None = element
    for step in reversed(steps):
        if here is None or not step.fits(here):
            return False
        here = here.getparent()
    alone = len(steps) == 1 and steps[0].name != "*"
    return not alone or next(element.iterancestors(f"{{*}}{steps[0].name}"), None) is None


def _forget(element: etree._Element) -> None:
    """Drops the element's content and everything before it, so that memory does not grow with the file."""
    element.clear()
    here: etree._Element | None = element
    while here is not None:
        parent = here.getparent()
        while parent is not None and here.getprevious() is not None:
            del parent[0]
        here = parent


def _malformed(error: etree.XMLSyntaxError) -> FeedRefused:
    said = str(error).splitlines()[0].replace(" (<string>, ", " (")[:300]
    if error.code == _GIANT:
        return FeedRefused(
            "giant_xml",
            f"The XML file goes beyond what a feed needs: {said}.",
            remedy="Ask the vendor for elements nested less than 256 deep, texts below 10 MB and no entities.",
        )
    if "encoding" in said:
        return FeedRefused(
            "bad_encoding",
            f"The XML file is not in the encoding it declares: {said}.",
            remedy='Write the true one into the mapping, for instance `encoding = "windows-1251"`, or ask the vendor.',
        )
    return FeedRefused(
        "broken_xml",
        f"The XML file is not well-formed: {said}. What follows would be lost.",
        remedy="Ask the vendor to send it again, complete and well-formed; nothing of it was taken.",
    )


def check_doctype(path: Path, encoding: str | None) -> None:
    """Looks at what stands before the first element. A document type that only names an outside file is passed over.

    Raises FeedRefused for an internal subset or an entity: these can read files, call servers and fill memory.
    """
    with closing(open_plain(path)) as file:
        head = file.read(MAX_PROLOGUE)
    check_beginning(head[:4], encoding or "utf-16")
    found: list[str] = []
    parser = expat.ParserCreate("utf-8")
    parser.StartDoctypeDeclHandler = lambda name, system, public, internal: found.append("!" if internal else "")
    parser.EntityDeclHandler = lambda *_: found.append("!")
    parser.StartElementHandler = lambda *_: found.append("element")
    with suppress(expat.ExpatError):  # the reader says what is wrong, and where
        parser.Parse(_decoded(head, encoding).encode("utf-8", errors="replace"), False)
    before = found[: found.index("element")] if "element" in found else found
    if "!" in before:
        raise FeedRefused(
            "xml_entities",
            "The XML file declares entities or a document type of its own, which could read other files.",
            remedy="Ask the vendor for the same file without `<!DOCTYPE ... [ ... ]>` and `<!ENTITY`.",
        )
    if "element" not in found and len(head) == MAX_PROLOGUE:
        raise FeedRefused(
            "giant_xml",
            f"The XML file has no element within its first {MAX_PROLOGUE:,} bytes.",
            remedy="Look at the beginning of the file; perhaps it is no XML.",
        )


def _decoded(head: bytes, encoding: str | None) -> str:
    declared = _DECLARED.match(head)
    bom = next((name for mark, name in _BOMS if head.startswith(mark)), None)
    name = encoding or bom or (declared[1].decode("ascii") if declared else "utf-8")
    try:
        return head.decode(name, errors="replace").lstrip("\ufeff")
    except LookupError:
        return head.decode("latin-1")


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
