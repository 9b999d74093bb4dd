"""`catalog correct`: any item, from a file, as a person's decision and a reported error."""

import csv
from pathlib import Path

import pytest
import xlsxwriter
from test_changes import OLD, Shop, command, write

from catalog.publishing.reader import query_published
from catalog.store import Store

HEADER = ["vendor", "item_id", "category", "note", "who"]


@pytest.fixture(scope="module")
def first_night(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """acme's a (Mugs) and b (Pots & Pans) labelled, 007 unlabelled; published."""
    made = Shop(tmp_path_factory.mktemp("corrections"))
    made.taxonomy(OLD + "8,4,Cups\n")
    made.label(("acme", "a", "2"), ("acme", "b", "3"))
    write(made.place.feeds / "acme" / "1.csv", ["item_id", "title"], [(i, f"{i} thing") for i in ("a", "b", "007")])
    made.night()
    return made


@pytest.fixture
def shop(first_night: Shop, tmp_path: Path) -> Shop:
    """A copy of it of one's own."""
    return first_night.copied(tmp_path / "shop")


def correct(shop: Shop, file: Path, *words: str) -> tuple[int, str]:
    return command("correct", file, "-w", shop.place.root, *words)


def asked(shop: Shop, query: str) -> list[tuple]:
    return query_published(shop.place.published_db, query).rows()


def said(shop: Shop) -> list[tuple]:
    with Store.open(shop.place.work_db) as store:
        return store.query("SELECT who, note FROM decisions WHERE source = 'correction' ORDER BY seq").rows()


def test_a_correction_moves_a_placed_item_and_files_a_waiting_one(shop: Shop, tmp_path: Path) -> None:
    rows = [
        ("acme", "a", "Toys > Kites", "it flies", "anna"),
        ("acme", "007", "trays", "", ""),
        ("acme", "b", "3", "", ""),
    ]
    with (shop.place.root / "catalog.toml").open("a") as settings:
        settings.write('\n[review]\nnames = "names"\n')
    file = write(tmp_path / "wrong.csv", HEADER, rows)
    assert correct(shop, file, "--by", "ben") == (0, "rows 3, applied 3, errors 1, repeated 0, problems 0\n")
    assert correct(shop, file, "--by", "ben") == (0, "already_imported 3\n")
    assert shop.night() == [("set", "007", "-7", "decided"), ("move", "a", "2-5", "decided")]
    assert asked(shop, "SELECT item_id, path, decided_by FROM current_category ORDER BY item_id") == [
        ("007", "Home > Trays", "person"), ("a", "Toys > Kites", "person"), ("b", "Home > Pots & Pans", "person"),
    ]  # fmt: skip
    assert asked(
        shop, "SELECT item_id, who, note FROM standing_decisions WHERE source = 'correction' ORDER BY item_id"
    ) == [("007", "ben", None), ("a", "anna", "it flies"), ("b", "ben", None)]
    assert asked(shop, "SELECT path, decided_by, reports, errors, refined FROM corrections ORDER BY path") == [
        ("Home > Mugs", "label", 1, 1, 0), ("Home > Pots & Pans", "label", 1, 0, 0), (None, None, 1, 0, 0),
    ]  # fmt: skip

    # a label file that comes later does not overrule it, and saying the same again adds nothing
    shop.label(("acme", "a", "2"))
    assert shop.night() == []
    again = write(tmp_path / "again.csv", HEADER[:3], [row[:3] for row in rows])
    assert correct(shop, again) == (0, "rows 3, applied 0, errors 0, repeated 3, problems 0\n")


def test_two_words_on_one_mistake_are_one_error(shop: Shop, tmp_path: Path) -> None:
    for number, category in enumerate(("5", "7")):
        file = write(tmp_path / f"{number}.csv", HEADER[:3], [("acme", "a", category)])
        assert correct(shop, file)[0] == 0
    assert shop.night() == [("move", "a", "2-7", "decided")]
    assert asked(shop, "SELECT category_id, reports, errors FROM corrections") == [("2", 1, 1)]


def test_problems_are_named_by_line_and_nothing_is_kept_unless_partial(shop: Shop, tmp_path: Path) -> None:
    rows = [
        ("acme", "a", "Toys > Kites"),
        ("acme", "7", "Trays"),  # a spreadsheet dropped its zeros
        ("acme", "nowhere", "Trays"),
        ("acme", "b", "Toys > Kitse"),
        ("acme", "007", "Cups"),  # two leaves are called so
        ("acme", "", "Trays"),
        ("acme", "a", "Trays"),
    ]
    file = write(tmp_path / "wrong.csv", HEADER[:3], rows)
    code, said = correct(shop, file)
    assert code == 1 and "applied 0" in said and "Nothing was kept" in said
    for line in (
        "row 3, item_id: there is no item acme 7 (acme 007)",
        "row 4, item_id: there is no item acme nowhere (Look it up:",
        "row 5, category: there is no category 'Toys > Kitse' (Toys > Kites",
        "row 6, category: there is no category 'Cups' (Home > Cups | Toys > Cups)",
        "row 7, item_id: is empty",
        "row 8, category: row 2 says another",
    ):
        assert line in said
    code, said = correct(shop, file, "--partial")
    assert (code, said.splitlines()[0]) == (0, "rows 7, applied 1, errors 1, repeated 0, problems 6")


def test_an_item_that_left_cannot_be_corrected(shop: Shop, tmp_path: Path) -> None:
    write(shop.place.feeds / "acme" / "2.csv", ["item_id", "title"], [(i, f"{i} thing") for i in ("a", "007")])
    shop.night()
    code, said = correct(shop, write(tmp_path / "wrong.csv", HEADER[:3], [("acme", "b", "5")]))
    assert code == 1 and "row 2, item_id: acme b is not delivered any more" in said


@pytest.mark.parametrize(
    ("delimiter", "encoding"), [(";", "cp1252"), (";", "cp1250"), ("\t", "utf-16"), (",", "utf-8-sig")]
)
def test_files_as_spreadsheets_save_them(shop: Shop, tmp_path: Path, delimiter: str, encoding: str) -> None:
    file = tmp_path / "saved.csv"
    with file.open("w", newline="", encoding=encoding) as lines:
        writer = csv.writer(lines, delimiter=delimiter)
        writer.writerows([["category", "item_id", "vendor", "note"], ["Kites", "a", "acme", "größer"]])
    assert correct(shop, file)[1].startswith("rows 1, applied 1")


def test_a_note_in_cyrillic_is_kept_as_it_was_written(shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "saved.csv"
    with file.open("w", newline="", encoding="cp1251") as lines:
        csv.writer(lines, delimiter=";").writerows([[*HEADER], ["acme", "a", "Kites", "летает", "Анна"]])
    assert correct(shop, file)[1].startswith("rows 1, applied 1")
    assert said(shop) == [("Анна", "летает")]


def test_a_reviewer_is_one_name_in_any_capitals(shop: Shop, tmp_path: Path) -> None:
    rows = [("acme", "a", "Kites", "", "Anna  Maria"), ("acme", "b", "Kites", "", "anna maria")]
    assert correct(shop, write(tmp_path / "1.csv", HEADER, rows))[0] == 0
    assert correct(shop, write(tmp_path / "2.csv", HEADER[:3], [("acme", "a", "Trays")]), "--by", " ANNA MARIA")[0] == 0
    assert said(shop) == [("Anna Maria", None)] * 3


def test_nobody_corrects_in_the_ledgers_own_name(shop: Shop, tmp_path: Path) -> None:
    code, text = correct(shop, write(tmp_path / "1.csv", HEADER, [("acme", "a", "Kites", "", "Adjudication")]))
    assert code == 1 and "row 2, who: no reviewer is called 'Adjudication'" in text
    assert correct(shop, write(tmp_path / "2.csv", HEADER[:3], [("acme", "a", "5")]), "--by", "adjudication")[0] == 1


def test_a_workbook(shop: Shop, tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "wrong.xlsx") as book:
        sheet = book.add_worksheet()
        for number, row in enumerate([HEADER[:3], ["acme", "a", "Kites"]]):
            sheet.write_row(number, 0, row)
    assert correct(shop, tmp_path / "wrong.xlsx")[1].startswith("rows 1, applied 1")


def test_a_file_without_the_columns_and_one_that_is_not_there(shop: Shop, tmp_path: Path) -> None:
    code, said = correct(shop, write(tmp_path / "wrong.csv", ["item_id", "category"], [("a", "5")]))
    assert code == 1 and "vendor, item_id and category" in said
    code, said = correct(shop, tmp_path / "none.csv")
    assert code == 1 and "does not exist" in said
