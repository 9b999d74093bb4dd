"""Numbers of an XLSX sheet as its spreadsheet shows them, where a format keeps their leading zeros: with `00000` the number
123 is the article 00123.

The reader of workbooks gives values without their formats. So the styles are looked at here, and the sheet itself only when
one of them has such a format: then its cells are found by their text, a tenth of what reading them takes.
"""

import posixpath
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import polars as pl
from lxml import etree

_CHUNK = 1024 * 1024
_GIANT = 8 * 1024 * 1024  # bytes of styles or of a list of sheets beyond which nothing is looked for
_SHEETS, _RELATIONS, _STYLES = "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/styles.xml"
_SIGNS = " $-+():!^&'~{}<>="  # stand for themselves in a format, without quotes
_PASSED_OVER = (
    r"[_*].|\[(?:Black|Blue|Cyan|Green|Magenta|Red|White|Yellow|Color ?\d+|\$-\w+)\]"  # widths, colours, languages
)
_TOKEN = re.compile(rf'"([^"]*)"|\\(.)|{_PASSED_OVER}|(.)', re.DOTALL)
_ROW = re.compile(rb"<(?:\w+:)?row\b")
_FILLED = re.compile(
    rb"""<(?:\w+:)?row\b[^>]*>\s*(?:<(?:\w+:)?c\s[^>]*/>\s*)*<(?:\w+:)?c\s[^>]*?\br=["']([A-Z]+)\d+["'][^>/]*>"""
)
_NAMED = re.compile(rb"""\b(r|t)=["'](\w+)["']""")
_PLACE = re.compile(rb"([A-Z]{1,3})(\d{1,7})")
_NO_TEXT = (None, b"n")


class Number(NamedTuple):
    """A number in a sheet, row and column counted from 0, and the number of its style."""

    row: int
    column: int
    style: int
    value: float


def with_zeros(path: Path, sheet: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The cells of a sheet with the leading zeros their formats show. frame: every cell as text, from the first row on and
    the first filled column on."""
    with zipfile.ZipFile(path) as archive:
        shapes = _shapes(archive)
        part = _part(archive, sheet) if shapes else None
        if part is None:
            return frame
        return placed(frame, _first_column(archive, part), _cells(archive, part, shapes), shapes)


def placed(frame: pl.DataFrame, first: int, numbers: Iterable[Number], shapes: Mapping[int, list[str]]) -> pl.DataFrame:
    """The frame with these numbers as the places of their styles show them. first: the sheet's column that is the frame's
    first."""
    changed: dict[int, list[str | None]] = {}
    for number in numbers:
        place = number.column - first
        if not 0 <= place < frame.width or number.row >= frame.height:
            continue
        if place not in changed:
            changed[place] = frame.to_series(place).to_list()
        text = changed[place][number.row]
        # The same number: then the reader of workbooks and we look at the same cell.
        if text is not None and text.isdecimal() and float(text) == number.value:
            changed[place][number.row] = shown(text, shapes[number.style])
    names = frame.columns
    return frame.with_columns(pl.Series(names[place], texts, dtype=pl.String) for place, texts in changed.items())


def shape(code: str) -> list[str] | None:
    """A number format as its places, '0' for a digit and other texts for themselves; None when it is none of several zeros,
    or asks for more than to put digits there."""
    found = []
    for token in _TOKEN.finditer(_for_positive(code)):
        quoted, escaped, plain = token.groups()
        if plain is not None and plain != "0" and plain not in _SIGNS:
            return None
        if plain == "0":
            found.append("0")
        elif text := quoted or escaped or plain:
            found.append(f"={text}")
    return found if found.count("0") > 1 else None


def _for_positive(code: str) -> str:
    """The part of a format before its first semicolon, which holds for what is no negative number."""
    end = next((token.start() for token in _TOKEN.finditer(code) if token[3] == ";"), len(code))
    return code[:end]


def shown(digits: str, places: list[str]) -> str:
    """A whole number as it is shown: digits fill the places from the right, and the first place takes all that are left."""
    if places.count("0") == len(places):
        return digits.zfill(len(places))
    left, out = digits, []
    first = places.index("0")
    for at in range(len(places) - 1, -1, -1):
        if places[at] != "0":
            out.append(places[at][1:])
        elif at == first:
            out.append(left or "0")
        else:
            out.append(left[-1:] or "0")
            left = left[:-1]
    return "".join(reversed(out)).strip()


def _shapes(archive: zipfile.ZipFile) -> dict[int, list[str]]:
    """The styles of cells, by their number, whose format keeps leading zeros."""
    root = _tree(archive, _STYLES)
    if root is None:
        return {}
    codes = {form.get("numFmtId"): shape(form.get("formatCode", "")) for form in root.iterfind("{*}numFmts/{*}numFmt")}
    if not any(codes.values()):
        return {}
    styles = enumerate(root.iterfind("{*}cellXfs/{*}xf"))
    return {number: places for number, style in styles if (places := codes.get(style.get("numFmtId")))}


def _part(archive: zipfile.ZipFile, sheet: str) -> str | None:
    """The part that holds a sheet; None when the workbook does not say."""
    sheets, relations = _tree(archive, _SHEETS), _tree(archive, _RELATIONS)
    if sheets is None or relations is None:
        return None
    key = next((_relation(one) for one in sheets.iterfind("{*}sheets/{*}sheet") if one.get("name") == sheet), None)
    target = next((one.get("Target", "") for one in relations.iterfind("{*}Relationship") if one.get("Id") == key), "")
    part = target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"xl/{target}")
    return part if part in archive.namelist() else None


def _relation(sheet: etree._Element) -> str | None:
    return next((value for name, value in sheet.items() if name.endswith("}id")), None)


def _tree(archive: zipfile.ZipFile, part: str) -> etree._Element | None:
    """A part of the workbook; None when there is none, or one of a size that no such part has."""
    if part not in archive.namelist() or archive.getinfo(part).file_size > _GIANT:
        return None
    parser = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True)
    try:
        return etree.fromstring(archive.read(part), parser)
    except etree.XMLSyntaxError:
        return None


def _first_column(archive: zipfile.ZipFile, part: str) -> int:
    """The first column in which a row has a value, counted from 0: the reader leaves out those before."""
    first = None
    for data in _pieces(archive, part):
        for letters in _FILLED.findall(data):
            here = column_number(letters) - 1
            first = here if first is None else min(first, here)
            if not first:
                return 0
    return first or 0


def _cells(archive: zipfile.ZipFile, part: str, styles: dict[int, list[str]]) -> Iterator[Number]:
    """The cells with a number and one of these styles."""
    which = b"|".join(b"%d" % style for style in styles)
    value = rb"(?:<(?:\w+:)?f\b[^>]*(?:/>|>[^<]*</(?:\w+:)?f>))?<(?:\w+:)?v[^>]*>([^<]*)<"
    wanted = re.compile(rb"""<(?:\w+:)?c\s([^>]*?\bs=["'](%s)["'][^/>]*)>""" % which + value)
    for data in _pieces(archive, part):
        for attributes, style, number in wanted.findall(data):
            said = dict(_NAMED.findall(attributes))
            if said.get(b"t") in _NO_TEXT and (place := _PLACE.fullmatch(said.get(b"r", b""))):
                try:
                    yield Number(int(place[2]) - 1, column_number(place[1]) - 1, int(style), float(number))
                except ValueError:
                    continue


def _pieces(archive: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    """A sheet in pieces that end where a row begins, so that no row is cut."""
    rest = b""
    with archive.open(part) as file:
        while chunk := file.read(_CHUNK):
            data = rest + chunk
            cut = _last_row(data)
            yield data[:cut]
            rest = data[cut:] if len(data) - cut <= _GIANT else b""
    yield rest


def _last_row(data: bytes) -> int:
    """Where the last row begins."""
    found = data.rfind(b"<row")
    if found < 0:  # names with a prefix
        found = max((row.start() for row in _ROW.finditer(data)), default=0)
    return found


def column_number(letters: bytes) -> int:
    """The number of a column from its letters, counted from 1; of the first four."""
    number = 0
    for letter in letters[:4]:
        number = number * 26 + letter - 64
    return number
