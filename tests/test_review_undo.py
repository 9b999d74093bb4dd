"""Taking an import back: by appending, completely, and without a word of anybody else."""

import pytest
from review_desk import MUGS, PANS, PUZZLES, Desk, standing

from catalog.errors import CatalogError
from catalog.jobs import Counts, now
from catalog.placement import ledger
from catalog.review import undo
from catalog.taxonomies.taxonomy import from_paths
from catalog.taxonomies.versions import save_taxonomy
from pipelines.review import ImportReport

Rows = list[dict[str, str]]


def answered(desk: Desk, rows: Rows, reviewer: str, **decisions: str) -> ImportReport:
    """Sends a copy of a sheet back with these decisions."""
    filled = [row | {"decision": decisions.get(row["item_id"], ""), "reviewer": reviewer} for row in rows]
    report = desk.answer(filled, name=f"{reviewer}.csv")
    assert not report.problems
    return report


def answer(desk: Desk, rows: Rows, reviewer: str, **decisions: str) -> str:
    """The same; the import's id."""
    return str(answered(desk, rows, reviewer, **decisions).import_id)


def renamed(desk: Desk) -> None:
    """A new hierarchy, in which mugs are cups and little else is left."""
    new = from_paths(["Home > Kitchen > Cups", "Toys > Puzzles"], ["cups", "0021"])
    save_taxonomy(desk.store, new, "renamed")
    seq = desk.store.one("SELECT max(seq) FROM taxonomies")
    moved = {"import_seq": seq, "kind": "renamed", "mapped_at": now()}
    desk.store.append_row("category_map", old_id=MUGS, new_id="cups", **moved)


def take_back(desk: Desk, import_id: str) -> Counts:
    before = desk.said("decision_id, seq, verdict, category_id, who")
    counts = undo.undo(desk.job(), import_id, undo.By("dora", "wrong sheet"))
    assert desk.said("decision_id, seq, verdict, category_id, who")[: len(before)] == before  # appended, never changed
    return counts


def test_what_a_sheet_said_no_longer_stands_and_is_asked_again(desk: Desk) -> None:
    for n in range(3):
        desk.item(f"a{n}", group_id="g")
    sheet = desk.sheet()
    done = answer(desk, sheet, "anna", a0="1")
    assert desk.sheet() == []
    assert take_back(desk, done) == {"taken_back": 3, "earlier_stand_again": 0, "conflicts_over": 0, "undecided": 3}
    assert standing(desk) == []
    assert len(desk.sheet()) == 3
    assert answer(desk, sheet, "anna", a0="1") != done  # the same file may come again
    assert len(standing(desk)) == 3


def test_earlier_decisions_stand_again(desk: Desk) -> None:
    desk.item("a")
    desk.item("b")
    sheet = desk.sheet()
    answer(desk, sheet, "anna", a="1")
    done = answer(desk, sheet, "anna", a="2", b="none")
    assert standing(desk) == [("a", "category", PANS), ("b", "none", None)]
    assert take_back(desk, done) == {"taken_back": 2, "earlier_stand_again": 1, "conflicts_over": 0, "undecided": 1}
    assert standing(desk) == [("a", "category", MUGS)]


def test_what_others_said_later_stays(desk: Desk) -> None:
    desk.item("a")
    done = answer(desk, desk.sheet(), "anna", a="unsure")
    answer(desk, desk.sheet(), "bob", a="3")
    assert take_back(desk, done)["undecided"] == 0
    assert standing(desk) == [("a", "category", PUZZLES)]


def test_a_conflict_is_over_when_one_side_is_taken_back(desk: Desk) -> None:
    desk.item("a")
    sheet = desk.sheet()
    anna, bob = answer(desk, sheet, "anna", a="1"), answer(desk, sheet, "bob", a="2")
    assert standing(desk) == [("a", "unsure", None)]
    assert take_back(desk, anna)["conflicts_over"] == 1
    assert standing(desk) == [("a", "category", PANS)]
    take_back(desk, bob)  # said again or not: his answer goes with his sheet
    assert standing(desk) == []


def test_the_other_side_of_a_conflict_goes_with_its_marker(desk: Desk) -> None:
    desk.item("a")
    sheet = desk.sheet()
    answer(desk, sheet, "anna", a="1")
    take_back(desk, answer(desk, sheet, "bob", a="2"))
    assert standing(desk) == [("a", "category", MUGS)]


def test_two_who_still_disagree_stay_a_conflict(desk: Desk) -> None:
    desk.item("a")
    sheet = desk.sheet()
    answer(desk, sheet, "anna", a="1")
    bob = answer(desk, sheet, "bob", a="2")
    answer(desk, sheet, "carl", a="3")
    assert take_back(desk, bob)["conflicts_over"] == 0
    assert standing(desk) == [("a", "unsure", None)]


def test_a_decision_that_stands_again_is_told_in_the_ids_of_today(desk: Desk) -> None:
    desk.item("a")
    sheet = desk.sheet()
    answer(desk, sheet, "anna", a="1")
    done = answer(desk, sheet, "anna", a="2")
    renamed(desk)
    take_back(desk, done)
    assert standing(desk) == [("a", "category", "cups")]
    assert desk.said("who")[-1] == ("anna",)


def test_the_night_after_has_something_to_do(desk: Desk) -> None:
    desk.store.append_row("models", model_id="m1", facts="{}")
    desk.item("a")
    done = answer(desk, desk.sheet(), "anna", a="1")
    before = ledger.state_key(desk.store, desk.settings)
    take_back(desk, done)
    assert ledger.state_key(desk.store, desk.settings) != before


def test_an_unknown_import_and_one_taken_back_are_refused(desk: Desk) -> None:
    desk.item("a")
    done = answer(desk, desk.sheet(), "anna", a="1")
    with pytest.raises(CatalogError, match="catalog review imports"):
        take_back(desk, "nothing")
    take_back(desk, done)
    with pytest.raises(CatalogError, match=r"taken back already.*by dora"):
        take_back(desk, done)
    (line,) = undo.imports(desk.store)
    assert line.startswith(done) and "anna.csv" in line and "taken back" in line


def test_an_answer_is_in_time_again_once_what_it_disagreed_with_is_gone(desk: Desk) -> None:
    desk.item("a")
    sheet = desk.sheet()
    take_back(desk, answer(desk, sheet, "anna", a="1"))
    answer(desk, sheet, "bob", a="2")
    assert standing(desk) == [("a", "category", PANS)]


def test_what_agreed_with_a_sheet_that_is_gone_does_not_overwrite_what_it_replaced(desk: Desk) -> None:
    desk.item("a", input_hash="in-0")
    early = desk.sheet()
    answer(desk, early, "anna", a="1")
    desk.item("a", input_hash="in-1")
    carl = answer(desk, desk.sheet(), "carl", a="3")  # written after Anna's answer: it replaces that
    desk.item("a", input_hash="in-0")
    answer(desk, early, "bob", a="3")  # agrees with Carl
    assert standing(desk) == [("a", "category", PUZZLES)]
    take_back(desk, carl)
    assert standing(desk) == [("a", "unsure", None)]  # Bob never saw what Anna said
    assert len(desk.sheet()) == 1


def test_agreement_is_seen_through_a_renaming(desk: Desk) -> None:
    desk.item("a")
    sheet = desk.sheet()
    answer(desk, sheet, "anna", a="1")
    bob = answer(desk, sheet, "bob", a="2")
    renamed(desk)
    answer(desk, sheet, "carl", a="1")
    assert standing(desk) == [("a", "unsure", None)]
    assert take_back(desk, bob)["conflicts_over"] == 1
    assert standing(desk) == [("a", "category", "cups")]


def test_an_answer_that_is_said_again_under_new_ids_is_no_new_one(desk: Desk) -> None:
    desk.item("a")
    sheet = desk.sheet()
    answer(desk, sheet, "anna", a="1")
    answer(desk, sheet, "bob", a="2")
    renamed(desk)
    assert answered(desk, sheet, "anna", a="accept").counts["repeated"] == 1
