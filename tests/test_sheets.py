"""Review sheets as files: inert and lossless cells, and every way a spreadsheet sends them back."""

import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from catalog import sheets
from catalog.errors import CatalogError
from catalog.review import sheet_files
from catalog.sheets import Answer

HEADER = ["token", "title", "decision", "category", "note", "reviewer"]
ROWS = [
    ["BBBBBBBBBBBBB", "Krug, groß; 5\" 'rot'", "accept", "", "größer", "anna"],
    ["CCCCCCCCCCCCC", "mug\nwith a line", "", "Home > Mugs", "", ""],
    ["DDDDDDDDDDDDD", "007", "", "", "", ""],
]
EXPECTED = (
    Answer(2, "BBBBBBBBBBBBB", "accept", "", "größer", "anna"),
    Answer(3, "CCCCCCCCCCCCC", "", "Home > Mugs"),
    Answer(4, "DDDDDDDDDDDDD"),
)


def saved(path: Path, rows: list[list[str]], *, delimiter: str = ",", encoding: str = "utf-8") -> Path:
    """A file as a spreadsheet would save these cells."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))
    return path


@given(st.text())
@example("=1+1")
@example("'=1+1")
@example("''")
@example("@SUM(A1)")
@example("\tx")
@example("\r\n=x")
@example("-5")
def test_cells_are_inert_and_lossless(text: str) -> None:
    cell = sheets.inert(text)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert sheets.original(cell) == text


@pytest.mark.parametrize("text", ["Mug 5-piece = blue", "Pan, 19,- EUR", "4,-", "a; -5", "1,5-2,5 kg", "x,-"])
def test_inert_leaves_ordinary_text_alone(text: str) -> None:
    assert sheets.inert(text) == text


@given(st.text("=+-@';,|\t\n\uff1d x1", max_size=12))
@example("mug;=1+cmd|' /C calc'!A0;x")
@example("mug\n-1+cmd|' /C calc'!A0")
def test_cells_are_inert_and_lossless_wherever_a_spreadsheet_divides_them(text: str) -> None:
    cell = sheets.inert(text)
    for part in re.split(r"[,;|\t\r\n]", cell):
        assert not re.match(r"[=+@\uff1d]|-[^ ]", part)
    assert sheets.original(cell) == text


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=2), max_size=5))
def test_what_is_rendered_is_read_back_whatever_vendors_write(cells: list[list[str]]) -> None:
    content = sheets.render(("a", "b"), cells, delimiter=";")
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=";"))
    assert [[sheets.original(cell) for cell in row] for row in rows[1:]] == cells


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_a_sheet_is_read_as_any_spreadsheet_saves_it(tmp_path: Path, delimiter: str, encoding: str) -> None:
    file = saved(tmp_path / "s.csv", [HEADER, *ROWS], delimiter=delimiter, encoding=encoding)
    assert sheets.read(file).answers == EXPECTED


def test_columns_may_be_moved_added_renamed_in_case_and_removed(tmp_path: Path) -> None:
    rows = [["Reviewer", "my remarks", " DECISION ", "Token"], ["bob", "x", "2", "BBBBBBBBBBBBB"]]
    (answer,) = sheets.read(saved(tmp_path / "s.csv", rows)).answers
    assert answer == Answer(2, "BBBBBBBBBBBBB", "2", reviewer="bob")


def test_row_numbers_are_the_spreadsheets_own(tmp_path: Path) -> None:
    rows = [HEADER, [""] * 6, ROWS[1], [], ROWS[0]]
    assert [a.line for a in sheets.read(saved(tmp_path / "s.csv", rows)).answers] == [3, 5]


def test_a_separator_line_and_short_rows_are_understood(tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    file.write_text("sep=;\ntoken;decision;category\nBBBBBBBBBBBBB;none\n")
    assert sheets.read(file).answers == (Answer(3, "BBBBBBBBBBBBB", "none"),)


ANSI = {
    "cp1251": ("Кружка керамическая", "Дом > Кухня > Кружки", "не та картинка, см. №7", "Анна"),
    "cp1250": ("Pleťová maska, žlutá", "Dům > Kuchyně", "špatný obrázek", "Jiří"),
    "cp1252": ("Crème brûlée façon maison", "Maison > Cuisine", "à vérifier, déjà vu", "Zoé"),
    "cp1253": ("Κούπα κεραμική", "Σπίτι > Κουζίνα", "λάθος εικόνα", "Άννα"),
    "cp1254": ("Çay bardağı, şık", "Ev > Mutfak eşyası", "yanlış görüntü", "Ayşe"),
    "cp1257": ("Puodelis, žalias, šviesus", "Namai > Virtuvė", "ne tas paveikslėlis, žiūrėti į kitą", "Eglė"),
}


@pytest.mark.parametrize("encoding", ANSI)
def test_a_sheet_is_read_in_what_windows_means_by_ansi_where_it_was_saved(tmp_path: Path, encoding: str) -> None:
    title, category, note, who = ANSI[encoding]
    rows = [HEADER, ["BBBBBBBBBBBBB", title, "", category, note, who]]
    file = saved(tmp_path / "s.csv", rows, delimiter=";", encoding=encoding)
    assert sheet_files.read(file).answers == (Answer(2, "BBBBBBBBBBBBB", "", category, note, who),)


def test_letters_too_few_to_tell_are_read_as_declared_and_tokens_stay(tmp_path: Path) -> None:
    file = saved(
        tmp_path / "s.csv", [["token", "decision", "note"], ["BBBBBBBBBBBBB", "accept", "Да"]], encoding="cp1251"
    )
    (found,), (declared,) = sheet_files.read(file).answers, sheet_files.read(file, "windows-1251").answers
    assert (found.token, found.decision) == (declared.token, declared.decision) == ("BBBBBBBBBBBBB", "accept")
    assert declared.note == "Да"
    for wrong in ("utf-8", "windows-125x"):
        with pytest.raises(CatalogError, match=f"as {wrong}"):
            sheet_files.read(file, wrong)


def test_one_quote_is_taken_from_what_a_reviewer_reads_back(tmp_path: Path) -> None:
    rows = [["token", "category"], ["BBBBBBBBBBBBB", "'-5 degrees"]]
    assert sheets.read(saved(tmp_path / "s.csv", rows)).answers[0].category == "-5 degrees"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"item_id,decision\n1,accept\n", "'token'"),
        (b"token,title\nB,x\n", "'decision'"),
        (b"token,decision,Decision\nB,1,2\n", "twice"),
        (b"PK\x03\x04\x00\x00binary\x00", "not a text file"),
        (b"\x81\x8d\x8f,decision\n", "'token'"),
        (b"\xff\xfe\x00", "not a text file"),
        (b"token,decision\nB," + b"x" * 1_100_000, "cannot be read"),
    ],
)
def test_what_is_no_sheet_is_refused_with_a_remedy(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "s.csv"
    file.write_bytes(content)
    with pytest.raises(CatalogError, match=says) as caught:
        sheets.read(file)
    assert caught.value.remedy


def test_a_missing_sheet_is_refused_and_a_folder_too(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(CatalogError, match="no sheet"):
            sheets.read(path)


def test_a_giant_file_is_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    with file.open("wb") as handle:
        handle.truncate(sheets.MAX_BYTES + 1)
    with pytest.raises(CatalogError, match="MiB"):
        sheets.read(file)


def test_files_replace_old_ones_and_leave_nothing_else(tmp_path: Path) -> None:
    old = tmp_path / "out" / "a.csv"
    old.parent.mkdir()
    old.write_text("old")
    sheets.write({old: b"new", tmp_path / "out" / "b.csv": b"b"}, point="test")
    assert {p.name: p.read_bytes() for p in old.parent.iterdir()} == {"a.csv": b"new", "b.csv": b"b"}


def test_a_write_that_fails_keeps_the_old_file_and_names_the_remedy(tmp_path: Path) -> None:
    good, blocked = tmp_path / "a.csv", tmp_path / "b.csv"
    good.write_text("old")
    (tmp_path / ".b.csv.part").mkdir()  # opening it for writing fails as a full disk would, after a.csv was prepared
    with pytest.raises(CatalogError, match=r"cannot be written.*again"):
        sheets.write({good: b"new", blocked: b"b"}, point="test")
    assert good.read_text() == "old"
    assert not (tmp_path / ".a.csv.part").exists()
