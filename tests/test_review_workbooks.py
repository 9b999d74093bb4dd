"""Review sheets as workbooks: what a spreadsheet program would find in the file, and the way back."""

import re
import zipfile
from pathlib import Path

import fastexcel
import numpy as np
import polars as pl
import pytest
import xlsxwriter
from PIL import Image
from review_desk import MUGS, PANS, Desk, standing

from catalog import sheets
from catalog.errors import CatalogError
from catalog.pictures.thumbnails import SIDE, thumbnail
from catalog.review import sheet_files, workbooks
from catalog.review.decisions import MEANINGS, WORDS
from catalog.taxonomies.taxonomy import from_paths
from catalog.taxonomies.versions import save_taxonomy
from pipelines import review

WILD = ["=1+1", "+1", "-5 °C", "@x", "'quoted", "\ttab", "two\nlines", "http://x.test/a", "007", "1e5"]


def workbook(desk: Desk) -> Path:
    (path,) = review.export(desk.job(), form="xlsx")
    return path


def tab(path: Path, name: str) -> pl.DataFrame:
    return fastexcel.read_excel(path.read_bytes()).load_sheet(name, dtypes="string").to_polars()


def part(path: Path, name: str) -> str:
    with zipfile.ZipFile(path) as parts:
        return parts.read(name).decode()


def saved(desk: Desk, frame: pl.DataFrame, name: str = "back.xlsx") -> Path:
    """As another program saves it: numbers where they look like numbers."""
    path = desk.workspace.root / name
    with xlsxwriter.Workbook(path, {"strings_to_numbers": True}) as book:
        sheet = book.add_worksheet("review")
        for line, row in enumerate([frame.columns, *frame.rows()]):
            for place, value in enumerate(row):
                sheet.write(line, place, value)
    return path


def test_the_tab_has_the_columns_of_a_sheet_and_every_cell_is_text(desk: Desk) -> None:
    for n, title in enumerate(WILD):
        desk.item(f"a{n}", title=title)
    path = workbook(desk)
    assert path.suffix == ".xlsx"
    rows = tab(path, "review")
    assert rows.columns == list(sheets.COLUMNS)
    assert {sheets.original(title) for title in rows["title"]} == set(WILD)
    assert not [title for title in rows["title"] if title.startswith(("=", "+", "-", "@", "\t"))]
    cells = part(path, "xl/worksheets/sheet1.xml")
    assert "<f>" not in cells and "hyperlink" not in cells
    assert set(re.findall(r'<c r="[A-Z]+\d+" s="\d+"(?: t="(\w+)")?', cells)) <= {"s", ""}
    assert re.search(r'<pane xSplit="1" ySplit="1"[^>]*state="frozen"', cells)
    assert "<autoFilter ref=" in cells


def test_drop_downs_come_from_a_hidden_range_and_only_warn(desk: Desk) -> None:
    paths = [f"Department {n} > {'Shelf ' * 20}{n}" for n in range(40)]
    save_taxonomy(desk.store, from_paths(paths), "long")  # as a list within the cell: far over 255 characters
    desk.item("a1", top=())
    path = workbook(desk)
    cells = part(path, "xl/worksheets/sheet1.xml")
    rules = re.findall(r"<dataValidation [^>]*>.*?</dataValidation>", cells)
    assert len(rules) == 2
    assert all('errorStyle="warning"' in rule for rule in rules)
    assert [re.search("<formula1>(.*)</formula1>", rule)[1] for rule in rules] == [
        "lists!$A$1:$A$13",
        "lists!$B$1:$B$80",
    ]
    assert 'name="lists" sheetId="3" state="veryHidden"' in part(path, "xl/workbook.xml")
    hidden = fastexcel.read_excel(path.read_bytes()).load_sheet("lists", header_row=None, dtypes="string").to_polars()
    assert hidden.to_series(0).drop_nulls().to_list()[:2] == ["accept", "1"]
    assert set(hidden.to_series(1)) >= {paths[0]}


def test_a_tab_lists_every_category_with_its_scope(desk: Desk) -> None:
    desk.item("a1")
    rows = tab(workbook(desk), "categories")
    assert rows.columns[:3] == ["category_id", "path", "scope_note"]
    assert ("0021", "Toys > Puzzles") in rows.select("category_id", "path").rows()
    assert rows.height == 8


def test_a_tab_says_what_each_decision_means(desk: Desk) -> None:
    desk.item("a1")
    words, meanings = tab(workbook(desk), "decisions").get_columns()
    assert words.to_list() == ["(empty)", *WORDS] == ["(empty)", *MEANINGS]
    assert all(meanings.to_list())


def test_pictures_are_small_and_encoded_anew_and_missing_ones_are_empty(desk: Desk, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (900, 1200, 3), dtype=np.uint8)
    big, broken = tmp_path / "big.png", tmp_path / "broken.jpg"
    exif = Image.Exif()
    exif[0x010E] = "vendor's secret"
    Image.fromarray(noise).save(big, exif=exif)
    broken.write_bytes(b"<svg onload=alert(1)>")
    for item, picture in (("a0", big), ("a1", broken), ("a2", tmp_path / "none.jpg"), ("a3", big)):
        desk.item(item, image=str(picture))
    path = workbook(desk)
    with zipfile.ZipFile(path) as parts:
        media = [name for name in parts.namelist() if name.startswith("xl/media/")]
        drawing = parts.read("xl/drawings/drawing1.xml").decode()
        content = parts.read(media[0])
    assert len(media) == 1  # the same picture twice
    assert re.findall(r"<xdr:from>.*?<xdr:row>(\d+)</xdr:row>", drawing) == ["1", "4"]
    assert content[:3] == b"\xff\xd8\xff" and len(content) < 20_000 and b"secret" not in content
    shown = thumbnail(str(big))
    assert shown == content
    with Image.open(path.parent / _written(tmp_path, content)) as image:
        assert image.size == (SIDE, SIDE * 3 // 4)
    assert str(big) in tab(path, "review")["image"].to_list()


def _written(folder: Path, content: bytes) -> Path:
    path = folder / "thumbnail.jpg"
    path.write_bytes(content)
    return path


def test_the_same_rows_give_the_same_bytes(desk: Desk) -> None:
    desk.item("a1")
    job = desk.job()
    (path,) = review.export(job, form="xlsx")
    before = path.read_bytes()
    assert review.export(job, form="xlsx") == [path]
    assert path.read_bytes() == before


def test_a_filled_workbook_comes_back_however_it_was_saved(desk: Desk) -> None:
    for n in range(4):
        desk.item(f"a{n}")
    rows = tab(workbook(desk), "review")
    answers = pl.Series("decision", ["2", None, "accept", None])
    rows = rows.with_columns(answers, pl.Series("Category ", [None, "Pans, garden", None, None])).drop("category")
    rows = rows.with_columns(
        pl.Series("Category ", [None, "home>garden>pans", None, None]), pl.lit("x").alias("mine")
    ).reverse()
    report = review.import_sheet(desk.job(), saved(desk, rows.select(reversed(rows.columns))), reviewer="anna")
    assert not report.problems
    assert report.counts["applied"] == 3
    assert standing(desk) == [("a0", "category", PANS), ("a1", "category", "121"), ("a2", "category", MUGS)]


def test_zeros_a_spreadsheet_dropped_are_a_problem_with_the_row_it_shows(desk: Desk) -> None:
    desk.item("a0")
    desk.item("a1")
    rows = tab(workbook(desk), "review").with_columns(category=pl.Series([None, "21"]))
    (problem,) = review.import_sheet(desk.job(), saved(desk, rows)).problems
    assert (problem.line, problem.column, problem.suggestion) == (3, "category", "0021")


def test_the_same_workbook_twice_changes_nothing(desk: Desk) -> None:
    desk.item("a0")
    rows = tab(workbook(desk), "review").with_columns(decision=pl.lit("1"))
    file = saved(desk, rows)
    assert review.import_sheet(desk.job(), file).counts["applied"] == 1
    assert review.import_sheet(desk.job(), file).counts == {"already_imported": 1}


@pytest.mark.parametrize("name", ["feed.xlsx", "torn.xlsx"])
def test_what_is_no_review_workbook_names_the_remedy(desk: Desk, name: str) -> None:
    file = saved(desk, pl.DataFrame({"item_id": ["1"], "decision": ["accept"]}), "feed.xlsx")
    torn = desk.workspace.root / "torn.xlsx"
    torn.write_bytes(file.read_bytes()[:900])
    with pytest.raises(CatalogError, match=r"token|Save the sheet again"):
        sheet_files.read(desk.workspace.root / name)


def test_reading_finds_the_tab_wherever_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "mine.xlsx"
    with xlsxwriter.Workbook(path) as book:
        book.add_worksheet("notes").write(0, 0, "call Bob")
        sheet = book.add_worksheet("my copy")
        for place, name in enumerate(("Decision", "Token")):
            sheet.write(2, place, name)
            sheet.write(3, place, ("accept", "BBBBBBBBBBBBB")[place])
    assert [line for line, _ in workbooks.read(path)] == [3, 4]
    assert [(a.line, a.decision) for a in sheet_files.read(path).answers] == [(4, "accept")]
