"""Elements of an XML file, one after the other in bounded memory. Nothing outside the file is ever opened."""

import codecs
import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO
from xml.parsers import expat

from lxml import etree

from catalog.errors import FeedRefused
from catalog.reading.openings import check_beginning, decoded
from catalog.reading.unpacking import open_plain
from catalog.reading.xml_paths import Step, local, parse_path

MAX_GAP = 64 * 1024 * 1024  # bytes between two records; the tree of what lies between is held in memory
MAX_PROLOGUE = 1024 * 1024  # bytes before the first element
BUNCH = (
    64 * 1024
)  # bytes after which the tree is cut: what a processor keeps near, for a larger one takes half again as long
MAX_TAGS = 1_000  # of siblings remembered; a hostile file has as many as it likes
DECLARED = re.compile(rb"^\s*<\?xml[^>]*?encoding\s*=\s*[\"']([\w.:-]+)[\"']")
BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
SAFE: dict[str, Any] = {"events": ("end",), "resolve_entities": False, "load_dtd": False, "no_network": True}
_GIANT = 114  # libxml2's code for limits of depth, of text and of entities


class Bounded:
    """A file that refuses to be read too far without a record in it. In a said encoding, it is read as UTF-8.

    gap: bytes since the last record. held: bytes since the tree was cut.
    """

    def __init__(self, file: BinaryIO, encoding: str | None) -> None:
        self._file = file
        self._text = io.TextIOWrapper(file, encoding=encoding, errors="strict", newline="") if encoding else None
        self._begun = False
        self.gap = 0
        self.held = 0

    def read(self, size: int) -> bytes:
        """Reads on."""
        chunk = self._read(size)
        if not self._begun:  # blank lines before the declaration are common, and no parser takes them
            chunk, self._begun = chunk.lstrip(b" \t\r\n") or chunk, True
        self.gap += len(chunk)
        self.held += len(chunk)
        if self.gap > MAX_GAP:
            raise FeedRefused(
                "giant_row",
                f"The XML file has more than {MAX_GAP:,} bytes without a record.",
                remedy="Correct `record` in the mapping: it must name the element that is one product.",
            )
        return chunk

    def _read(self, size: int) -> bytes:
        if self._text is None:
            return self._file.read(size)
        text = decoded(self._text.read, size)
        return (text if self._begun else text.removeprefix("\ufeff")).encode("utf-8", errors="replace")


def elements(
    path: Path,
    encoding: str | None,
    records: list[str],
    *,
    dropped: Sequence[str] = (),
    meet: Callable[[etree._Element], None] | None = None,
) -> Iterator[etree._Element]:
    """Every element one of the paths names, complete; its content is gone some elements later.

    A name alone stands for the outermost elements of that name. `dropped` names elements that are not given, so that
    they do not stay in memory; `meet` is called with each of them. Raises FeedRefused when the XML is not well-formed.
    """
    return chain.from_iterable(bunches(path, encoding, records, dropped=dropped, meet=meet))


def bunches(
    path: Path,
    encoding: str | None,
    records: list[str],
    *,
    dropped: Sequence[str] = (),
    meet: Callable[[etree._Element], None] | None = None,
) -> Iterator[list[etree._Element]]:
    """The same elements, those of some BUNCH bytes of the file together: their content is gone when the next bunch is
    asked for, and the tree is cut once for all of them."""
    walk = Walk(records, dropped)
    bunch: list[etree._Element] = []
    wrong: Exception | None = None
    with closing(open_plain(path)) as file:
        source = Bounded(file, encoding)
        parser = etree.iterparse(source, tag=walk.tags, encoding="utf-8" if encoding else None, **SAFE)
        try:
            for _, element in parser:
                found, beside = walk.named(element)
                if beside and meet:
                    meet(element)
                if found:
                    bunch.append(element)
                if found or beside:
                    source.gap = 0
                    if source.held >= BUNCH:
                        yield bunch
                        bunch, source.held = [], 0
                        forget(element)
        except (etree.XMLSyntaxError, FeedRefused) as error:
            wrong = error
        yield bunch  # what stands before a fault is counted
    if wrong:
        raise (_malformed(wrong) if isinstance(wrong, etree.XMLSyntaxError) else wrong) from wrong


class Walk:
    """The way through the elements that end. What stands around an element is looked at once for all its siblings."""

    def __init__(self, wanted: Sequence[str], unwanted: Sequence[str]) -> None:
        self._paths = [[steps for path in paths if (steps := parse_path(path).steps)] for paths in (wanted, unwanted)]
        self._last = [steps[-1] for steps in chain(*self._paths)]
        # A prefix and a test may hold for one sibling and not for the next.
        self._alike = all(step.plain and not step.prefix for step in self._last)
        self._enter(None)

    @property
    def tags(self) -> list[str]:
        """What the elements are called that may be named."""
        return [step.tag for step in self._last]

    def _enter(self, parent: etree._Element | None) -> None:
        """Looks around the children of an element. Once for all of them: what stands before a child, and decides a test
        of its parent, may be gone when the next one comes."""
        self._parent = parent
        self._known: dict[Any, tuple[bool, bool]] = {}
        self._open = [[steps[-1] for steps in paths if _around(parent, steps)] for paths in self._paths]

    def may_be(self, parent: str, name: str) -> bool:
        """Whether a path may lead to an element of this name inside one of that name."""
        ending = [steps for steps in chain(*self._paths) if steps[-1].name in ("*", name)]
        return any(len(steps) == 1 or steps[-2].name in ("*", parent) for steps in ending)

    def repeats(self, element: etree._Element) -> bool:
        """True when every element that comes beside this one and bears its name is a record as it is, and what is around
        them is none."""
        around = [local(above) for above in element.iterancestors()]
        inner = around and not any(step.name in ("*", name) for step in self._last for name in around)
        return bool(inner and self._alike and self.named(element) == (True, False))

    def named(self, element: etree._Element) -> tuple[bool, bool]:
        """Whether one of the wanted paths leads to the element, and whether one of the unwanted does."""
        parent = element.getparent()
        if parent is not self._parent:
            self._enter(parent)
        tag = element.tag
        found = self._known.get(tag)
        if found is None:
            wanted, unwanted = (any(step.fits(element) for step in steps) for steps in self._open)
            found = (wanted, unwanted)
            if self._alike and len(self._known) < MAX_TAGS:
                self._known[tag] = found
        return found


def forget(element: etree._Element) -> None:
    """Drops the content of an element and everything before it, so that memory does not grow with the file."""
    element.clear()
    here = element
    while (parent := here.getparent()) is not None:
        del parent[: parent.index(here)]
        here = parent


def _around(parent: etree._Element | None, steps: tuple[Step, ...]) -> bool:
    """True when a path may end at a child of this element: those around it are those of the steps, or when a name is
    all there is, none of the same name is."""
    above = steps[-2::-1] if len(steps) > 1 else ()
    here = parent
    for step in above:
        if here is None or not step.fits(here):
            return False
        here = here.getparent()
    while here is not None and not above and steps[0].name != "*":
        if local(here) == steps[0].name:
            return False
        here = here.getparent()
    return True


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

    def begun(*_: Any) -> None:
        found.append("element")
        raise _Begun

    parser.StartElementHandler = begun
    with suppress(expat.ExpatError, _Begun):  # the reader says what is wrong, and where
        parser.Parse(_decoded(head, encoding).encode("utf-8", errors="replace"), False)
    if "!" in found:
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


class _Begun(Exception):
    """The first element was met; what follows is none of the prologue."""


def _decoded(head: bytes, encoding: str | None) -> str:
    declared = DECLARED.match(head)
    bom = next((name for mark, name in BOMS if head.startswith(mark)), None)
    name = encoding or bom or (declared[1].decode("ascii") if declared else "utf-8")
    try:
        return head.decode(name, errors="replace").lstrip("\ufeff")
    except LookupError:
        return head.decode("latin-1")
