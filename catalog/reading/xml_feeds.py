"""Rows of XML files: an element each, its columns by relative paths."""

from collections.abc import Generator, Iterator
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from lxml import etree

from catalog.errors import FeedRefused
from catalog.reading.cells import Block, Record, checked, short
from catalog.reading.mapping import Mapping
from catalog.reading.stretches import Stretch
from catalog.reading.vendor_tree import VendorTree
from catalog.reading.xml_columns import XmlColumns
from catalog.reading.xml_elements import bunches, check_doctype, elements
from catalog.reading.xml_languages import Languages, languages
from catalog.reading.xml_paths import local
from catalog.reading.xml_plain import NotPlain, PlainColumns
from catalog.reading.xml_runs import Runs, in_utf8

BLOCK = 1_000  # rows and a few more that are given together
FEW = 100  # rows that are given one by one: to make columns of them takes longer


def xml_rows(path: Path, mapping: Mapping) -> Generator[Record, None, None]:
    """Every element that `record` names, numbered from 1.

    Raises FeedRefused when the file is not well-formed to its end, declares entities or an own document type, or has
    no such element while others repeat.
    """
    _require_sound(path, mapping)
    for piece in _by_tree(path, mapping, 0):
        if isinstance(piece, Record):
            yield piece
        else:
            yield from piece.records()


def xml_pieces(path: Path, mapping: Mapping) -> Generator[Record | Block | Stretch, None, None]:
    """The same rows, many at a time where none of them is odd.

    What is wrong with a file is said by the tree alone: where runs break off, it reads all again and gives the rest.
    """
    _require_sound(path, mapping)
    given = 0
    try:
        for pieces in _by_runs(path, mapping):
            yield from pieces
            given += sum(1 if isinstance(piece, Record) else piece.rows for piece in pieces)
    except (etree.XMLSyntaxError, FeedRefused, NotPlain):
        pass
    else:
        if given:
            return
    yield from _by_tree(path, mapping, given)


def _require_sound(path: Path, mapping: Mapping) -> None:
    if not mapping.records[0]:
        raise FeedRefused(
            "no_record",
            "The mapping does not say which element of the XML file is a product.",
            remedy='Write for instance `record = "offer"` into the mapping, or a `preset` (google, yml, heureka, bmecat).',
        )
    check_doctype(path, mapping.said_encoding)


def _by_runs(path: Path, mapping: Mapping) -> Iterator[list[Record | Block | Stretch]]:
    """Rows by their bytes, those of a part of the file at a time; nothing where a mapping or the file does not allow it."""
    spoken = languages(path, mapping)
    tree = _tree(path, mapping, spoken)
    plain = PlainColumns(mapping, tree)
    if not plain.usable or not in_utf8(path, mapping.said_encoding):
        return
    runs = Runs(mapping.records, XmlColumns(mapping, spoken), plain, tree)
    for stretch, rows in runs.parts(path, mapping.said_encoding):
        pieces: list[Record | Block | Stretch] = [stretch] if stretch else []
        for _, several in groupby(enumerate(rows), lambda row: row[1][0] - row[0]):
            beside = [row for _, row in several]
            cells = [cell for _, cells in beside for cell in cells]
            if len(beside) >= FEW and short(cells):
                size = BLOCK * len(mapping.names)
                parts = range(0, len(cells), size)
                pieces += [
                    Block(beside[at // len(mapping.names)][0], len(mapping.names), cells[at : at + size])
                    for at in parts
                ]
            else:
                pieces += [checked(line, some, None, "") for line, some in beside]
        yield pieces


def _by_tree(path: Path, mapping: Mapping, given: int) -> Iterator[Record | Block]:
    """Rows by their elements, without the first ones, which were given already."""
    line, width, cells = 1 + given, len(mapping.names), []
    for some in _cells(path, mapping):
        skipped = min(given, len(some) // width)
        given -= skipped
        some = some[skipped * width :]  # noqa: PLW2901 - what is left of them
        if short(some):  # the parser lets no NUL and no half of a surrogate pair pass
            cells += some
        else:
            if cells:
                yield Block(line, width, cells)
            line, cells = line + len(cells) // width, []
            yield from (checked(record.line, record.cells, None, "") for record in Block(line, width, some).records())
            line += len(some) // width
        if len(cells) >= BLOCK * width:
            yield Block(line, width, cells)
            line, cells = line + len(cells) // width, []
    if cells:
        yield Block(line, width, cells)
    elif line == 1:
        _require_none_repeats(path, mapping)


def _cells(path: Path, mapping: Mapping) -> Iterator[list[Any]]:
    """The cells of some elements, one after the other."""
    spoken = languages(path, mapping)
    columns, tree = XmlColumns(mapping, spoken), _tree(path, mapping, spoken)
    dropped, meet = (tree.sources, tree.add) if tree else ((), None)
    for bunch in bunches(path, mapping.said_encoding, mapping.records, dropped=dropped, meet=meet):
        found: list[Any] = []
        for element in bunch:
            row = columns.cells(element)
            if tree:
                tree.fill(row)
            found.extend(row)
        yield found


def _tree(path: Path, mapping: Mapping, spoken: Languages) -> VendorTree | None:
    """The vendor's categories, which are met on the way to the items, or read in a pass of their own where they stand
    behind them."""
    if mapping.categories is None:
        return None
    ours = [[mapping.names.index(name) for name in mapping.wanted.get(o, [])] for o in ("item_id", "vendor_category")]
    everything = partial(elements, path, mapping.said_encoding, dropped=mapping.records)
    return VendorTree(mapping.categories, everything, items=ours[0], categories=ours[1], chosen=spoken.chosen)


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
