"""An XML file read in runs of plain records, which become columns by their bytes, and elements of a tree for all else.

The parser is fed what is not plain and passed over what is, which is as good as white space to it. It is known to stand where
a record ends when the end of one comes with the very byte before. What is wrong with a file is not said here: where anything
is, all is read again without runs.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from lxml import etree

from catalog.reading.stretches import Stretch
from catalog.reading.unpacking import open_plain
from catalog.reading.vendor_tree import VendorTree
from catalog.reading.xml_columns import XmlColumns
from catalog.reading.xml_elements import BOMS, BUNCH, DECLARED, SAFE, Bounded, Walk, forget
from catalog.reading.xml_paths import parse_path
from catalog.reading.xml_plain import PlainColumns
from catalog.reading.xml_tags import Name, Names
from catalog.reading.xml_tokens import Tokens

BLOCK = 2 * 1024 * 1024  # bytes looked at together
TRIAL = 8 * 1024 * 1024  # bytes after which runs are given up if they are less than half of them
TRIES = 16  # to see the first record end: what looks like it may stand in a comment
Row = tuple[int, list[Any]]  # its number and its cells


def in_utf8(path: Path, encoding: str | None) -> bool:
    """True when the bytes of a file are UTF-8 or become so, and begin as XML does."""
    with closing(open_plain(path)) as file:
        head = file.read(1024)
    if encoding:
        return True
    if any(head.startswith(mark) for mark, name in BOMS if name != "utf-8-sig"):
        return False
    head = head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    declared = DECLARED.match(head)
    return head[:1] == b"<" and b"\0" not in head[:4] and (not declared or declared[1].lower() == b"utf-8")


class Runs:
    """Reads a file block by block. number: of the next record."""

    def __init__(
        self, records: Sequence[str], columns: XmlColumns, plain: PlainColumns, tree: VendorTree | None
    ) -> None:
        self._walk = Walk(records, tree.sources if tree else ())
        self._tree = tree
        self._columns, self._plain = columns, plain
        names = [re.escape(steps[-1].name.encode()) for record in records if (steps := parse_path(record).steps)]
        self._ending = re.compile(rb"</(?:[\w.-]+:)?(?:%s)[ \t\n]*>" % b"|".join(names))
        self._names: Names | None = None
        self._parent: etree._Element | None = None
        self._in_step = False
        self._held, self._tries = 0, TRIES
        self._seen = self._taken = 0
        self._rows: list[Row] = []
        self.number = 1

    def parts(self, path: Path, encoding: str | None) -> Iterator[tuple[Stretch | None, list[Row]]]:
        """Of a part of the file, the plain records and the rows of all others.

        Raises XMLSyntaxError, FeedRefused or NotPlain where the file is no good or not surely understood.
        """
        self._parser = etree.XMLPullParser(tag=self._walk.tags, encoding="utf-8" if encoding else None, **SAFE)
        with closing(open_plain(path)) as file:
            source = self._source = Bounded(file, encoding)
            block = b""
            while (chunk := _lines(source) if len(block) < BLOCK else b"") or block:
                block += chunk
                taken, stretch = self._block(block)
                block = block[taken:]
                self._seen += taken
                yield stretch, self._rows
                self._rows = []
            self._parser.close()
        yield None, self._rows

    def _block(self, block: bytes) -> tuple[int, Stretch | None]:
        """Reads the beginning of a block; returns how many bytes, and the plain records among them."""
        at, stretch = 0, None
        if self._in_step and self._names and (self._seen < TRIAL or 2 * self._taken >= self._seen):
            at, stretch = self._runs(block, self._names)
        if not at or not self._in_step:
            at += self._by_tree(block[at:])
        return at, stretch

    def _runs(self, block: bytes, names: Names) -> tuple[int, Stretch | None]:
        tokens = Tokens(block, names)
        at, runs, lines = 0, [], []
        for begin, end, which in tokens.runs():
            if not self._through(block[at:begin]):
                at = begin
                break
            runs.append(which)
            lines.append(np.arange(self.number, self.number + which.stop - which.start))
            self.number += which.stop - which.start
            self._taken += end - begin
            self._source.gap = len(block) - end
            at = end
        if not runs:
            return at, None
        return at, self._plain.stretch(tokens.plain(runs), names.names, np.concatenate(lines))

    def _through(self, between: bytes) -> bool:
        """Feeds what stands between two runs, or before the first; True when the parser then stands behind a record."""
        if b"<" not in between:
            return True
        end = between.rfind(b">") + 1
        self._step(between[:end])
        self._feed(between[end:])
        self._in_step &= b"<" not in between[end:]
        return self._in_step

    def _by_tree(self, block: bytes) -> int:
        """Feeds a block up to the last record that seems to end in it; returns how far."""
        end = 0
        for found in self._ending.finditer(block):
            end = found.end()
            if self.number == 1 and self._tries:  # the first record shows what the others look like
                self._tries -= 1
                break
        if end:
            self._step(block[:end])
            return end
        self._in_step = False
        self._feed(block)
        return len(block)

    def _step(self, data: bytes) -> None:
        """Feeds bytes, and sees whether a record ends with the last of them."""
        self._in_step = False
        self._feed(data[:-1])
        before = self.number
        self._feed(data[-1:])
        self._in_step = self.number > before and self._names is not None

    def _feed(self, data: bytes) -> None:
        for at in range(0, len(data), BUNCH):
            self._parser.feed(data[at : at + BUNCH])
            self._held += len(data[at : at + BUNCH])
            last = None
            for _, element in self._parser.read_events():
                if self._take(element):
                    last = element
            if last is not None:
                self._source.gap = 0
                if self._held >= BUNCH:
                    forget(last)
                    self._held = 0

    def _take(self, element: etree._Element) -> bool:
        """Takes an element that ended; True if it is a record, or wanted beside them."""
        found, beside = self._walk.named(element)
        if beside and self._tree:
            self._tree.add(element)
        if found:
            row = self._columns.cells(element)
            if self._tree:
                self._tree.fill(row)
            self._rows.append((self.number, row))
            self.number += 1
            self._around(element)
        return found or beside

    def _around(self, element: etree._Element) -> None:
        """Looks at what is around a record, if it is another element than around the last."""
        parent = element.getparent()
        if parent is self._parent:
            return
        self._parent, self._names = parent, None
        if not self._walk.repeats(element) or parent is None:
            return
        record = Name(element.prefix or "", str(etree.QName(element).localname))
        prefixes = frozenset(prefix for prefix in parent.nsmap if prefix)
        walk, plain = self._walk, self._plain
        self._names = Names(
            record,
            prefixes,
            lambda name, attributes: not walk.may_be(record.local, name.local) and plain.fits(name, attributes),
        )


def _lines(source: Bounded) -> bytes:
    """Reads on, with ends of lines as XML has them."""
    chunk = source.read(BLOCK)
    while chunk.endswith(b"\r") and (more := source.read(1)):
        chunk += more
    return chunk.replace(b"\r\n", b"\n") if b"\r" in chunk else chunk
