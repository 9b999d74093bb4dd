"""Where our columns stand in a vendor's rows: found by name, never by position; and what a row says in them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, chain
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from catalog.errors import FeedRefused
from catalog.reading.cells import Cell, listed
from catalog.reading.columns import EVERY, First, Packed, Pairs
from catalog.reading.mapping import OTHER_LANGUAGES, Mapping
from catalog.reading.records import HEADERLESS

MOST_NUMBERED = 500  # "Option 1 name" up to this number
# Of several values delivered for one item, these are the first; the others are joined.
SINGLE = {"price", "currency", "gtin"}
BETWEEN_CATEGORIES = " | "
Places = dict[str, list[int]]


class Pair(NamedTuple):
    """Places of an attribute's name, its value and its unit; values that say nothing."""

    name: int
    value: int
    unit: int | None
    without: list[str]


@dataclass(frozen=True)
class Columns:
    """Where the cells of our columns stand in a row.

    parts: our column -> parts that are joined -> places of which the first filled one counts. attributes: name ->
    places of which the first filled one counts. packed: several attributes in one cell. maps: places of
    cells that are attributes by name already. instead: places that make the title together where its own say none.
    """

    width: int
    parts: dict[str, list[list[int]]]
    attributes: dict[str, list[int]]
    pairs: list[Pair]
    packed: list[tuple[int, Packed]]
    maps: list[int]
    image_separator: str = ""
    others: tuple[str, ...] = ()
    folds: bool = False
    instead: tuple[int, ...] = ()

    @cached_property
    def needed(self) -> int:
        """Cells a row must have so that no column mapped by its name is missing."""
        named = [places for name, places in self.attributes.items() if name not in self.others]
        every = [part for parts in self.parts.values() for part in parts] + named
        return 1 + max(place for places in every for place in places)

    @cached_property
    def collected(self) -> set[int]:
        """Places of which all values of a product's rows count, not the first."""
        images = {place for part in self.parts.get("image", []) for place in part}
        values = {pair.value for pair in self.pairs} | {place for place, _ in self.packed}
        return images | values | {place for places in self.attributes.values() for place in places}

    def texts(self, ours: str, cells: list[list[Any]]) -> list[str | None]:
        """What rows say in one of our columns. cells: theirs, a list for each column."""
        parts = self.parts[ours]
        if ours == "title" and self.instead:
            both = zip(
                _first_filled(ours, parts[0], cells), *(_said(ours, cells[at]) for at in self.instead), strict=True
            )
            return [text or together(others) for text, *others in both]
        if len(parts) == 1 and len(parts[0]) == 1:
            return _said(ours, cells[parts[0][0]])
        found = [_first_filled(ours, part, cells) for part in parts]
        if len(found) == 1:
            return found[0]
        return [" ".join([text for text in several if text]) or None for several in zip(*found, strict=True)]

    def sources(self, ours: str, row: list[Any]) -> list[int]:
        """The places that a row's text in one of our columns comes from."""
        parts = self.parts.get(ours, [])
        found = (next((place for place in part if joined(ours, row[place])), None) for part in parts)
        return [place for place in found if place is not None]

    def attribute(self, name: str, cells: list[list[Any]]) -> list[str | None]:
        """What rows say in an attribute that is a column of theirs."""
        return _first_filled("", self.attributes[name], cells)

    def images(self, cells: list[list[Any]]) -> pl.Series:
        """The pictures that rows name, in order, each once."""
        parts = self.parts["image"]
        if len(parts) == 1 and len(parts[0]) == 1 and not self.image_separator:
            column = cells[parts[0][0]]
            if all(cell is None or isinstance(cell, str) for cell in column):
                texts = pl.Series("images", column, dtype=pl.String).str.strip_chars().replace("", None)
                return texts.reshape((-1, 1)).arr.to_list().list.drop_nulls()
        found = [self._first_named(part, cells) for part in parts]
        every = found[0] if len(found) == 1 else map(list, map(chain.from_iterable, zip(*found, strict=True)))
        return _lists("images", [list(dict.fromkeys(several)) if len(several) > 1 else several for several in every])

    def _first_named(self, part: list[int], cells: list[list[Any]]) -> list[list[str]]:
        """Of each row the pictures in the first of some cells that names any."""
        found = list(map(self._several, cells[part[0]]))
        for place in part[1:]:
            found = [several or self._several(cell) for several, cell in zip(found, cells[place], strict=True)]
        return found

    def _several(self, cell: Cell) -> list[str]:
        if not cell:
            return []
        texts: Iterable[str] = (cell,) if isinstance(cell, str) else cell
        if self.image_separator:
            texts = [part for text in texts for part in text.split(self.image_separator)]
        return [bare for text in texts if (bare := text.strip())]

    @property
    def brings_names(self) -> bool:
        """True when rows may have attributes that bring their own names."""
        return bool(self.pairs or self.packed or self.maps)

    def named(self, row: list[Any]) -> Iterator[tuple[str, str]]:
        """The attributes of a row that bring their own names."""
        width = len(row)
        for pair in self.pairs:
            if pair.name < width and pair.value < width and (text := joined("", row[pair.value])):
                measure = joined("", row[pair.unit]) if pair.unit is not None and pair.unit < width else None
                if text not in pair.without:
                    yield joined("", row[pair.name]) or "", f"{text} {measure}" if measure else text
        for place, packed in self.packed:
            if place < width:
                yield from _unpacked(row[place], packed)
        for place in self.maps:
            yield from (row[place] or {}).items()


def together(several: Iterable[str | None]) -> str | None:
    """Texts joined by a space, without one whose words stand in another already: a maker that its model names too."""
    kept: list[tuple[str, str]] = []  # a text, and its words between spaces
    for text in several:
        words = f" {' '.join((text or '').casefold().split())} "
        if words.strip() and not any(words in other for _, other in kept):
            kept = [*((one, other) for one, other in kept if other not in words), ((text or "").strip(), words)]
    return " ".join(text for text, _ in kept) or None


def _said(ours: str, column: list[Any]) -> list[str | None]:
    """Cells as one text each; an empty one as it is delivered."""
    return [cell if cell is None or isinstance(cell, str) else joined(ours, cell) for cell in column]


def _first_filled(ours: str, part: list[int], cells: list[list[Any]]) -> list[str | None]:
    """Of each row the first filled of some cells."""
    found = _said(ours, cells[part[0]])
    for place in part[1:]:
        found = [text or other for text, other in zip(found, _said(ours, cells[place]), strict=True)]
    return [text or None for text in found]


def _lists(name: str, lists: list[list[str]]) -> pl.Series:
    """A column of lists, built out of one column of all their texts: many times faster than list by list."""
    ends = np.fromiter(accumulate(map(len, lists), initial=0), np.int64, len(lists) + 1)
    return listed(name, pl.Series(list(chain.from_iterable(lists)), dtype=pl.String), ends)


def joined(ours: str, cell: Cell) -> str | None:
    """A cell as one text. ours: the column it is for, which decides what becomes of several texts."""
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, dict):
        return ", ".join(f"{name}: {text}" for name, text in cell.items()) or None
    if ours in SINGLE:
        return cell[0] if cell else None
    return (BETWEEN_CATEGORIES if ours == "vendor_category" else ", ").join(cell) or None


def _unpacked(cell: Cell, packed: Packed) -> Iterator[tuple[str, str]]:
    """Names and values; a piece without a name belongs to the value before it, which held the separator itself."""
    for text in [cell] if isinstance(cell, str) else list(cell or ()):
        name, value = "", ""
        pieces = re.split(packed.separator, text)
        for before, piece in zip(["", *pieces[1::2]], pieces[::2], strict=True):
            head, equals, rest = piece.partition(packed.equals)
            if equals:
                if name and name not in packed.without:
                    yield name, value
                name, value = head, rest
            elif name:
                value += before + piece
        if name and name not in packed.without:
            yield name, value


def find_columns(header: list[str], mapping: Mapping) -> Columns:
    """Finds the mapped columns by name.

    Raises FeedRefused when one is missing or occurs twice. With our own column names only item_id and one of title
    and image are required. A repeated attribute is kept by position: name, name#2, name#3.
    """
    places: Places = {}
    for place, name in enumerate(header):
        places.setdefault(name, []).append(place)
    if not mapping.explicit and mapping.format not in HEADERLESS:
        require_ours(header)
    found = _ours(mapping, places, header)
    pairs = [pair for part in mapping.pairs if not part.each for pair in _pairs(part, places, header)]
    packed = [(place, part) for part in mapping.packed for place in _packed(part, places, header)]
    plain = _attribute_places(places, mapping, header)
    taken = {place for parts in found.values() for part in parts for place in part}
    taken |= {place for several in plain.values() for place in several}
    taken |= {place for pair in pairs for place in pair[:3] if place is not None} | {place for place, _ in packed}
    maps = [places[part.each][0] for part in mapping.pairs if part.each and part.each in places]
    maps += places.get(OTHER_LANGUAGES, []) if mapping.format in HEADERLESS else []
    others: dict[str, list[int]] = {}
    if mapping.every_attribute and mapping.format in HEADERLESS:
        maps.append(places[EVERY][0])
    elif mapping.every_attribute:
        others = _others(header, taken)
    return Columns(
        width=len(header),
        parts=found,
        attributes={**others, **plain},
        pairs=pairs,
        packed=packed,
        maps=maps,
        image_separator=mapping.rules.image_separator,
        others=tuple(others),
        folds=bool(mapping.fold),
        instead=tuple(place for name in mapping.instead for place in places.get(name, [])),
    )


def _ours(mapping: Mapping, places: Places, header: list[str]) -> dict[str, list[list[int]]]:
    found: dict[str, list[list[int]]] = {}
    for ours, parts in mapping.parts.items():
        if mapping.explicit:
            several = [_part(ours, part, places, header) for part in parts]
        else:  # our own names, and nothing like them
            several = [[_place(ours, ours, places)] if ours in places else []]
        if any(several):
            found[ours] = [part for part in several if part]
    if not {"title", "image"} & found.keys() and "title" in mapping.parts:
        raise missing("title", mapping.parts["title"][0].first[0], header)
    return found


def _part(ours: str, part: First, places: Places, header: list[str]) -> list[int]:
    """The places of a part's alternatives that the file has."""
    found = [_place(ours, name, places) for given in part.first if (name := _spelt(given, part, places))]
    if not found and (part.required or ours == "item_id"):
        raise missing(ours, part.first[0], header)
    return found


def _spelt(name: str, part: First, places: Places) -> str:
    """A column as the header spells it, empty when it has none. Only of alternatives, which are guesses, capitals and
    underscores may differ."""
    exact = " ".join(name.split())
    if exact in places or (part.required and len(part.first) == 1):
        return exact if exact in places else ""
    alike = [column for column in places if _plain(column) == _plain(exact)]
    return alike[0] if len(alike) == 1 else ""


def _plain(name: str) -> str:
    return " ".join(name.casefold().replace("_", " ").split())


def _place(ours: str, theirs: str, places: Places) -> int:
    several = places[theirs]
    if len(several) > 1:
        raise FeedRefused(
            "duplicate_header",
            f"The column {theirs!r}, mapped to {ours}, occurs {len(several)} times in the header.",
            remedy="Ask the vendor to name it once, or map another column.",
        )
    return several[0]


def _attribute_places(places: Places, mapping: Mapping, header: list[str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for name in mapping.attributes:
        if name not in places:
            raise missing("attributes", name, header)
        found |= _numbered(name, places[name])
    for part in mapping.chosen:
        several = [place for name in part.first for place in places.get(_spelt(name, part, places), [])]
        if part.required and not several:
            raise missing("attributes", part.first[0], header)
        if several:
            found[part.name or part.first[0]] = several
    return found


def _numbered(name: str, several: list[int]) -> dict[str, list[int]]:
    return {name if number == 1 else f"{name}#{number}": [place] for number, place in enumerate(several, start=1)}


def _others(header: list[str], taken: set[int]) -> dict[str, list[int]]:
    """Columns mapped to nothing, by name; one without a name by its number."""
    free: Places = {}
    for place, name in enumerate(header):
        if place not in taken:
            free.setdefault(name or f"column {place + 1}", []).append(place)
    return {name: part for given, several in free.items() for name, part in _numbered(given, several).items()}


def _pairs(part: Pairs, places: Places, header: list[str]) -> list[Pair]:
    numbers = range(1, MOST_NUMBERED + 1) if "{n}" in part.name else range(1)
    found: list[Pair] = []
    for number in numbers:
        names, values, units = (
            places.get(" ".join(column.replace("{n}", str(number)).split()), [])
            for column in (part.name, part.value, part.unit)
        )
        for place, (name, value) in enumerate(zip(names, values, strict=False)):
            found.append(Pair(name, value, units[place] if part.unit and place < len(units) else None, part.without))
    if not found and part.required:
        raise missing("attributes", part.name.replace("{n}", "1"), header)
    return found


def _packed(part: Packed, places: Places, header: list[str]) -> list[int]:
    if part.packed not in places and part.required:
        raise missing("attributes", part.packed, header)
    return places.get(part.packed, [])


def missing(ours: str, theirs: str, header: list[str]) -> FeedRefused:
    """The refusal of a file that lacks a mapped column."""
    return FeedRefused(
        "missing_column",
        f"The file has no column {theirs!r}, which the mapping uses for {ours}. Its columns: {_shown(header)}.",
        remedy=f'Correct the line `{ours} = "{theirs}"` under [columns] of the vendor\'s mapping, or remove it. '
        "What the vendor changed: catalog vendor propose VENDOR FILE --update.",
    )


def require_ours(header: list[str]) -> None:
    """Raises FeedRefused when a file without a form lacks the columns that every file needs."""
    absent = "item_id" if "item_id" not in header else "" if {"title", "image"} & set(header) else "title"
    if absent:
        raise FeedRefused(
            "missing_column",
            f"The file has no column {absent!r}. Its columns: {_shown(header)}.",
            remedy="Have a form written from it: catalog vendor propose VENDOR FILE. Or write vendors/VENDOR.toml, whose "
            f'[columns] has the line `{absent} = "<their column>"`; every column used is named there.',
        )


def _shown(header: list[str]) -> str:
    names = ", ".join(header[:30])[:600] or "not listed in this format"
    return names + (f" and {len(header) - 30} more" if len(header) > 30 else "")
