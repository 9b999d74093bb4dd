"""The commands `catalog review ...` on a real workspace: what a person types and what she reads."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from review_desk import Desk, cells
from typer.testing import CliRunner

from catalog import sheets
from catalog.errors import CatalogError
from catalog.settings import Workspace
from catalog.store import Store
from pipelines import workspace
from pipelines.cli import app


class Shop:
    """A workspace and the command line in front of it."""

    def __init__(self, root: Path) -> None:
        self.place = Workspace(root)

    def stock(self, put: Callable[[Desk], None]) -> None:
        with Store.open(self.place.work_db) as store:
            put(Desk(self.place.root, store))

    def ran(self, *arguments: str) -> str:
        """What a review command prints; whatever exit status but 0 fails the test."""
        result = CliRunner().invoke(app, ["review", *arguments, "-w", str(self.place.root)], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    def fails(self, *arguments: str) -> str:
        """What a review command says on standard error when it ends with 1."""
        result = CliRunner().invoke(app, ["review", *arguments, "-w", str(self.place.root)])
        assert result.exit_code == 1
        return str(result.exception) if isinstance(result.exception, CatalogError) else result.stderr

    def filled(self, sheet: Path, answers: dict[str, str], name: str = "back.csv") -> str:
        """The path of a copy of a sheet with a decision for each of these items."""
        rows = [row | {"decision": answers.get(row["item_id"], "")} for row in cells(sheet)]
        file = self.place.root / name
        file.write_bytes(sheets.render(list(rows[0]), [list(row.values()) for row in rows]))
        return str(file)


@pytest.fixture
def shop(tmp_path: Path, prepared: Path) -> Shop:
    workspace.init(tmp_path / "shop")
    found = Shop(tmp_path / "shop")
    shutil.copy(prepared, found.place.work_db)
    return found


def some(count: int, **facts: object) -> Callable[[Desk], None]:
    def put(desk: Desk) -> None:
        for n in range(count):
            desk.item(f"a{n}", **facts)

    return put


def test_two_reviewers_get_sheets_that_share_no_row(shop: Shop) -> None:
    shop.stock(some(5))
    (anna,) = map(Path, shop.ran("export", "--reviewer", "anna", "--limit", "3", "--lease", "4h").split())
    (bob,) = map(Path, shop.ran("export", "--reviewer", "bob", "--limit", "3").split())
    taken = [{row["item_id"] for row in cells(sheet)} for sheet in (anna, bob)]
    assert (len(taken[0]), len(taken[1]), taken[0] & taken[1]) == (3, 2, set())
    assert {row["reviewer"] for row in cells(anna)} == {"anna"}
    assert "Nothing is free" in shop.ran("export")
    assert shop.ran("give-back", "anna") == "3 rows are free again.\n"
    (rest,) = map(Path, shop.ran("export").split())
    assert {row["item_id"] for row in cells(rest)} == taken[0]
    assert {row["reviewer"] for row in cells(rest)} == {""}


def test_answers_carry_the_name_the_sheet_was_written_for(shop: Shop) -> None:
    shop.stock(some(2))
    (sheet,) = map(Path, shop.ran("export", "--reviewer", "anna").split())
    assert "applied 1" in shop.ran("import", shop.filled(sheet, {"a0": "accept"}))
    with Store.open(shop.place.work_db) as store:
        assert store.query("SELECT item_id, who FROM decisions").rows() == [("a0", "anna")]
        assert store.query("SELECT item_id FROM live_leases").rows() == [("a1",)]


def test_a_share_by_reason_and_department(shop: Shop) -> None:
    def put(desk: Desk) -> None:
        some(2, reason="close_call")(desk)
        desk.item("toy", reason="close_call", top=("0021",))
        desk.item("other", reason="no_text")

    shop.stock(put)
    (sheet,) = map(
        Path, shop.ran("export", "--reviewer", "a", "--reason", "close_call", "--department", "Home").split()
    )
    assert {row["item_id"] for row in cells(sheet)} == {"a0", "a1"}
    assert "Home, Toys" in shop.fails("export", "--reviewer", "a", "--department", "Cellar")
    assert "2d" in shop.fails("export", "--reviewer", "a", "--lease", "soon")
    assert "--reviewer NAME" in shop.fails("export", "--reviewer", " ")
    assert "csv, xlsx" in shop.fails("export", "--format", "pdf")


def test_the_status_names_what_waits_who_holds_it_and_how_fast_it_goes(shop: Shop) -> None:
    assert "Nothing waits for a person." in shop.ran("status")
    shop.stock(some(4, group_id="g", reason="close_call"))
    (sheet,) = map(Path, shop.ran("export", "--reviewer", "anna", "--limit", "3").split())
    shop.ran("import", shop.filled(sheet, {"a0": "1", "a1": "2"}))
    lines = shop.ran("status").splitlines()
    assert lines[0] == "4 items wait, 1 decision would settle them"
    assert lines[1].split()[:4] == ["close_call", "4", "items", "1"]
    text = "\n".join(lines)
    assert f"{sheet.name}" in text and "3 of 3 rows answered" in text
    assert "anna                      2 answers, 3 items settled, on 1 days" in text
    assert "Nobody holds a row" in text


def test_an_import_is_listed_taken_back_and_refused_a_second_time(shop: Shop) -> None:
    assert "No sheet has been imported" in shop.ran("imports")
    shop.stock(some(2))
    (sheet,) = map(Path, shop.ran("export").split())
    said = shop.ran("import", shop.filled(sheet, {"a0": "accept", "a1": "none"}), "--reviewer", "anna")
    done = said.split("catalog review undo ")[1].strip()
    assert done in shop.ran("imports")
    assert "taken_back 2" in shop.ran("undo", done, "--by", "dora")
    assert "taken back" in shop.ran("imports")
    assert "taken back already" in shop.fails("undo", done)
    assert "catalog review imports" in shop.fails("undo", "unknown")
    assert len(cells(Path(shop.ran("export").strip()))) == 2


def test_problems_name_the_row_the_suggestion_and_the_list_of_them(shop: Shop) -> None:
    shop.stock(some(2))
    (sheet,) = map(Path, shop.ran("export").split())
    file = shop.filled(sheet, {"a0": "acept", "a1": "none"})
    said = shop.fails("import", file)
    assert "row 2, decision: there is no decision 'acept' (accept)" in said
    (listed,) = cells(shop.place.inbox / "back.problems.csv")
    assert (listed["line"], listed["column"], listed["suggestion"]) == ("2", "decision", "accept")
    assert str(shop.place.inbox / "back.problems.csv") in said
    assert "applied 1" in shop.ran("import", file, "--partial")
