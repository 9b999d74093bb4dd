"""Hierarchies in the forms people have them, recognised by what the file holds and refused line by line.

Google's and Shopify's text (id and path, or the path alone), JSON and XML that nest or name parents (Shopify, GS1 GPC),
tables of id and parent, of one column per level, of paths, and the category column of a labelled file.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

from catalog.errors import CatalogError
from catalog.taxonomies.taxonomy import SEPARATOR, Taxonomy, from_paths, normal_path
from catalog.taxonomies.taxonomy_nodes import Node, Problems, built
from catalog.taxonomies.taxonomy_trees import json_nodes, xml_nodes

FORMS = ("google", "shopify", "gpc", "parents", "paths", "labelled")
_ID_AND_PATH = re.compile(r"^(\S+)\s+[-:]\s+(.+)$")  # "1 - Animals" (Google), "gid://... : Animals" (Shopify)
_IS_ID = re.compile(r"\d|://")  # what tells an id from the first word of a name with a hyphen
_SAMPLE = 200  # lines looked at to recognise a form
_DELIMITERS = ",;\t|"
Header = dict[str, int]

ID = ("category_id", "id", "code", "node_id", "cat_id", "gid", "key", "number", "category_code", "browse_node_id")
PARENT = ("parent_id", "parent", "parent_code", "parent_category_id", "parent_category", "parent_key", "parent_gid")
NAME = ("name", "category_name", "title", "label", "category", "text", "caption")
PATH = ("category_path", "path", "full_path", "full_name", "breadcrumb", "product_type", "google_product_category")
NOTE = ("scope_note", "scope", "definition", "note", "notes", "includes", "description")
ASSIGNABLE = ("assignable", "selectable")
_PRODUCT = ("item_id", "sku", "gtin", "price", "product_id")  # beside a path: a labelled file, not a hierarchy


def read_taxonomy(file: Path, form: str | None = None) -> Taxonomy:
    """The hierarchy of a file. `form`, one of FORMS, overrides what its content looks like.

    Raises CatalogError that names the lines when the file is none of these, has a cycle, an unknown parent or a repeated
    id, or no category.
    """
    try:
        found = _read(_text(file), file, form)
    except csv.Error as error:
        raise CatalogError(f"{file} is no table: {error}.", remedy="Save it again as CSV, in UTF-8.") from error
    if not found.nodes.height:
        raise CatalogError(f"{file} holds no category.", remedy="Give a taxonomy file with at least one category.")
    return found


def _read(text: str, file: Path, form: str | None) -> Taxonomy:
    form = form or form_of(text)
    start = text.lstrip()[:1]
    if start == "<" and form == "gpc":
        return built(xml_nodes(text, file), file)
    if start in ("{", "[") and form in ("gpc", "shopify"):
        return built(json_nodes(text, file), file)
    if form in ("google", "shopify", "paths"):
        return _from_lines(text, file, with_ids=form != "paths")
    return _from_table(text, file, form)


def form_of(text: str) -> str:
    """Which of FORMS a text is; `parents` where nothing else fits, whose reader then says what it misses."""
    start = text.lstrip()[:1]
    if start == "<" or (start in ("{", "[") and re.search(r'"(Childs|Code)"', text[:100_000])):
        return "gpc"
    if start in ("{", "["):
        return "shopify"
    return _form_of_lines(text)


def _form_of_lines(text: str) -> str:
    lines = [line for line in islice(io.StringIO(text), _SAMPLE) if line.strip()]
    content = [line for line in lines if not line.startswith("#")]
    if content and _ids_before_paths(content):
        return "shopify" if "://" in content[0] else "google"
    if len(content) < len(lines):
        return "google"
    return "paths" if content and _only_paths(content) else _form_of_table(content)


def _form_of_table(content: Sequence[str]) -> str:
    header = _header(content[0]) if content else {}
    if len(_levels(header)) > 1:
        return "gpc"
    paths = _column(header, PATH) is not None and _column(header, PARENT) is None
    return "labelled" if paths else "parents"


def _text(file: Path) -> str:
    try:
        content = file.read_bytes()
        wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")
        return content.decode("utf-16" if wide else "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogError(f"{file} cannot be read: {error}.", remedy="Give a UTF-8 text file.") from error


def _ids_before_paths(content: Sequence[str]) -> bool:
    """At least half of the lines are an id and a path, the first among them; a name with a hyphen is no id."""
    found = [match for line in content if (match := _ID_AND_PATH.match(line)) and _IS_ID.search(match[1])]
    return len(found) * 2 >= len(content) and bool(_ID_AND_PATH.match(content[0]))


def _only_paths(content: Sequence[str]) -> bool:
    """Lines of levels and no table: a header of a table has a delimiter wherever its rows have one."""
    deep = sum(SEPARATOR in line for line in content)
    split = max(min(line.count(mark) for line in content) for mark in _DELIMITERS)
    return deep * 2 >= len(content) and not split and _column(_header(content[0]), PATH) is None


def _from_lines(text: str, file: Path, *, with_ids: bool) -> Taxonomy:
    """One category a line, with or without an id before its path."""
    lines = [(n, line.strip()) for n, line in enumerate(text.splitlines(), 1) if line.strip() and line[0] != "#"]
    if not lines:
        raise CatalogError(f"{file} holds no category.", remedy="Give a taxonomy file with at least one category.")
    if not with_ids or not _ids_before_paths([line for _, line in lines[:_SAMPLE]]):
        return from_paths(line for _, line in lines)
    problems, ids, paths = Problems(file), dict[str, int](), dict[str, int]()
    for number, line in lines:
        match = _ID_AND_PATH.match(line)
        if not match:
            problems.add(number, f"{line[:80]!r} has no id")
            continue
        path = normal_path(match[2])
        for seen, value, what in ((ids, match[1], "id"), (paths, path, "path")):
            if value in seen:
                problems.add(number, f"the {what} {value!r} occurs twice, first in line {seen[value]}")
            seen.setdefault(value, number)
    problems.stop("Give every category one line: id - path.")
    return from_paths(paths, ids)


def _from_table(text: str, file: Path, form: str) -> Taxonomy:
    delimiter = max(_DELIMITERS, key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header = _positions(next(reader, []))
    rows = ((reader.line_num, row) for row in reader if any(cell.strip() for cell in row))
    columns = [_column(header, names) for names in (ID, PARENT, NAME)]
    path = _column(header, PATH)
    if form == "gpc" and len(_levels(header)) > 1:
        return built(_level_nodes(rows, _levels(header)), file)
    if form != "labelled" and columns[0] is not None and columns[1] is not None and columns[2] is not None:
        rest = [_column(header, names) for names in (NOTE, ASSIGNABLE)]
        return built(_parent_nodes(rows, [*columns, *rest]), file)
    if path is not None and columns[0] is not None and not any(name in header for name in _PRODUCT):
        lines = "\n".join(f"{_cell(row, columns[0])} - {_cell(row, path)}" for _, row in rows)
        return _from_lines("\n" + lines, file, with_ids=True)
    if path is not None:
        return from_paths({_cell(row, path) for _, row in rows} - {""})
    if not header:
        raise CatalogError(f"{file} holds no category.", remedy="Give a taxonomy file with at least one category.")
    raise CatalogError(
        f"{file} is not a taxonomy this program knows (columns: {', '.join(header)}).",
        remedy="Give Google's text format, a table with the columns id, parent_id and name, one path a line, or a "
        f"labelled file with a column category_path; --format says which ({', '.join(FORMS)}).",
    )


def _header(line: str) -> Header:
    return _positions(next(csv.reader([line], delimiter=max(_DELIMITERS, key=line.count)), []))


def _positions(cells: Iterable[str]) -> Header:
    """Column names in one spelling ("Parent ID", "parentId" -> parent_id) and where they stand."""
    found: Header = {}
    for number, cell in enumerate(cells):
        spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", cell.strip())
        found.setdefault(re.sub(r"\W+", "_", spaced.casefold()).strip("_"), number)
    found.pop("", None)
    return found


def _column(header: Header, names: Sequence[str]) -> int | None:
    return next((header[name] for name in names if name in header), None)


def _cell(row: Sequence[str], place: int | None) -> str:
    return "" if place is None or place >= len(row) else " ".join(row[place].split())


def _levels(header: Header) -> list[tuple[int, int, int | None]]:
    """Where code, name and definition of each level stand, in a table with a pair of columns for every level."""
    found = []
    for column in header:
        level = re.match(r"^(.+)_(code|id)$", column)
        if level and level[1] != "parent":
            names = [f"{level[1]}_{word}" for word in ("title", "name", "description", "text")]
            notes = [f"{level[1]}_{word}" for word in ("definition", "definition_includes")]
            place = _column(header, names)
            if place is not None and not level[1].startswith("att"):
                found.append((header[column], place, _column(header, notes)))
    return found


def _level_nodes(
    rows: Iterable[tuple[int, list[str]]], levels: Sequence[tuple[int, int, int | None]]
) -> Iterable[Node]:
    """Each node once: a table of levels repeats a segment for every brick below it."""
    seen: set[tuple[str, str]] = set()
    for line, row in rows:
        parent = ""
        for code, name, note in levels:
            key = _cell(row, code)
            if key and (key, parent) not in seen:
                seen.add((key, parent))
                yield Node(line, key, parent, _cell(row, name), _cell(row, note))
            parent = key or parent


def _parent_nodes(rows: Iterable[tuple[int, list[str]]], columns: Sequence[int | None]) -> Iterable[Node]:
    for line, row in rows:
        key, parent, name, note, assignable = (_cell(row, place) for place in columns)
        yield Node(line, key, parent, name, note, assignable.casefold() not in {"false", "0", "no"})
