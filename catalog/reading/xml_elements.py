"""Elements of an XML file, one after the other in bounded memory. Nothing outside the file is ever opened."""

import codecs
import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
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
MAX_TAGS = 1_000  # of siblings remembered; a hostile file has as many as it likes
_DECLARED = re.compile(rb"^\s*<\?xml[^>]*?encoding\s*=\s*[\"']([\w.:-]+)[\"']")
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_GIANT = 114  # libxml2's code for limits of depth, of text and of entities


class _Bounded:
    """A file that refuses to be read too far without a record in it. In a said encoding, it is read as UTF-8."""

    def __init__(self, file: BinaryIO, encoding: str | None) -> None:
        self._file = file
        self._text = io.TextIOWrapper(file, encoding=encoding, errors="strict", newline="") if encoding else None
        self._begun = False
        self.gap = 0

    def read(self, size: int) -> bytes:
        """Reads on."""
        chunk = self._read(size)
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
    """Every element one of the paths names, complete; its content is gone when the next one is asked for.

    A name alone stands for the outermost elements of that name. `dropped` names elements that are not given, so that
    they do not stay in memory; `meet` is called with each of them. Raises FeedRefused when the XML is not well-formed.
    """
    wanted = [parse_path(record).steps for record in records]
    unwanted = [parse_path(record).steps for record in dropped]
    tags = [steps[-1].tag for steps in wanted + unwanted if steps]
    walk = _Walk(wanted, unwanted)
    with closing(open_plain(path)) as file:
        source = _Bounded(file, encoding)
        parser = etree.iterparse(
            source,
            events=("end",),
            tag=tags,
            encoding="utf-8" if encoding else None,
            resolve_entities=False,
            load_dtd=False,
            no_network=True,
        )
        try:
            for _, element in parser:
                found, beside = walk.named(element)
                if beside and meet:
                    meet(element)
                if found:
                    yield element
                if found or beside:
                    source.gap = 0
                    walk.forget(element)
        except etree.XMLSyntaxError as error:
            raise _malformed(error) from error


class _Walk:
    """The way through the elements that end. What stands around an element is looked at once for all its siblings."""

    def __init__(self, wanted: list[tuple[Step, ...]], unwanted: list[tuple[Step, ...]]) -> None:
        self._wanted, self._unwanted = wanted, unwanted
        # A prefix and a test may hold for one sibling and not for the next.
        self._alike = all(step.plain and not step.prefix for steps in wanted + unwanted for step in steps)
        self._parent: etree._Element | None = None
        self._known: dict[Any, tuple[bool, bool]] = {}
        self._forgotten = False

    def named(self, element: etree._Element) -> tuple[bool, bool]:
        """Whether one of the wanted paths leads to the element, and whether one of the unwanted does."""
        parent = element.getparent()
        if parent is not self._parent:
            self._parent, self._known, self._forgotten = parent, {}, False
        found = self._known.get(element.tag)
        if found is None:
            found = (_named(element, self._wanted), _named(element, self._unwanted))
            if self._alike and len(self._known) < MAX_TAGS:
                self._known[element.tag] = found
        return found

    def forget(self, element: etree._Element) -> None:
        """Drops the content of the element last looked at and everything before it, so that memory does not grow with
        the file."""
        element.clear()
        here: etree._Element | None = element
        while here is not None:
            parent = here.getparent()
            while parent is not None and here.getprevious() is not None:
                del parent[0]
            here = None if self._forgotten else parent  # what stood before the parent went with the first sibling
        self._forgotten = True


def _named(element: etree._Element, paths: list[tuple[Step, ...]]) -> bool:
    for steps in paths:
        if (
            steps
            and steps[-1].fits(element)
            and (_alone(element, steps) if len(steps) == 1 else _below(element, steps))
        ):
            return True
    return False


def _alone(element: etree._Element, steps: tuple[Step, ...]) -> bool:
    """True when no element of the same name is around it."""
    name = steps[0].name
    here = element.getparent()
    while here is not None and name != "*":
        if local(here) == name:
            return False
        here = here.getparent()
    return True


def _below(element: etree._Element, steps: tuple[Step, ...]) -> bool:
    """True when the elements around it are those of the steps."""
    here = element.getparent()
    for step in steps[-2::-1]:
        if here is None or not step.fits(here):
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
