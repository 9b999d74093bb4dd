"""What plain records of an XML file say in the columns of a mapping, by expressions over all of them at once: the same
that `xml_columns.XmlColumns` and `vendor_tree.VendorTree` read from one element after the other."""

from typing import NamedTuple

import numpy as np
import polars as pl

from catalog.reading.cells import LONGEST_NAME, MAX_ATTRIBUTES, MAX_CELL, MAX_SPREAD, Cell, listed
from catalog.reading.columns import EVERY, Pairs
from catalog.reading.mapping import Mapping
from catalog.reading.stretches import Stretch
from catalog.reading.vendor_tree import VendorTree
from catalog.reading.xml_paths import XmlPath, parse_path
from catalog.reading.xml_tags import Name, contents
from catalog.reading.xml_tokens import Plain


class NotPlain(Exception):
    """Records that look plain, but have more than a row of a table may have, so that each needs a look."""


class _Named(NamedTuple):
    """Attributes of items whose names stand in an attribute of a child, and their values in its text."""

    child: str
    name: str
    unit: str
    without: list[str]


class PlainColumns:
    """The cells of plain records, in the order of a mapping's names.

    `usable` is False where a column asks for more than an attribute of the record, the text of a child, or pairs of an
    attribute and a text. Columns that look deeper are empty in a plain record, if no child bears the name they begin with.
    """

    def __init__(self, mapping: Mapping, tree: VendorTree | None) -> None:
        each = {part.each: part for part in mapping.pairs if part.each}
        self._tree = tree
        self._attributes: list[tuple[int, str]] = []
        self._texts: list[tuple[int, Name]] = []
        self._pairs: list[_Named] = []
        self._deeper: set[str] = set()
        self._width = len(mapping.names)
        self.usable = not (mapping.categories and mapping.categories.links)
        for place, name in enumerate(mapping.names):
            self._plan(place, name, each.get(name))
        self._told = {wanted.local for _, wanted in self._texts}
        self.usable &= len(self._pairs) < 2 and not mapping.packed and all(part.each for part in mapping.pairs)

    def _plan(self, place: int, name: str, part: Pairs | None) -> None:
        path = parse_path(name)
        first = path.steps[0] if path.steps else None
        named = _named(path, part) if part else None
        if name == EVERY or (first and first.name == "*") or (first is None and (part or not path.attribute)):
            self.usable = False
        elif first is None:
            self._attributes.append((place, path.attribute))
        elif named:
            self._pairs.append(named)
        elif part is None and len(path.steps) == 1 and first.plain and not path.attribute:
            self._texts.append((place, Name(first.prefix, first.name)))
        else:
            self._deeper.add(first.name)

    def fits(self, name: Name, attributes: dict[str, str]) -> bool:
        """True when a plain record may have such a child: no column looks into it, nor asks for its language, and where it names an attribute of the
        item, the name is in its form, so that no two names can become one."""
        if name.local in self._deeper or ("lang" in attributes and name.local in self._told):
            return False
        for pairs in self._pairs:
            key = attributes.get(pairs.name, "").strip()
            if name.local == pairs.child and key != " ".join(key.split())[:LONGEST_NAME]:
                return False
        return True

    def stretch(self, plain: Plain, names: list[Name], lines: np.ndarray) -> Stretch:
        """The cells of records, numbered by `lines`. Raises NotPlain."""
        cells: dict[str, pl.Series] = {}
        for place, attribute in self._attributes:
            cells[str(place)] = plain.own(attribute)
        asked = [[_fits(name, wanted) for name in names] for _, wanted in self._texts]
        named = [[name.local == pairs.child for name in names] for pairs in self._pairs]
        leaf = _Leaves(plain, np.logical_or.reduce(np.array([*asked, *named])))
        for (place, _), which in zip(self._texts, asked, strict=True):
            rows, _, texts = leaf.of(which)
            cells[str(place)] = _cells(rows, texts, plain.rows)
        nothing = _nothing(plain.rows)
        frame = pl.DataFrame([cells.get(str(place), nothing).alias(str(place)) for place in range(self._width)])
        columns = [
            column
            for pairs, which in zip(self._pairs, named, strict=True)
            for column in _columns(plain, leaf.of(which), pairs)
        ]
        return Stretch(lines, nothing.alias("raw"), self._placed(frame), pl.DataFrame(columns))

    def _placed(self, cells: pl.DataFrame) -> pl.DataFrame:
        """With the vendor's ids of categories replaced by paths."""
        if self._tree is None:
            return cells
        placed = [self._paths(cells[str(place)], self._tree) for place in self._tree.categories]
        return cells.with_columns(placed)

    def _paths(self, column: pl.Series, tree: VendorTree) -> pl.Series:
        if column.dtype == pl.String:
            keys = column.to_list()
            numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
            paths = pl.Series(column.name, _short([tree.placed(key) for key in numbers]), dtype=pl.String)
            return paths.gather([numbers[key] for key in keys])
        named = column.filter(column.list.len() > 0).to_list()
        found = iter(_short([tree.placed(_one_or_several(key)) for key in named]))
        several = [_several(next(found)) if key else None for key in column.list.len()]
        return pl.Series(column.name, several, dtype=pl.List(pl.String))


class _Leaves:
    """The children of these names that say something: the texts as they are meant, without blanks around them. Those of a
    name stand together, so that a column is a part of them all."""

    def __init__(self, plain: Plain, asked: np.ndarray) -> None:
        of = np.flatnonzero(asked[plain.names])
        of = of[np.argsort(plain.names[of], kind="stable")]
        texts = _meant(plain.pieces.gather(2 * plain.leaf[of] + 1), plain.marked[of], plain.loose[of])
        filled = (texts != "").to_numpy()
        if not filled.all():
            of, texts = of[filled], texts.filter(pl.Series(filled))
        self._of, self._rows, self._codes, self._texts = of, plain.row[of], plain.codes[plain.leaf[of]], texts
        self._bounds = np.searchsorted(plain.names[of], np.arange(asked.size + 1))

    def of(self, which: list[bool]) -> tuple[np.ndarray, np.ndarray, pl.Series]:
        """The rows of those of some names, their tags and their texts."""
        parts = [slice(*self._bounds[name : name + 2]) for name in np.flatnonzero(which)] or [slice(0, 0)]
        if len(parts) == 1:
            return self._rows[parts[0]], self._codes[parts[0]], self._texts[parts[0]]
        found = np.concatenate([np.arange(part.start, part.stop) for part in parts])
        found = found[np.argsort(self._of[found])]
        return self._rows[found], self._codes[found], self._texts.gather(found)


def _named(path: XmlPath, part: Pairs) -> _Named | None:
    """The pairs, where they are attributes of one child and its text."""
    name, value, unit = (parse_path(path) for path in (part.name, part.value, part.unit))
    if len(path.steps) != 1 or not path.steps[0].plain or path.steps[0].prefix or path.attribute:
        return None
    if any(path.steps for path in (name, value, unit)) or value.attribute or name.attribute in ("", unit.attribute):
        return None
    if part.unit and not unit.attribute:
        return None
    return _Named(path.steps[0].name, name.attribute, unit.attribute, part.without)


def _fits(name: Name, wanted: Name) -> bool:
    return name.local == wanted.local and wanted.prefix in ("", name.prefix)


def _one_or_several(cell: str | list[str]) -> Cell:
    return cell[0] if isinstance(cell, list) and len(cell) == 1 else cell


def _short(cells: list[Cell]) -> list[Cell]:
    """The same cells. Raises NotPlain when one has a text that is longer than a cell may be."""
    if any(len(text) > MAX_CELL for cell in cells for text in _several(cell)):
        raise NotPlain
    return cells


def _several(cell: Cell) -> list[str]:
    return [cell] if isinstance(cell, str) else list(cell or ())


def _meant(written: pl.Series, marked: np.ndarray, loose: np.ndarray) -> pl.Series:
    """Texts as they are meant, without blanks around them. marked: of each, what may stand in it; loose: where blanks may
    be around."""
    touched = np.flatnonzero((marked > 0) | loose)
    if not touched.size:
        return written
    texts, which = written.gather(touched), np.flatnonzero(marked[touched])
    if which.size:
        texts = texts.scatter(which, contents(texts.gather(which), marked[touched[which]]))
    return written.scatter(touched, texts.str.strip_chars())


def _nothing(height: int) -> pl.Series:
    return pl.Series([None], dtype=pl.String).new_from_index(0, height)


def _cells(rows: np.ndarray, texts: pl.Series, height: int) -> pl.Series:
    """A column of so many rows: of the filled texts of a row the one, or where some row has several, lists. rows: of each
    text, in order."""
    counts = np.bincount(rows, minlength=height)
    if not rows.size or counts.max() == 1:
        return _spread(rows, texts, height)
    return listed("", texts, np.concatenate([[0], np.cumsum(counts)]))


def _spread(rows: np.ndarray, texts: pl.Series, height: int) -> pl.Series:
    """A column with these texts in these rows."""
    if rows.size == height:
        return texts
    if not rows.size:
        return _nothing(height)
    places = np.full(height, rows.size, np.uint32)
    places[rows] = np.arange(rows.size)
    return pl.concat([texts, pl.Series([None], dtype=pl.String)]).gather(pl.Series(places))


def _columns(plain: Plain, leaves: tuple[np.ndarray, np.ndarray, pl.Series], pairs: _Named) -> list[pl.Series]:
    """A column for each name of an attribute, in the order in which they come."""
    rows, codes, texts = leaves
    keys = [tag.attributes.get(pairs.name, "").strip() for tag in plain.tags]
    ids = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    key = np.array([ids[key] for key in keys] or [0], np.int64)[codes]
    said = key != ids.get("", -1)
    if pairs.without:
        said &= ~texts.is_in(pairs.without).to_numpy()
    if not said.all():
        texts, key, rows, codes = texts.filter(pl.Series(said)), key[said], rows[said], codes[said]
    units = [tag.attributes.get(pairs.unit, "").strip() for tag in plain.tags]
    with_unit = np.array([bool(unit) for unit in units] or [False])[codes]
    if rows.size and (np.bincount(rows).max() > MAX_ATTRIBUTES or len(np.unique(key)) * plain.rows > MAX_SPREAD):
        raise NotPlain
    order = np.argsort(key, kind="stable")
    ends = np.flatnonzero(np.diff(key[order])) + 1
    names_of = list(ids)
    groups = sorted((int(some[0]), some) for some in np.split(order, ends) if some.size)
    columns = []
    for first, some in groups:
        said = texts.gather(some)
        if with_unit[some].any():
            said = _measured(said, units, codes[some])
        columns.append(_joined(_cells(rows[some], said, plain.rows)).alias(names_of[key[first]]))
    return columns


def _measured(texts: pl.Series, units: list[str], codes: np.ndarray) -> pl.Series:
    """With the unit of each behind it."""
    unit = pl.Series([units[code] or None for code in codes.tolist()], dtype=pl.String)
    return pl.select(pl.concat_str([texts, unit], separator=" ", ignore_nulls=True)).to_series()


def _joined(column: pl.Series) -> pl.Series:
    """Several values of one name as one."""
    return column if column.dtype == pl.String else column.list.join(", ").replace("", None)
