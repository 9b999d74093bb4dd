"""Workbooks, the old ones too: what their cells say, what a spreadsheet has done to numbers, and damage that is refused."""

import datetime
import io
import random
import struct
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter

from catalog.deliveries.canonical import canonicalize
from catalog.deliveries.remedies import RULES, remedy
from catalog.deliveries.vendor_check import check, text
from catalog.errors import FeedRefused
from catalog.pictures.finding import Pictures
from catalog.proposals.proposal import propose
from catalog.reading import spreadsheets
from catalog.reading.feeds import RawBatch, read_rows
from catalog.reading.mapping import Mapping
from catalog.settings import Feeds, Settings
from tests.old_workbooks import old_workbook
from tests.packing import with_part, workbook

COLUMNS = {"item_id": "id", "title": "name"}
LONG = 123456789012345678


def read(path: Path, **form) -> RawBatch:
    mapping = Mapping.model_validate({"format": path.suffix[1:], "columns": COLUMNS, **form})
    found = list(read_rows(path, mapping, Feeds(batch_rows=100)))
    return RawBatch(pl.concat(b.rows for b in found), pl.concat(b.rejects for b in found))


def wrote(folder: Path, content: bytes, name: str = "feed.xls") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


PRICE_LIST = [
    ["Price list of Acme"],
    ["valid from", datetime.date(2026, 1, 1)],
    ["id", "name", "price", "since"],
    ["007", "Größe Лампа 灯", 12.5, datetime.date(2026, 1, 2)],
    [],
    [1001, "Mug", 3, datetime.date(1999, 12, 31)],
    [4006381333931, "Rug", 0.1 + 0.2, None],
    [-5, "x" * 300, -1.25, "soon"],
]


def test_an_old_workbook_says_what_its_cells_say(tmp_path: Path) -> None:
    path = wrote(tmp_path, old_workbook({"About": [["id", "name"], ["1", "no"]], "Waren": PRICE_LIST}))
    columns = {**COLUMNS, "price": "price", "attributes": ["since"]}
    found = read(path, sheet="Waren", header_row=3, columns=columns).rows
    assert found.select("line", "item_id", "title", "price", "attributes.since").rows() == [
        (4, "007", "Größe Лампа 灯", "12.5", "2026-01-02 00:00:00"),
        (6, "1001", "Mug", "3", "1999-12-31 00:00:00"),
        (7, "4006381333931", "Rug", "0.3", None),
        (8, "-5", "x" * 300, "-1.25", "soon"),
    ]
    assert read(path, sheet=1).rows["item_id"].to_list() == ["1"]
    with pytest.raises(FeedRefused, match="'About', 'Waren'") as caught:
        read(path, sheet="Goods")
    assert caught.value.reason == "missing_sheet" and caught.value.remedy


def test_a_form_is_proposed_for_an_old_workbook(tmp_path: Path) -> None:
    rows = [["Article No.", "Product name", "Price"], *[[f"A-{n}", f"red chair {n}", n + 0.5] for n in range(30)]]
    path = wrote(tmp_path, old_workbook({"Notes": [["Dear sirs"]], "List": [["Acme"], *rows]}), "prices.dat")
    found = propose(path, "acme")
    assert (found.values["format"], found.values["sheet"], found.values["header_row"]) == ("xls", "List", 2)
    assert (found.values["columns"]["item_id"], found.values["columns"]["title"]) == ("Article No.", "Product name")
    checked = check(path, "acme", Mapping.model_validate(found.values), Settings())
    assert (checked.rows, checked.counts["accepted"]) == (30, 30)


def test_many_rows_need_many_sectors(tmp_path: Path) -> None:
    rows = [["id", "name"], *[[n, f"Lamp {n}"] for n in range(9_000)]]
    found = read(wrote(tmp_path, old_workbook({"a": rows}))).rows
    assert (found.height, found["item_id"].to_list()[-1]) == (9_000, "8999")


GOOD = old_workbook({"a": PRICE_LIST[2:]})


def patched(old: bytes, new: bytes) -> bytes:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


def stream_name(name: str) -> bytes:
    text = name.encode("utf-16-le")
    return text.ljust(64, b"\0") + struct.pack("<H", len(text) + 2)


DIMENSIONS = struct.pack("<HHIIHHH", 0x200, 14, 0, 6, 0, 4, 0)
DAMAGED = {
    "empty behind its signature": GOOD[:8],
    "cut in the header": GOOD[:300],
    "cut in the table": GOOD[:700],
    "cut in the directory": GOOD[:1_100],
    "cut in the middle": GOOD[: len(GOOD) // 2],
    "last sector missing": GOOD[:-512],
    "garbage behind the header": GOOD[:512] + random.Random(1).randbytes(4_000),
    "garbage behind the signature": GOOD[:8] + random.Random(2).randbytes(8_000),
    "chain in a circle": GOOD[:512] + struct.pack("<4I", 0xFFFFFFFD, 0xFFFFFFFE, 3, 2) + GOOD[528:],
    "no stream of that name": patched("Workbook".encode("utf-16-le"), "Worktree".encode("utf-16-le")),
    "a sheet beyond the end": patched(struct.pack("<HH", 0x85, 10), struct.pack("<HHH", 0x85, 10, 0xFFFF)),
    "a size below nothing": patched(DIMENSIONS, struct.pack("<HHIIHHH", 0x200, 14, 9, 6, 0, 4, 0)),
    "no end of the sheet": GOOD.replace(struct.pack("<HH", 0x0A, 0), struct.pack("<HH", 0x0B, 0)),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_old_workbook_is_refused(tmp_path: Path, damage: str) -> None:
    with pytest.raises(FeedRefused, match="cannot be read") as caught:
        read(wrote(tmp_path, DAMAGED[damage]))
    assert caught.value.reason == "broken_workbook" and "again" in caught.value.remedy


def test_an_encrypted_workbook_is_refused(tmp_path: Path) -> None:
    newer = patched(stream_name("Workbook"), stream_name("EncryptedPackage"))  # how XLSX files are encrypted
    for content in (old_workbook({"a": PRICE_LIST}, password=True), newer):
        with pytest.raises(FeedRefused, match="password") as caught:
            read(wrote(tmp_path, content))
        assert caught.value.reason == "broken_workbook" and "without a password" in caught.value.remedy


def test_a_sheet_of_too_many_cells_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    """A cell far away, and a sheet that only says it is large: both would take gigabytes."""
    far = patched(struct.pack("<HHH", 0x27E, 10, 3), struct.pack("<HHH", 0x27E, 10, 65_000))
    far = far.replace(
        struct.pack("<HHHHH", 0x27E, 10, 65_000, 0, 0), struct.pack("<HHHHH", 0x27E, 10, 65_000, 60_000, 0)
    )
    large = patched(DIMENSIONS, struct.pack("<HHIIHHH", 0x200, 14, 0, 65_535, 0, 65_535, 0))
    for content in (far, large):
        with pytest.raises(FeedRefused) as caught:
            read(wrote(tmp_path, content))
        assert caught.value.reason == "workbook_too_large"


def test_a_reader_that_gives_up_costs_the_file_and_not_the_night(tmp_path: Path) -> None:
    """A date no calendar has makes the reader of workbooks panic, which no `except Exception` sees."""
    content = old_workbook({"a": [["id", "name", "since"], ["1", "x", datetime.date(2026, 1, 2)]]})
    day = struct.pack("<d", (datetime.date(2026, 1, 2) - datetime.date(1899, 12, 30)).days)
    path = wrote(tmp_path, content.replace(day, struct.pack("<d", -1e300)))
    for look in (read, lambda path: spreadsheets.first_rows(path, 10)):
        with pytest.raises(FeedRefused) as caught:
            look(path)
        assert caught.value.reason == "broken_workbook"


LOST = [
    ["id", "name", "gtin", "group", "note"],
    [LONG, "an id typed as a number", None, None, None],
    [str(LONG), "an id typed as text", None, None, None],
    [1234567890123456, "sixteen digits", None, None, None],
    [123456789012345, "fifteen digits", None, None, None],
    ["A", "a bar code", LONG, None, None],
    ["B", "a bar code as text", "4006381333931", None, None],
    ["C", "a product", None, LONG, None],
    ["D", "a note", None, None, LONG],
    ["E", "nothing long", 4006381333931, None, 1.5],
]


@pytest.mark.parametrize("suffix", ["xls", "xlsx"])
def test_numbers_that_lost_digits_are_no_ids(tmp_path: Path, suffix: str) -> None:
    path = wrote(tmp_path, (old_workbook if suffix == "xls" else workbook)({"a": LOST}), f"feed.{suffix}")
    columns = {**COLUMNS, "gtin": "gtin", "product_id": "group", "attributes": ["note"]}
    found = read(path, columns=columns)
    assert found.rejects.select("line", "item_id", "rule").rows() == [
        (2, "1.23456789012346E+17", "digits_lost"),
        (4, "1.23456789012346E+15", "digits_lost"),
        (8, "C", "digits_lost"),
    ]
    assert "item_id 1.23456789012346E+17" in found.rejects["detail"][0]
    assert "product_id" in found.rejects["detail"][2]
    mapping = Mapping.model_validate({"format": suffix, "columns": columns})
    items = canonicalize(found, "acme", mapping, Pictures(tmp_path)).items
    said = {row["item_id"]: (row["gtin"], row["flags"]) for row in items.iter_rows(named=True)}
    assert said[str(LONG)] == (None, [])
    assert said["123456789012345"] == (None, [])
    assert said["A"] == (None, ["gtin_scientific"])
    assert said["B"] == said["E"] == ("4006381333931", [])
    assert "1.23456789012346E+17" in items.filter(item_id="D")["attributes"].item()
    assert "as text" in RULES["digits_lost"].send and "as text" in remedy("gtin_scientific").send


def test_a_file_of_lost_ids_is_held_with_the_remedy_and_not_called_ragged(tmp_path: Path) -> None:
    rows = [["id", "name"], *[[LONG + 1_000 * n, f"lamp {n}"] for n in range(50)]]
    path = wrote(tmp_path, workbook({"a": rows}), "feed.xlsx")
    found = check(path, "acme", Mapping.model_validate({"format": "xlsx", "columns": COLUMNS}), Settings())
    assert (found.rows, found.accepted, [(rule.code, rule.rows) for rule in found.rules]) == (
        50,
        False,
        [("digits_lost", 50)],
    )
    assert "HELD" in text(found, "acme")


def test_an_id_out_of_several_columns_counts_by_the_one_it_comes_from(tmp_path: Path) -> None:
    rows = [["sku", "code", "name"], ["A", LONG, "its sku"], [None, LONG, "only the code"]]
    path = wrote(tmp_path, workbook({"a": rows}), "feed.xlsx")
    found = read(path, columns={"item_id": {"first": ["sku", "code"]}, "title": "name"})
    assert found.rows["item_id"].to_list() == ["A"]
    assert found.rejects["rule"].to_list() == ["digits_lost"]


def formatted(cells: dict[tuple[int, int], tuple[Any, str]], first: str = "Info") -> bytes:
    """A workbook whose second sheet, `Items`, has these cells: place -> value and number format."""
    packed = io.BytesIO()
    with xlsxwriter.Workbook(packed, {"in_memory": True}) as book:
        book.add_worksheet(first).write(0, 0, 7)
        sheet = book.add_worksheet("Items")
        for (row, column), (value, code) in cells.items():
            write = sheet.write_formula if str(value).startswith("=") else sheet.write
            write(row, column, value, book.add_format({"num_format": code}), *([42] if str(value)[0] == "=" else []))
    return packed.getvalue()


def table(rows: list[list[Any]], top: int = 0, left: int = 0) -> dict[tuple[int, int], tuple[Any, str]]:
    """The cells of a table that begins somewhere in a sheet."""
    every = ((row, column, cell) for row, cells in enumerate(rows) for column, cell in enumerate(cells))
    return {(top + row, left + at): cell if isinstance(cell, tuple) else (cell, "General") for row, at, cell in every}


ZEROS = "0000000000000"
SHOWN = [
    ["id", "name", "gtin", "price"],
    [(123, "00000"), "Mug", (12345670, ZEROS), (12.5, "00000")],
    [("45", "00000"), "a text is shown as it is", (4006381333931, ZEROS), (7, "0")],
    [(1234567, "00000;-00000;;@"), "longer than its format", None, None],
    [(7, '"SKU-"000'), "with letters", None, None],
    [("=6*7", "[Red]00000"), "what a formula left", None, None],
    [(20260102, "0000-00-00"), "in groups", None, None],
    [(5, "[<=99]000"), "only under a condition", None, (5, "# ##0")],
]


@pytest.mark.parametrize(("top", "left"), [(0, 0), (2, 3)])
def test_numbers_keep_the_zeros_that_their_format_shows(tmp_path: Path, top: int, left: int) -> None:
    path = wrote(tmp_path, formatted(table(SHOWN, top, left)), "feed.xlsx")
    columns = {**COLUMNS, "gtin": "gtin", "price": "price"}
    found = read(path, columns=columns, sheet="Items", header_row=top + 1).rows
    assert found["item_id"].to_list() == ["00123", "45", "1234567", "SKU-007", "00042", "2026-01-02", "5"]
    assert found["gtin"].to_list()[:2] == ["0000012345670", "4006381333931"]
    assert found["price"].to_list() == ["12.5", "7", None, None, None, None, "5"]


@pytest.mark.parametrize("left", [0, 2])
def test_an_old_workbook_keeps_the_zeros_that_its_formats_show(tmp_path: Path, left: int) -> None:
    blank: list[Any] = [None] * left
    rows = [row if row[1] != "what a formula left" else [("=42", "00000"), row[1]] for row in SHOWN]
    path = wrote(tmp_path, old_workbook({"Info": [[7]], "Items": [[], *([*blank, *row] for row in rows)]}))
    columns = {**COLUMNS, "gtin": "gtin", "price": "price"}
    found = read(path, columns=columns, sheet="Items", header_row=2).rows
    assert found["item_id"].to_list() == ["00123", "45", "1234567", "SKU-007", "00042", "2026-01-02", "5"]
    assert found["gtin"].to_list()[:2] == ["0000012345670", "4006381333931"]
    assert found["price"].to_list() == ["12.5", "7", None, None, None, None, "5"]


def test_a_form_is_proposed_from_the_numbers_as_they_are_shown(tmp_path: Path) -> None:
    rows: list[list[Any]] = [["Article No.", "Product name"], *[[(n, "000000"), f"red chair {n}"] for n in range(30)]]
    path = wrote(tmp_path, formatted(table(rows)), "feed.xlsx")
    found = propose(path, "acme")
    assert found.sample.column("Article No.").filled[:2] == ["000000", "000001"]
    assert check(path, "acme", Mapping.model_validate(found.values), Settings()).counts["accepted"] == 30


def test_styles_that_cannot_be_read_cost_the_zeros_only(tmp_path: Path) -> None:
    """A list of formats that is damaged, and one that calls for an entity: the reader of workbooks decides, nothing else."""
    book = formatted(table(SHOWN[:2]))
    for styles in (
        b"<styleSheet>",
        b'<!DOCTYPE s [<!ENTITY e SYSTEM "file:///etc/hostname">]><styleSheet>&e;</styleSheet>',
    ):
        path = wrote(tmp_path, with_part(book, "xl/styles.xml", styles), "feed.xlsx")
        try:
            assert read(path, sheet="Items").rows["item_id"].to_list() == ["123"]
        except FeedRefused as refused:
            assert refused.reason == "broken_workbook"
