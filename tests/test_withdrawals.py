"""Taking an answer back: appended, never deleted; what stood before it stands again."""

from datetime import timedelta

from review_desk import MUGS, PANS, PUZZLES, START, Desk, standing

from catalog.jobs import now
from catalog.review import leases, screens, withdrawals
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


def test_what_stood_before_stands_again(desk: Desk) -> None:
    desk.item("a")
    (row,) = desk.sheet()
    desk.answer([row | {"decision": "unsure"}], reviewer="bob")
    last = say(desk, "anna", lend(desk, "anna"), PUZZLES, "s1")
    assert standing(desk) == [("a", "category", PUZZLES)]
    (item,) = withdrawals.withdraw(desk.job(), last)
    assert item.item_id == "a"
    assert standing(desk) == [("a", "unsure", None)]
    assert desk.said("verdict, who, random") == [
        ("unsure", "bob", False),
        ("category", "anna", False),
        ("withdrawn", "anna", False),
    ]


def test_a_label_stands_again_too(desk: Desk) -> None:
    desk.item("a", reason="contradicts_decision")
    facts = {"vendor": "acme", "item_id": "a", "input_hash": "in-a", "category_id": MUGS, "seq": 1, "decided_at": START}
    desk.store.append_row("decisions", verdict="category", source="label", who="pim", **facts)
    last = say(desk, "anna", lend(desk, "anna"), PANS, "s1")
    withdrawals.withdraw(desk.job(), last)
    assert standing(desk) == [("a", "category", MUGS)]


def test_only_the_own_last_answer_of_a_page_and_each_once(desk: Desk) -> None:
    for item in ("a", "b"):
        desk.item(item)
    assert withdrawals.last_answer(desk.job(), "anna") is None
    rows = lend(desk, "anna")
    first, second = say(desk, "anna", rows[:1], MUGS, "s1"), say(desk, "anna", rows[1:], PANS, "s2")
    assert withdrawals.last_answer(desk.job(), "bob") is None
    assert withdrawals.last_answer(desk.job(), "anna") == second
    withdrawals.withdraw(desk.job(), second)
    assert withdrawals.last_answer(desk.job(), "anna") == first
    withdrawals.withdraw(desk.job(), first)
    assert withdrawals.last_answer(desk.job(), "anna") is None


def test_a_conflict_goes_with_the_answer_that_made_it(desk: Desk) -> None:
    desk.item("a")
    rows = lend(desk, "anna")
    desk.store.execute("UPDATE leases SET until = now()")
    say(desk, "bob", lend(desk, "bob"), MUGS, "s1")
    last = say(desk, "anna", rows, PANS, "s2")
    assert standing(desk) == [("a", "unsure", None)]
    withdrawals.withdraw(desk.job(), last)
    assert standing(desk) == [("a", "category", MUGS)]


def test_what_came_back_is_lent_again_unless_somebody_holds_it(desk: Desk) -> None:
    desk.item("a")
    last = say(desk, "anna", lend(desk, "anna"), MUGS, "s1")
    items = withdrawals.withdraw(desk.job(), last)
    assert withdrawals.lend_again(desk.job(), "anna", items, HOUR) == 1
    assert withdrawals.lend_again(desk.job(), "bob", items, HOUR) == 0
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
    withdrawals.withdraw(desk.job(), last)
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
