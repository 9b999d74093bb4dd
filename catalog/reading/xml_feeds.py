"""Rows of XML files: an element each, its columns by relative paths."""

from collections.abc import Generator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from catalog.errors import FeedRefused
from catalog.reading.cells import Block, Record, checked, short
from catalog.reading.mapping import Mapping
from catalog.reading.vendor_tree import VendorTree
from catalog.reading.xml_columns import XmlColumns
from catalog.reading.xml_elements import bunches, check_doctype, elements
from catalog.reading.xml_paths import local

BLOCK = 1_000  # rows and a few more that are given together


def xml_rows(path: Path, mapping: Mapping) -> Generator[Record, None, None]:
    """Every element that `record` names, numbered from 1.

    Raises FeedRefused when the file is not well-formed to its end, declares entities or an own document type, or has
    no such element while others repeat.
    """
    for piece in xml_pieces(path, mapping):
        if isinstance(piece, Record):
            yield piece
        else:
            yield from piece.records()


def xml_pieces(path: Path, mapping: Mapping) -> Generator[Record | Block, None, None]:
    """The same rows, many at a time where none of them is odd."""
    if not mapping.records[0]:
        raise FeedRefused(
            "no_record",
            "The mapping does not say which element of the XML file is a product.",
            remedy='Write for instance `record = "offer"` into the mapping, or a `preset` (google, yml, heureka, bmecat).',
        )
    check_doctype(path, mapping.said_encoding)
    line, width, cells = 1, len(mapping.names), []
    for some in _cells(path, mapping):
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
    columns, tree = XmlColumns(mapping), _tree(path, mapping)
    dropped, meet = (tree.sources, tree.add) if tree else ((), None)
    for bunch in bunches(path, mapping.said_encoding, mapping.records, dropped=dropped, meet=meet):
        found: list[Any] = []
        for element in bunch:
            row = columns.cells(element)
            if tree:
                tree.fill(row)
            found.extend(row)
        yield found


def _tree(path: Path, mapping: Mapping) -> VendorTree | None:
    """The vendor's categories, which are met on the way to the items, or read in a pass of their own where they stand
    behind them."""
    if mapping.categories is None:
        return None
    ours = [[mapping.names.index(name) for name in mapping.wanted.get(o, [])] for o in ("item_id", "vendor_category")]
    everything = partial(elements, path, mapping.said_encoding, dropped=mapping.records)
    return VendorTree(mapping.categories, everything, items=ours[0], categories=ours[1])


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
