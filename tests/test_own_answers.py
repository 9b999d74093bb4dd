"""Taking an answer back: appended, never deleted; what stood before it stands again."""

from datetime import timedelta

from review_desk import MUGS, PANS, PUZZLES, START, Desk, standing

from catalog.jobs import now
from catalog.review import leases, own_answers, screens, undo
from catalog.review.leases import Wanted
from catalog.sheets import Answer
from catalog.taxonomies.versions import latest_taxonomy
from pipelines import review

HOUR = timedelta(hours=1)


def lend(desk: Desk, reviewer: str) -> tuple:
    return leases.take(desk.job(), Wanted(reviewer, HOUR)).rows


def say(desk: Desk, reviewer: str, rows: tuple, category: str, name: str) -> str:
    answers = [Answer(n, row.token, "", category if n == 0 else "") for n, row in enumerate(rows)]
    return str(review.answer(desk.job(), answers, submission=name, reviewer=reviewer).import_id)


def take_back(desk: Desk, import_id: str) -> list:
    items = own_answers.offered_for(desk.job(), import_id)
    undo.undo(desk.job(), import_id, undo.By("anna"))
    return items


def test_what_stood_before_stands_again(desk: Desk) -> None:
    desk.item("a")
    (row,) = desk.sheet()
    desk.answer([row | {"decision": "unsure"}], reviewer="bob")
    last = say(desk, "anna", lend(desk, "anna"), PUZZLES, "s1")
    assert standing(desk) == [("a", "category", PUZZLES)]
    (item,) = take_back(desk, last)
    assert item.item_id == "a"
    assert standing(desk) == [("a", "unsure", None)]
    assert desk.said("verdict, who") == [("unsure", "bob"), ("category", "anna")]


def test_a_label_stands_again_too(desk: Desk) -> None:
    desk.item("a", reason="contradicts_decision")
    facts = {"vendor": "acme", "item_id": "a", "input_hash": "in-a", "category_id": MUGS, "seq": 1, "decided_at": START}
    desk.store.append_row("decisions", verdict="category", source="label", who="pim", **facts)
    last = say(desk, "anna", lend(desk, "anna"), PANS, "s1")
    take_back(desk, last)
    assert standing(desk) == [("a", "category", MUGS)]


def test_only_the_own_last_answer_of_a_page_and_each_once(desk: Desk) -> None:
    for item in ("a", "b"):
        desk.item(item)
    assert own_answers.last_answer(desk.job(), "anna") is None
    rows = lend(desk, "anna")
    first, second = say(desk, "anna", rows[:1], MUGS, "s1"), say(desk, "anna", rows[1:], PANS, "s2")
    assert own_answers.last_answer(desk.job(), "bob") is None
    assert own_answers.last_answer(desk.job(), "anna") == second
    take_back(desk, second)
    assert own_answers.last_answer(desk.job(), "anna") == first
    take_back(desk, first)
    assert own_answers.last_answer(desk.job(), "anna") is None


def test_a_conflict_goes_with_the_answer_that_made_it(desk: Desk) -> None:
    desk.item("a")
    rows = lend(desk, "anna")
    desk.store.execute("UPDATE leases SET until = now()")
    say(desk, "bob", lend(desk, "bob"), MUGS, "s1")
    last = say(desk, "anna", rows, PANS, "s2")
    assert standing(desk) == [("a", "unsure", None)]
    take_back(desk, last)
    assert standing(desk) == [("a", "category", MUGS)]


def test_what_came_back_is_lent_again_unless_somebody_holds_it(desk: Desk) -> None:
    desk.item("a")
    last = say(desk, "anna", lend(desk, "anna"), MUGS, "s1")
    items = take_back(desk, last)
    assert own_answers.lend_again(desk.job(), "anna", items, HOUR) == 1
    assert own_answers.lend_again(desk.job(), "bob", items, HOUR) == 0
    (row,) = leases.resume(desk.job(), "anna").rows
    assert row.item_id == "a"
    say(desk, "anna", (row,), PANS, "s2")
    assert standing(desk) == [("a", "category", PANS)]


def test_progress_counts_what_stands_of_oneself(desk: Desk) -> None:
    for n in range(3):
        desk.item(f"g{n}", group_id="g")
    desk.item("single")
    rows = lend(desk, "anna")
    say(desk, "anna", rows[:3], MUGS, "s1")
    morning = now() - HOUR
    done = screens.progress(desk.store, "anna", morning)
    assert (done.items, done.answers, done.per_hour) == (3, 1, None)
    assert screens.left(desk.store) == 1
    last = say(desk, "anna", rows[3:], MUGS, "s2")
    take_back(desk, last)
    desk.store.execute("UPDATE decisions SET decided_at = decided_at - INTERVAL 10 MINUTE")
    desk.store.execute("UPDATE leases SET taken_at = taken_at - INTERVAL 11 MINUTE")
    done = screens.progress(desk.store, "anna", morning)
    assert (done.items, done.answers, done.per_hour) == (3, 1, 6)
    assert screens.left(desk.store) == 1
    assert screens.progress(desk.store, "bob", morning).items == 0


def test_a_screen_offers_only_what_may_be_chosen(desk: Desk) -> None:
    desk.item("a", top=(MUGS, "Gone, which the taxonomy no longer has", PANS))
    rows = lend(desk, "anna")
    (shown,) = screens.prepared(desk.store, latest_taxonomy(desk.store), rows)
    assert [(choice.category_id, choice.name) for choice in shown.candidates] == [(MUGS, "Mugs"), (PANS, "Pans")]
    assert shown.parent is not None
    assert shown.parent.path == "Home > Kitchen"
    gone = screens.choice(latest_taxonomy(desk.store), "Gone")
    assert (gone.category_id, gone.path) == (None, "Gone")
