"""Review sheets as XLSX: drop-downs, small pictures, categories and decisions on tabs of their own; and reading one back.

Every cell is text and as inert as in a CSV, so a workbook that somebody saves as CSV is no more dangerous than ours.
"""

import io
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from catalog.errors import CatalogError
from catalog.reading import spreadsheets
from catalog.review.decisions import MEANINGS, WORDS
from catalog.sheets import COLUMNS, inert
from catalog.taxonomies.taxonomy import Taxonomy

SHEET, CATEGORIES, LISTS, DECISIONS = "review", "categories", "lists", "decisions"
MAX_ROWS = 1_000_000
_CELL_LIMIT = 32_767  # characters Excel keeps in a cell
_WIDTHS = {"token": 16, "group": 16, "group_size": 6, "vendor": 12, "item_id": 14, "title": 44, "image": 15}
_WIDTHS |= {"sentence": 44, "decision": 14, "category": 40, "note": 24, "reviewer": 12}
_WIDTH = 30
_PICTURE_ROW = 62  # points; a picture of 75 pixels and a little air
_PICTURE_PIXELS = 75
_MADE = datetime(2000, 1, 1)  # the same rows must give the same bytes
_QUESTIONED = {
    "decision": "The import takes the words of the list, in capitals too; the tab decisions says what they mean.",
    "category": "The import may still understand it: an id, a full path or a leaf name.",
}
_ANSWERS = ("decision", "category", "note", "reviewer")


def written(cells: Sequence[Sequence[object]], taxonomy: Taxonomy, pictures: Sequence[bytes | None]) -> bytes:
    """A workbook of one sheet; `cells` in the order of `sheets.COLUMNS`, `pictures` small JPEGs beside them."""
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True, "strings_to_formulas": False}) as book:
        book.set_properties({"created": _MADE})
        head = book.add_format({"bold": True, "bg_color": "#E8EEF4", "border": 1})
        plain = book.add_format({"num_format": "@", "text_wrap": True, "valign": "top"})
        answer = book.add_format({"num_format": "@", "text_wrap": True, "valign": "top", "bg_color": "#FFF9E5"})
        sheet = book.add_worksheet(SHEET)
        _header(sheet, COLUMNS, head)
        for place, name in enumerate(COLUMNS):
            style = answer if name in _ANSWERS else plain
            sheet.set_column(place, place, _WIDTHS.get(name, _WIDTH), style)
            for line, row in enumerate(cells, start=1):
                _text(sheet, (line, place), row[place], style)
        sheet.freeze_panes(1, 1)
        sheet.autofilter(0, 0, max(len(cells), 1), len(COLUMNS) - 1)
        _pictures(sheet, pictures)
        _categories(book.add_worksheet(CATEGORIES), taxonomy, head, plain)
        _drop_downs(book, sheet, len(cells), taxonomy)
        _decisions(book.add_worksheet(DECISIONS), head, plain)
    return target.getvalue()


def _header(sheet: Worksheet, names: Sequence[str], style: Format) -> None:
    for place, name in enumerate(names):
        sheet.write_string(0, place, name, style)


def _text(sheet: Worksheet, at: tuple[int, int], value: object, style: Format | None = None) -> None:
    """Never a formula, a number or a link, whatever a vendor wrote."""
    sheet.write_string(*at, inert("" if value is None else str(value))[:_CELL_LIMIT], style)


def _pictures(sheet: Worksheet, pictures: Sequence[bytes | None]) -> None:
    column = COLUMNS.index("image")
    for line, picture in enumerate(pictures, start=1):
        if picture is not None:
            sheet.set_row(line, _PICTURE_ROW)
            scale = _PICTURE_PIXELS / 96
            options = {
                "image_data": io.BytesIO(picture), "x_scale": scale, "y_scale": scale, "x_offset": 3, "y_offset": 3,
                "object_position": 1, "decorative": True,  # moves with its row when somebody sorts
            }  # fmt: skip
            sheet.insert_image(line, column, "picture.jpg", options)


def _categories(sheet: Worksheet, taxonomy: Taxonomy, head: Format, plain: Format) -> None:
    """Every category by its path: what may be written into the column category."""
    _header(sheet, ("category_id", "path", "scope_note", "products may stand here"), head)
    for place, width in enumerate((18, 70, 60, 12)):
        sheet.set_column(place, place, width, plain)
    rows = taxonomy.nodes.select("category_id", "path", "scope_note", "assignable").iter_rows()
    for line, (category_id, path, note, assignable) in enumerate(rows, start=1):
        for place, value in enumerate((category_id, path, note, "yes" if assignable else "no")):
            _text(sheet, (line, place), value, plain)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, max(taxonomy.nodes.height, 1), 3)


def _decisions(sheet: Worksheet, head: Format, plain: Format) -> None:
    """What may be written into the column decision, for whoever got the sheet and nothing else."""
    _header(sheet, ("decision", "means"), head)
    sheet.set_column(0, 0, 18, plain)
    sheet.set_column(1, 1, 90, plain)
    empty = "not decided; in a group as its first answered row says. Or fill the column category instead"
    for line, (word, meaning) in enumerate({"(empty)": empty, **MEANINGS}.items(), start=1):
        _text(sheet, (line, 0), word, plain)
        _text(sheet, (line, 1), meaning, plain)
    sheet.freeze_panes(1, 0)


def _drop_downs(book: xlsxwriter.Workbook, sheet: Worksheet, rows: int, taxonomy: Taxonomy) -> None:
    """Lists to choose from, read from a hidden tab: written into the cell's rule they break Excel above 255 characters.

    Another value is questioned, not refused: an id and a leaf name are as good as a path.
    """
    hidden = book.add_worksheet(LISTS)
    hidden.very_hidden()
    paths = taxonomy.nodes.filter("assignable")["path"].to_list()
    for column, (name, values) in enumerate({"decision": WORDS, "category": paths}.items()):
        for line, value in enumerate(values):
            _text(hidden, (line, column), value)
        if values and rows:
            letter, place = "AB"[column], COLUMNS.index(name)
            rule = {
                "validate": "list", "source": f"={LISTS}!${letter}$1:${letter}${len(values)}", "error_type": "warning",
                "error_title": f"Not a listed {name}", "ignore_blank": True,
                "error_message": _QUESTIONED[name],
            }  # fmt: skip
            sheet.data_validation(1, place, rows, place, rule)


def read(file: Path) -> list[tuple[int, list[str]]]:
    """(row number, cells) of the tab that is the review sheet, header first; every cell as text.

    Raises CatalogError when it is no workbook, is damaged or too large, or has no tab with the column `token`.
    """
    try:
        tabs = spreadsheets.first_rows(file, MAX_ROWS)
    except CatalogError as error:
        remedy = "Save the sheet again as XLSX, or as CSV (UTF-8), and import that file."
        raise CatalogError(f"{file}: {error.message}", remedy=remedy) from error
    for rows in tabs.values():
        lines = [(number, [cell or "" for cell in cells]) for number, cells in enumerate(rows, start=1)]
        filled = [line for line in lines if any(cell.strip() for cell in line[1])]
        if filled and any(cell.strip().casefold() == "token" for cell in filled[0][1]):
            return filled
    raise CatalogError(
        f"{file} has no tab with the column 'token'.",
        remedy="Import a sheet from review/outbox; columns may be moved and added, token and decision must stay.",
    )
