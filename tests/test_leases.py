"""Leases: what one reviewer works on is in front of nobody else, and what is not worked on comes back by itself."""

import csv
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from review_desk import MUGS, PUZZLES, Desk, standing

from catalog.errors import CatalogError
from catalog.review import leases
from catalog.review.leases import Lease, Wanted
from catalog.review.review_queue import NEUTRAL, Narrowing
from catalog.settings import Review, Settings
from catalog.sheets import Answer
from catalog.taxonomies.taxonomy import from_paths
from catalog.taxonomies.versions import save_taxonomy
from pipelines import review

HOUR = timedelta(hours=1)


def take(desk: Desk, reviewer: str, length: timedelta = HOUR, **options: object) -> Lease:
    part = {name: options.pop(name) for name in ("vendor", "department", "reason") if name in options}
    return leases.take(desk.job(), Wanted(reviewer, length, part=Narrowing(**part), **options))


def ids(lease: Lease) -> list[str]:
    return [row.item_id for row in lease.rows]


def said(lease: Lease, decision: str) -> list[Answer]:
    """An answer in the first row of the lease, the others empty."""
    return [Answer(n, row.token, decision if n == 0 else "") for n, row in enumerate(lease.rows)]


def test_two_reviewers_share_the_queue_and_no_item(desk: Desk) -> None:
    for n in range(5):
        desk.item(f"a{n}")
    anna, bob, carl = take(desk, "anna", items=2), take(desk, "bob", items=2), take(desk, "carl", items=9)
    assert [len(ids(lease)) for lease in (anna, bob, carl)] == [2, 2, 1]
    assert {*ids(anna), *ids(bob), *ids(carl)} == {f"a{n}" for n in range(5)}
    assert ids(take(desk, "anna", items=2)) == []


def test_groups_are_lent_whole_unless_one_is_larger_than_what_was_asked_for(desk: Desk) -> None:
    for n in range(4):
        desk.item(f"big{n}", group_id="big")
    for n in range(2):
        desk.item(f"small{n}", group_id="small")
    desk.item("single")
    assert ids(take(desk, "anna", items=3)) == ["big0", "big1", "big2"]
    assert ids(take(desk, "bob", items=2)) == ["small0", "small1"]
    assert ids(take(desk, "carl", groups=1)) == ["big3"]
    assert ids(take(desk, "dora", groups=2)) == ["single"]


def test_a_part_of_the_queue_by_vendor_department_and_reason(desk: Desk) -> None:
    desk.store.append_row(
        "deliveries", delivery_id="d1", vendor="bolt", delivery_no=1, run_id="r1", kind="full", status="accepted"
    )
    desk.item("b1", vendor="bolt")
    desk.item("toy", top=(PUZZLES, MUGS))
    desk.item("close", reason="close_call")
    desk.item("unguessed", top=())
    assert ids(take(desk, "anna", vendor="bolt")) == ["b1"]
    assert ids(take(desk, "anna", department="toys")) == ["toy"]
    assert ids(take(desk, "anna", department="1", reason="close_call")) == ["close"]
    assert ids(take(desk, "anna")) == ["unguessed"]
    with pytest.raises(CatalogError, match="Home, Toys"):
        take(desk, "anna", department="Garden")
    with pytest.raises(CatalogError, match="acme, bolt"):
        take(desk, "anna", vendor="bot")
    with pytest.raises(CatalogError, match="close_call, unsure"):
        take(desk, "anna", reason="closecall")
    assert ids(take(desk, "bob", vendor="bolt")) == []  # nothing is left, and that is no mistake


def test_a_lease_ends_with_the_answer_with_a_return_and_with_its_time(desk: Desk) -> None:
    for item in ("a", "b", "c"):
        desk.item(item)
    lent = take(desk, "anna")
    review.answer(desk.job(), [Answer(1, lent.rows[0].token, "unsure")], submission="s1", reviewer="anna")
    assert ids(take(desk, "bob")) == ["a"]  # unsure is asked again, and not only her
    assert leases.give_back(desk.job(), "anna", [lent.rows[1].token]) == 1
    assert ids(take(desk, "bob")) == ["b"]
    assert ids(take(desk, "bob")) == []
    desk.store.execute("UPDATE leases SET until = now() - INTERVAL 1 SECOND WHERE reviewer = 'anna'")
    assert ids(take(desk, "bob")) == ["c"]
    assert leases.renew(desk.job(), "anna", HOUR) == 0
    assert leases.give_back(desk.job(), "bob") == 3


def test_a_changed_item_is_free_as_it_is_now(desk: Desk) -> None:
    desk.item("a")
    take(desk, "anna")
    desk.item("a", input_hash="in-new")
    assert ids(take(desk, "bob")) == ["a"]
    assert leases.resume(desk.job(), "anna").rows == ()


def test_renewing_prolongs_what_is_still_held(desk: Desk) -> None:
    desk.item("a")
    desk.item("b")
    lent = take(desk, "anna", timedelta(minutes=1))
    assert leases.renew(desk.job(), "anna", 9 * HOUR, [lent.rows[0].token]) == 1
    until = dict(desk.store.query("SELECT item_id, until FROM live_leases").rows())
    assert until["a"] - until["b"] > 8 * HOUR
    assert leases.renew(desk.job(), "bob", HOUR) == 0


def test_after_a_reload_the_page_shows_what_it_showed(desk: Desk) -> None:
    for n in range(3):
        desk.item(f"a{n}", group_id="g")
    desk.item("audit", outcome="placed", category_id=MUGS, audit=True, top=(PUZZLES, MUGS))
    lent = take(desk, "anna")
    again = leases.resume(desk.job(), " anna ")
    show = ("token", "group_token", "item_id", "title", "image", "sentence", "parent_id", "candidates", "blind")
    assert [[getattr(row, name) for name in show] for row in again.rows] == [
        [getattr(row, name) for name in show] for row in lent.rows
    ]
    assert again.until == lent.until
    assert {row.sentence for row in again.rows if row.blind} == {NEUTRAL}
    review.answer(desk.job(), said(lent, "accept"), submission="s1", reviewer="anna")
    assert len(leases.resume(desk.job(), "anna").rows) < len(lent.rows)
    assert leases.resume(desk.job(), "bob").rows == ()


def test_hidden_rows_are_lent_and_every_one_falls_to_one_reason(desk: Desk) -> None:
    for n in range(12):
        desk.item(f"plain{n:02}", reason=("close_call", "below_threshold", "no_text")[n % 3])
        desk.item(f"audit{n:02}", outcome="placed", category_id=MUGS, audit=True, reason="certified")
    lent = [take(desk, f"r{n}", reason=reason) for n, reason in enumerate(("close_call", "below_threshold", "no_text"))]
    audits = [sum(row.item_id.startswith("audit") for row in lease.rows) for lease in lent]
    assert sum(audits) == 12
    assert max(audits) < 12
    hidden = [row for lease in lent for row in lease.rows if row.blind]
    assert {row.item_id[:5] for row in hidden} == {"audit", "plain"}
    assert {row.reason for row in hidden} == {None}
    assert ids(take(desk, "dora")) == []


def test_many_callers_at_once_never_get_the_same_item(desk: Desk) -> None:
    for n in range(24):
        desk.item(f"a{n:02}")
    job = desk.job()
    with ThreadPoolExecutor(6) as threads:
        lent = list(threads.map(lambda n: leases.take(job, Wanted(f"r{n}", HOUR, items=4)), range(6)))
    assert sorted(item for lease in lent for item in ids(lease)) == [f"a{n:02}" for n in range(24)]
    assert len({lease.export_id for lease in lent}) == 6


def test_a_page_answers_through_the_same_door_as_a_sheet(desk: Desk) -> None:
    for n in range(3):
        desk.item(f"a{n}", group_id="g")
    lent = take(desk, "anna")
    report = review.answer(desk.job(), said(lent, "accept"), submission="s1", reviewer="anna")
    assert (report.counts["applied"], report.counts["through_group"]) == (3, 2)
    again = review.answer(desk.job(), said(lent, "accept"), submission="s1", reviewer="anna")
    assert again.counts == {"already_imported": 3}
    assert standing(desk) == [(f"a{n}", "category", MUGS) for n in range(3)]
    wrong = review.answer(desk.job(), said(lent, "acept"), submission="s2", reviewer="anna")
    assert [problem.suggestion for problem in wrong.problems] == ["accept"]


def test_an_answer_after_the_lease_stands_unless_another_said_something_else(desk: Desk) -> None:
    desk.item("a")
    desk.item("b")
    anna = take(desk, "anna", timedelta(0))
    bob = take(desk, "bob", groups=1)
    review.answer(desk.job(), said(bob, "2"), submission="s1", reviewer="bob")
    late = [Answer(n, row.token, "1") for n, row in enumerate(anna.rows)]
    counts = review.answer(desk.job(), late, submission="s2", reviewer="anna").counts
    assert (counts["applied"], counts["conflicts"]) == (1, 1)


def test_the_sheets_of_the_whole_queue_leave_out_what_is_held(desk: Desk) -> None:
    for n in range(4):
        desk.item(f"a{n}")
    lent = take(desk, "anna", items=1)
    assert [row["item_id"] for row in desk.sheet()] == ["a1", "a2", "a3"]
    named = dict(desk.store.query("SELECT item_id, token FROM review_backlog").rows())
    assert named["a0"] == lent.rows[0].token
    assert None not in named.values()


def test_a_night_writes_what_is_worth_most_and_the_rest_waits(desk: Desk) -> None:
    for n in range(5):
        desk.item(f"a{n}", group_id="look-alikes" if n < 3 else None)
    desk.settings = Settings(review=Review(nightly_rows=3))
    (sheet,) = review.nightly(desk.job())
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        assert [row["item_id"] for row in csv.DictReader(file)] == ["a0", "a1", "a2"]
    assert desk.store.one("SELECT count(*) FROM review_backlog") == 5
    desk.settings = Settings(review=Review(nightly_rows=0))
    (everything,) = review.nightly(desk.job())
    assert len(everything.read_text().splitlines()) == 1 + 5


def test_who_holds_what_and_until_when(desk: Desk) -> None:
    for n in range(3):
        desk.item(f"a{n}", group_id="g")
    lent = take(desk, "anna ", 2 * HOUR)
    (held,) = leases.holders(desk.store).rows(named=True)
    assert (held["reviewer"], held["rows"], held["groups"], held["file_name"]) == ("anna", 3, 1, None)
    assert held["until"] == lent.until > datetime.now(UTC) + HOUR
    with pytest.raises(CatalogError, match="name"):
        take(desk, "  ")


def test_a_candidate_gone_since_is_shown_in_words_after_a_reload(desk: Desk) -> None:
    desk.item("a")
    take(desk, "anna")
    save_taxonomy(desk.store, from_paths(["Toys > Puzzles"]), "smaller")
    (row,) = leases.resume(desk.job(), "anna").rows
    assert row.candidates[0] == "Home > Kitchen > Mugs, which the taxonomy no longer has"


def test_a_sheet_that_cannot_be_recorded_lends_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.item("a")

    def broken(name: str) -> None:
        if name.endswith(".leases"):
            raise OSError("disk full")

    monkeypatch.setattr("catalog.store.reached", broken)
    with pytest.raises(OSError, match="disk full"):
        take(desk, "anna")
    monkeypatch.undo()
    assert desk.store.one("SELECT count(*) FROM export_rows") == desk.store.one("SELECT count(*) FROM leases") == 0
    assert ids(take(desk, "bob")) == ["a"]
