"""Sheets out and answers back, through real sheets and a real work database."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from review_desk import KITCHEN, MUGS, PANS, PATHS, PUZZLES, START, Desk, cells, of, standing

from catalog import failpoints, sheets
from catalog.errors import CatalogError
from catalog.learning.examples import EXAMPLES
from catalog.review import disagreements, review_queue, review_status, undo
from catalog.settings import Review, Settings
from catalog.store import Store
from catalog.taxonomies.taxonomy import Taxonomy, from_paths
from catalog.taxonomies.versions import save_taxonomy
from pipelines import review

# ---------------------------------------------------------------- out


def test_a_sheet_has_the_agreed_columns_and_paths_as_candidates(desk: Desk) -> None:
    desk.item("a1", title="Krug")
    (row,) = desk.sheet()
    assert list(row) == [
        "token",
        "group",
        "group_size",
        "vendor",
        "item_id",
        "title",
        "image",
        "sentence",
        "candidate_1",
        "candidate_2",
        "candidate_3",
        "candidate_4",
        "candidate_5",
        "decision",
        "category",
        "note",
        "reviewer",
    ]
    assert row["candidate_1"] == "Home > Kitchen > Mugs"
    assert row["candidate_4"] == row["decision"] == ""
    assert (row["vendor"], row["item_id"], row["title"], row["image"]) == ("acme", "a1", "Krug", "/p.jpg")
    assert row["sentence"] == "The leaf is not sure enough. (parent: Home > Kitchen)"
    kept = desk.store.query("SELECT * FROM export_rows").row(0, named=True)
    assert (kept["token"], kept["group_token"]) == (row["token"], row["group"])
    assert kept["candidates"] == [MUGS, PANS, PUZZLES]


def test_only_what_waits_for_a_person_is_asked(desk: Desk) -> None:
    desk.item("wait")
    desk.item("half", outcome="placed_at_parent", category_id=KITCHEN)
    desk.item("placed", outcome="placed", category_id=MUGS)
    desk.item("done", outcome="decided", category_id=MUGS)
    desk.item("gone")
    desk.store.execute("DELETE FROM sightings WHERE item_id = 'gone'")
    assert {row["item_id"] for row in desk.sheet()} == {"wait", "half"}


def test_large_groups_first_then_reason_then_age_and_parents_last(desk: Desk) -> None:
    desk.item("p1", outcome="placed_at_parent", group_id="big")
    desk.item("p2", outcome="placed_at_parent", group_id="big")
    desk.item("young", reason="b_reason")
    desk.item("old", reason="b_reason", routed_at=START)
    desk.item("first_reason", reason="a_reason")
    desk.item("pair1", group_id="g1")
    desk.item("pair2", group_id="g1")
    rows = desk.sheet()
    assert [r["item_id"] for r in rows] == ["pair1", "pair2", "first_reason", "old", "young", "p1", "p2"]
    assert [r["group_size"] for r in rows] == ["2", "2", "1", "1", "1", "2", "2"]


def test_limit_and_vendor_narrow_the_sheet(desk: Desk) -> None:
    desk.store.append_row(
        "deliveries", delivery_id="d1", vendor="bolt", delivery_no=1, run_id="r1", kind="full", status="accepted"
    )
    desk.item("a1")
    desk.item("a2")
    desk.item("b1", vendor="bolt")
    assert len(desk.sheet(limit=2)) == 2
    assert [row["item_id"] for row in desk.sheet(vendor="bolt")] == ["b1"]


def test_vendor_text_arrives_inert_and_complete(desk: Desk) -> None:
    wild = ["=1+1", "'quoted", "@x", "-5 °C", "\ttab", 'a;b,"c"', "two\nlines"]
    for n, title in enumerate(wild):
        desk.item(f"a{n}", title=title)
    desk.item("=cmd|' /C calc'!A0")
    rows = desk.sheet()
    assert not [
        cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    ]
    assert {sheets.original(row["title"]) for row in rows} >= set(wild)


def test_audits_and_controls_hide_among_as_many_ordinary_rows(desk: Desk) -> None:
    for n in range(2):
        desk.item(f"audit{n}", outcome="placed", category_id=MUGS, audit=True, group_id="g", sentence="Placed.")
    desk.item("control", control=True, group_id="g")
    for n in range(10):
        desk.item(f"plain{n}", group_id="g")
    rows = desk.sheet()
    blind = dict(desk.store.query("SELECT item_id, blind FROM export_rows").rows())
    hidden = [row for row in rows if blind[row["item_id"]]]
    assert {"audit0", "audit1", "control"} < {row["item_id"] for row in hidden}
    assert len(hidden) == 6
    assert {row["sentence"] for row in hidden} == {review_queue.NEUTRAL}
    assert {row["group_size"] for row in hidden} == {"1"}
    assert len({row["group"] for row in hidden}) == 6
    for row in hidden:
        offered = [row[f"candidate_{n}"] for n in range(1, 4)]
        assert offered == sorted(offered)
    assert {row["group_size"] for row in rows if not blind[row["item_id"]]} == {"7"}


def test_hidden_rows_spread_over_the_doubtful_part_of_the_queue(desk: Desk) -> None:
    for n in range(24):
        desk.item(f"plain{n:02}", group_id=f"g{n // 2}")
        desk.item(f"audit{n:02}", outcome="placed", category_id=MUGS, audit=True)
        desk.item(f"parent{n:02}", outcome="placed_at_parent")
    rows = desk.sheet()
    blind = dict(desk.store.query("SELECT item_id, blind FROM export_rows").rows())
    halves = [sum(blind[r["item_id"]] for r in part) for part in (rows[: len(rows) // 2], rows[len(rows) // 2 :])]
    assert min(halves) > 2  # nine are to be expected in the shorter part of the doubtful rows
    parents = [r["item_id"] for r in rows if r["item_id"].startswith("parent") and not blind[r["item_id"]]]
    assert parents
    assert [r["item_id"] for r in rows[-len(parents) :]] == parents  # no hidden row after the first of them


def test_a_candidate_the_taxonomy_no_longer_has_is_not_offered(desk: Desk) -> None:
    desk.item("a1", top=("gone", PANS))
    (row,) = desk.sheet()
    assert row["candidate_1"] == "Home > Kitchen > Pans"
    assert row["candidate_2"] == ""


def test_without_a_model_everything_is_asked_without_candidates(desk: Desk) -> None:
    desk.item("a1", top=())
    (row,) = desk.sheet()
    report = desk.answer([row | {"decision": "accept"}])
    assert row["candidate_1"] == ""
    assert "this row does not offer 'accept' (It offers " in str(report.problems[0])


def test_nothing_waiting_writes_nothing(desk: Desk) -> None:
    assert review.export(desk.job()) == []
    assert desk.store.one("SELECT count(*) FROM exports") == 0


@pytest.mark.parametrize(
    ("sizes", "limit", "pages"),
    [([3, 2, 2], 5, [5, 2]), ([7], 3, [3, 3, 1]), ([2, 7, 1], 3, [2, 3, 3, 2]), ([], 3, []), ([1, 1], 1, [1, 1])],
)
def test_a_group_stays_on_one_sheet_unless_it_is_larger_than_one(
    sizes: list[int], limit: int, pages: list[int]
) -> None:
    assert review_queue.page_lengths(sizes, limit) == pages


def test_sheets_are_written_in_pages_with_the_delimiter_of_the_settings(tmp_path: Path, desk: Desk) -> None:
    desk.settings = Settings(review=Review(rows_per_sheet=2, delimiter=";"))
    for n in range(5):
        desk.item(f"a{n}")
    job = desk.job()
    paths = review.export(job)
    assert [p.name for p in paths] == [f"{job.run_id}-{n}.csv" for n in (1, 2, 3)]
    assert all(p.parent == desk.workspace.outbox for p in paths)
    assert paths[0].read_bytes().startswith(b"\xef\xbb\xbftoken;group;")
    assert desk.store.query("SELECT rows FROM exports ORDER BY export_id")["rows"].to_list() == [2, 2, 1]


def test_a_long_queue_is_written_in_batches_of_whole_sheets(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(review, "BATCH_ROWS", 3)
    desk.settings = Settings(review=Review(rows_per_sheet=2))
    for n in range(9):
        desk.item(f"a{n}", group_id=f"g{n // 2}")
    job = desk.job()
    paths = review.export(job)
    assert [path.stem for path in paths] == [f"{job.run_id}-{n}" for n in range(1, 6)]
    assert [row["item_id"] for path in paths for row in cells(path)] == [f"a{n}" for n in range(9)]
    assert desk.store.query("SELECT rows FROM exports ORDER BY export_id")["rows"].to_list() == [2, 2, 2, 2, 1]


def test_the_same_run_again_writes_the_same_bytes_and_records_nothing_twice(desk: Desk) -> None:
    for n in range(5):
        desk.item(f"a{n}", group_id=f"g{n % 2}")
    job = desk.job()
    (path,) = review.export(job)
    before = path.read_bytes()
    path.unlink()
    assert review.export(job) == [path]
    assert path.read_bytes() == before
    assert desk.store.one("SELECT count(*) FROM exports") == 1
    assert desk.store.one("SELECT count(*) FROM export_rows") == 5


def test_the_same_run_after_an_answer_leaves_its_sheets_alone(desk: Desk) -> None:
    desk.item("a1")
    desk.item("a2")
    job = desk.job()
    (path,) = review.export(job)
    before = path.read_bytes()
    desk.answer([cells(path)[0] | {"decision": "accept"}])
    assert review.export(job) == [path]
    assert path.read_bytes() == before


def test_an_export_that_cannot_record_leaves_no_rows_and_can_be_repeated(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error between the two tables of one export rolls both back."""
    desk.item("a1")
    job = desk.job()

    def broken(name: str) -> None:
        if name.endswith(".export_rows"):
            raise OSError("disk full")

    monkeypatch.setattr("catalog.store.reached", broken)
    with pytest.raises(OSError, match="disk full"):
        review.export(job)
    assert desk.store.one("SELECT count(*) FROM exports") == 0
    monkeypatch.setattr("catalog.store.reached", failpoints.reached)
    (path,) = review.export(job)
    assert desk.store.query("SELECT token FROM export_rows")["token"].to_list() == [cells(path)[0]["token"]]


# ---------------------------------------------------------------- back: what an answer means


# What is written into a cell, and what it means. Each is a row of one sheet: an export for each would be most of the time.
DECISIONS = {
    "accept": ("category", MUGS),
    " ACCEPT ": ("category", MUGS),
    "1": ("category", MUGS),
    "3": ("category", PUZZLES),
    "2.0": ("category", PANS),
    "2,0": ("category", PANS),
    "parent": ("category", KITCHEN),
    "none": ("none", None),
    "Unsure": ("unsure", None),
    "bad data": ("bad_data", None),
    "wrong-picture": ("wrong_picture", None),
    "not_sellable": ("not_sellable", None),
}
CATEGORIES = {
    MUGS: MUGS,
    "Home > Kitchen > Mugs": MUGS,
    "mugs": MUGS,
    "home>kitchen>PANS": PANS,
    "Home > Kitchen": KITCHEN,
}
NOT_UNDERSTOOD = [
    ({"category": "Mugz"}, "category", "Home > Kitchen > Mugs"),
    ({"category": "pans"}, "category", "Home > Garden > Pans | Home > Kitchen > Pans"),
    ({"category": "21"}, "category", "0021"),  # a spreadsheet dropped the zeros
    ({"category": "zzzzzz"}, "category", ""),
    # the words of a path in another order
    ({"category": "Mugs (Kitchen, Home)"}, "category", "Home > Kitchen > Mugs | Home > Kitchen"),
    ({"decision": "acept"}, "decision", "accept"),
    (
        {"decision": "4"},
        "decision",
        "It offers 1 to 3 and parent; fill the column category with an id, a path or a leaf name.",
    ),
    ({"decision": "none", "category": MUGS}, "decision", "Fill one of the two columns."),
    ({"decision": "2", "category": MUGS}, "decision", "Fill one of the two columns."),
]


def numbered(desk: Desk, many: int) -> list[dict[str, str]]:
    """A sheet of so many items that nothing groups, i00 first."""
    for n in range(many):
        desk.item(f"i{n:02}")
    return sorted(desk.sheet(), key=lambda row: row["item_id"])


def test_every_decision_is_understood(desk: Desk) -> None:
    sheet = numbered(desk, len(DECISIONS))
    report = desk.answer(
        [row | {"decision": word, "reviewer": "anna"} for row, word in zip(sheet, DECISIONS, strict=True)]
    )
    assert report.counts["applied"] == len(DECISIONS)
    assert desk.said() == [(f"i{n:02}", *meant, "anna") for n, meant in enumerate(DECISIONS.values())]
    for kept in desk.store.query("SELECT * FROM decisions").rows(named=True):
        assert (kept["input_hash"], kept["source"], kept["random"]) == (f"in-{kept['item_id']}", "review", False)
        assert kept["export_id"] and kept["import_id"] and kept["taxonomy_version"]


def test_a_category_may_be_named_by_id_path_or_unique_leaf(desk: Desk) -> None:
    sheet = numbered(desk, len(CATEGORIES))
    desk.answer([row | {"category": named} for row, named in zip(sheet, CATEGORIES, strict=True)])
    assert desk.said() == [(f"i{n:02}", "category", meant, "reviewer") for n, meant in enumerate(CATEGORIES.values())]


def test_what_is_not_understood_is_a_problem_with_a_suggestion(desk: Desk) -> None:
    sheet = numbered(desk, len(NOT_UNDERSTOOD))
    report = desk.answer([row | filled for row, (filled, *_) in zip(sheet, NOT_UNDERSTOOD, strict=True)])
    expected = [
        (line, row["token"], column, suggestion)
        for line, (row, (_, column, suggestion)) in enumerate(zip(sheet, NOT_UNDERSTOOD, strict=True), start=2)
    ]
    assert [(p.line, p.token, p.column, p.suggestion) for p in report.problems] == expected
    assert desk.said() == []


def test_both_columns_filled_alike_is_no_contradiction(desk: Desk) -> None:
    desk.item("a1")
    (row,) = desk.sheet()
    desk.answer([row | {"decision": "accept", "category": "Mugs"}])
    assert desk.said() == [("a1", "category", MUGS, "reviewer")]


def test_a_place_where_nothing_may_stand_is_refused_with_what_lies_below(desk: Desk) -> None:
    nodes = from_paths(PATHS, PATHS.values()).nodes
    closed = nodes.with_columns(assignable=pl.col("category_id") != KITCHEN)
    save_taxonomy(desk.store, Taxonomy.from_nodes(closed), "closed")
    desk.item("a1")
    (row,) = desk.sheet()
    for filled in ({"category": "Home > Kitchen"}, {"decision": "parent"}):
        (problem,) = desk.answer([row | filled]).problems
        assert problem.suggestion == "Home > Kitchen > Mugs | Home > Kitchen > Pans"


def test_a_category_retired_since_the_export_is_a_problem(desk: Desk) -> None:
    desk.item("a1")
    (row,) = desk.sheet()
    save_taxonomy(desk.store, from_paths(["Toys > Puzzles"]), "smaller")
    (problem,) = desk.answer([row | {"decision": "accept"}]).problems
    assert "no longer exists" in problem.problem


def test_empty_and_skipped_rows_store_nothing(desk: Desk) -> None:
    desk.item("a1")
    desk.item("a2")
    one, two = desk.sheet()
    report = desk.answer([one, two | {"decision": "skip"}])
    assert desk.said() == []
    assert report.counts == {
        "rows": 2,
        "applied": 0,
        "problems": 0,
        "through_group": 0,
        "conflicts": 0,
        "repeated": 0,
        "stale": 0,
        "undecided": 2,
    }


# ---------------------------------------------------------------- back: groups


def test_the_first_filled_row_settles_its_group_and_own_answers_win(desk: Desk) -> None:
    for n in range(4):
        desk.item(f"a{n}", group_id="g")
    desk.item("b1", group_id="other")
    rows = desk.sheet()
    rows[1]["decision"], rows[1]["reviewer"] = "2", "anna"
    rows[2]["decision"], rows[2]["reviewer"] = "none", "bob"
    report = desk.answer(rows)
    said = {item: rest for item, *rest in desk.said("item_id, verdict, category_id, who, group_token IS NOT NULL")}
    assert said == {
        "a0": ["category", PANS, "anna", True],
        "a1": ["category", PANS, "anna", False],
        "a2": ["none", None, "bob", False],
        "a3": ["category", PANS, "anna", True],
    }
    assert (report.counts["applied"], report.counts["through_group"], report.counts["undecided"]) == (4, 2, 1)


def test_rows_deleted_from_the_sheet_are_undecided_even_in_a_settled_group(desk: Desk) -> None:
    for n in range(3):
        desk.item(f"a{n}", group_id="g")
    rows = desk.sheet()
    rows[0]["decision"] = "accept"
    desk.answer(rows[:2])
    assert {item for item, *_ in desk.said()} == {"a0", "a1"}


def test_skip_and_unreadable_answers_lead_no_group(desk: Desk) -> None:
    for n in range(3):
        desk.item(f"a{n}", group_id="g")
    rows = desk.sheet()
    rows[0]["decision"] = "skip"
    rows[1]["decision"] = "accept"
    desk.answer(rows)
    assert {item for item, *_ in desk.said()} == {"a1", "a2"}


def test_an_unreadable_answer_leaves_its_group_open(desk: Desk) -> None:
    for n in range(3):
        desk.item(f"a{n}", group_id="g")
    rows = desk.sheet()
    rows[0]["decision"] = "acept"
    rows[1]["decision"] = "none"
    desk.answer(rows, partial=True)
    assert [item for item, *_ in desk.said()] == ["a1"]


def test_hidden_rows_are_decided_alone(desk: Desk) -> None:
    desk.item("c1", control=True, group_id="g")
    desk.item("a1", outcome="placed", category_id=PUZZLES, audit=True, top=(PUZZLES, MUGS), group_id="g")
    rows = desk.sheet()
    of(rows, "c1")["decision"] = "accept"  # the first as listed, not as the model ranked them
    report = desk.answer(rows)
    assert report.counts["applied"] == 1
    assert desk.said("item_id, category_id, random") == [("c1", MUGS, True)]
    of(rows, "a1")["decision"] = "2"
    desk.answer(rows)
    assert desk.said("item_id, category_id, random")[1:] == [("a1", PUZZLES, False)]


def test_a_hidden_row_offers_no_parent(desk: Desk) -> None:
    desk.item("c1", control=True)
    (row,) = desk.sheet()
    assert "does not offer" in desk.answer([row | {"decision": "parent"}]).problems[0].problem


def test_one_row_pasted_twice(desk: Desk) -> None:
    desk.item("a1")
    (row,) = desk.sheet()
    filled = row | {"decision": "accept"}
    assert "answered differently in row 2" in desk.answer([filled, row | {"decision": "2"}]).problems[0].problem
    again = row | {"decision": " Accept"}
    assert desk.answer([row, filled, filled, again, row | {"decision": "1"}]).counts["applied"] == 1


def test_nobody_answers_in_the_name_under_which_disagreement_is_noted(desk: Desk) -> None:
    desk.item("a1")
    (row,) = desk.sheet()
    (problem,) = desk.answer([row | {"decision": "1", "reviewer": "Adjudication"}]).problems
    assert problem.column == "reviewer"
    with pytest.raises(CatalogError, match="no name of a reviewer"):
        desk.answer([row | {"decision": "1"}], reviewer="adjudication")
    assert desk.said() == []


def test_of_two_answers_to_one_token_none_counts_even_where_good_rows_are_taken(desk: Desk) -> None:
    for name in ("a1", "a2", "a3"):
        desk.item(name, group_id="g" if name != "a3" else None)
    rows = desk.sheet()
    first, second = (of(rows, name) for name in ("a1", "a2"))
    sheet = [first | {"decision": "1"}, first | {"decision": "2"}, second, of(rows, "a3") | {"decision": "1"}]
    report = desk.answer(sheet, partial=True)
    assert [row[0] for row in desk.said()] == ["a3"]
    assert (report.counts["problems"], report.counts["applied"]) == (1, 1)


# ---------------------------------------------------------------- back: tokens, staleness, repeats, disagreement


def test_unknown_mistyped_and_missing_tokens_are_refused(desk: Desk, tmp_path: Path, prepared: Path) -> None:
    desk.item("a1")
    (row,) = desk.sheet()
    (tmp_path / "else").mkdir()
    with Store.open(Path(shutil.copy(prepared, tmp_path / "else" / "work.duckdb"))) as store:
        other = Desk(tmp_path / "else", store)
        other.item("a1")
        (foreign,) = other.sheet()
    assert foreign["token"] != row["token"]
    typo = row["token"][:-1] + ("B" if row["token"][-1] != "B" else "C")
    sheet = [row | {"decision": "accept", "token": token} for token in (foreign["token"], typo, "")]
    problems = desk.answer([*sheet, row | {"decision": "accept"}]).problems
    assert [p.problem for p in problems] == [
        "is empty",
        "belongs to no sheet of this workspace",
        "is mistyped or cut off",
    ]
    assert desk.said() == []


def test_a_token_typed_by_hand_is_recognized(desk: Desk) -> None:
    desk.item("a1")
    (row,) = desk.sheet()
    typed = f" {row['token'][:4].lower()}-{row['token'][4:]} "
    assert desk.answer([row | {"token": typed, "decision": "accept"}]).counts["applied"] == 1


def test_all_or_nothing_unless_partial(desk: Desk) -> None:
    desk.item("a1")
    desk.item("a2")
    good, bad = desk.sheet()
    sheet = [good | {"decision": "accept"}, bad | {"category": "Mugz"}]
    report = desk.answer(sheet)
    assert report.counts["applied"] == 0
    assert desk.said() == []
    assert desk.answer(sheet, partial=True).counts["applied"] == 1
    assert len(desk.said()) == 1


def test_problems_become_a_sheet_that_a_clean_import_removes(desk: Desk) -> None:
    desk.item("a1")
    (row,) = desk.sheet()
    report = desk.answer([row | {"category": "=1+1"}], name="anna.csv")
    path = desk.workspace.inbox / "anna.problems.csv"
    assert report.problem_sheet == path
    (problem,) = cells(path)
    assert list(problem) == ["line", "token", "column", "problem", "suggestion"]
    assert (problem["line"], problem["token"], problem["column"]) == ("2", row["token"], "category")
    desk.answer([row | {"decision": "accept"}], name="anna.csv")
    assert not path.exists()


def test_an_item_changed_since_the_export_is_not_decided_and_shown_again(desk: Desk) -> None:
    desk.item("a1")
    desk.item("a2")
    rows = desk.sheet()
    desk.item("a1", input_hash="in-new")
    report = desk.answer([row | {"decision": "accept"} for row in rows])
    assert (report.counts["stale"], report.counts["applied"]) == (1, 1)
    assert [item for item, *_ in desk.said()] == ["a2"]
    assert [row["item_id"] for row in desk.sheet()] == ["a1"]


def test_a_changed_price_leaves_the_answer_valid(desk: Desk) -> None:
    desk.item("a1")
    rows = desk.sheet()
    desk.item("a1")  # another row_hash, the same input_hash
    assert desk.answer([rows[0] | {"decision": "accept"}]).counts["applied"] == 1


def test_an_item_that_is_gone_is_not_decided(desk: Desk) -> None:
    desk.item("a1")
    rows = desk.sheet()
    desk.store.execute("DELETE FROM sightings")
    assert desk.answer([rows[0] | {"decision": "accept"}]).counts["stale"] == 1


def test_the_same_file_twice_changes_nothing(desk: Desk) -> None:
    desk.item("a1")
    (row,) = desk.sheet()
    desk.answer([row | {"decision": "accept"}])
    again = desk.answer([row | {"decision": "accept"}], name="copy.csv")
    assert again.counts == {"already_imported": 1}
    assert len(desk.said()) == desk.store.one("SELECT count(*) FROM imports") == 1


def test_a_refused_file_may_be_imported_later(desk: Desk) -> None:
    desk.item("a1")
    (row,) = desk.sheet()
    sheet = [row | {"category": "Home > Kitchen > Ladles"}]
    assert desk.answer(sheet).problems
    save_taxonomy(desk.store, from_paths([*PATHS, "Home > Kitchen > Ladles"], [*PATHS.values(), "113"]), "larger")
    assert desk.answer(sheet).counts["applied"] == 1


def test_the_same_answer_of_the_same_reviewer_in_another_file_changes_nothing(desk: Desk) -> None:
    desk.item("a1")
    (row,) = desk.sheet()
    desk.answer([row | {"decision": "accept", "reviewer": "anna"}])
    report = desk.answer([row | {"decision": "1", "reviewer": "anna", "note": "again"}])
    assert report.counts["repeated"] == 1
    assert len(desk.said()) == 1


def test_a_reviewer_may_correct_herself(desk: Desk) -> None:
    desk.item("a1")
    (row,) = desk.sheet()
    for decision in ("accept", "2"):
        desk.answer([row | {"decision": decision}], reviewer="anna")
    assert [category for _, _, category, _ in desk.said()] == [MUGS, PANS]
    assert standing(desk) == [("a1", "category", PANS)]


@pytest.mark.parametrize(("first", "second"), [("anna", "bob"), ("", "")])
def test_two_reviewers_who_disagree_are_both_kept_and_the_item_comes_back(desk: Desk, first: str, second: str) -> None:
    desk.item("a1")
    (row,) = desk.sheet()
    desk.answer([row | {"decision": "accept", "reviewer": first}])
    assert desk.sheet() == []
    report = desk.answer([row | {"decision": "2", "reviewer": second}])
    assert report.counts["conflicts"] == 1
    assert [(verdict, category) for _, verdict, category, _ in desk.said()] == [
        ("category", MUGS),
        ("category", PANS),
        ("unsure", None),
    ]
    assert desk.said("who, note")[-1] == (
        "adjudication",
        f"conflict: {second or 'reviewer'} says {PANS}, which is not what stood before",
    )
    assert standing(desk) == [("a1", "unsure", None)]
    (again,) = desk.sheet()
    desk.answer([again | {"decision": "2", "reviewer": "carl"}])
    assert standing(desk) == [("a1", "category", PANS)]
    assert desk.sheet() == []


def test_a_disagreement_is_listed_with_who_says_what_and_teaches_nothing(desk: Desk) -> None:
    desk.item("a1", title="Blue mug")
    (row,) = desk.sheet()
    assert disagreements.lines(desk.store) == []
    assert disagreements.left_out(desk.store) == []
    desk.answer([row | {"decision": "accept", "reviewer": "anna"}])
    report = desk.answer([row | {"decision": "none", "reviewer": "bob"}])
    _, said = disagreements.lines(desk.store)
    assert said == "  acme a1  Blue mug: anna says Home > Kitchen > Mugs, bob says none"
    assert "1 item about" in disagreements.left_out(desk.store)[0]
    assert said in review_status.text(desk.store, desk.settings.audit)
    assert desk.store.query(EXAMPLES).is_empty()
    undo.undo(desk.job(), str(report.import_id), undo.By("dora"))
    assert disagreements.lines(desk.store) == []


def test_an_old_sheet_does_not_settle_a_conflict(desk: Desk) -> None:
    desk.item("a1")
    (row,) = desk.sheet()
    for reviewer, decision in (("anna", "1"), ("bob", "2"), ("carl", "2")):
        desk.answer([row | {"decision": decision, "reviewer": reviewer}])
    assert standing(desk) == [("a1", "unsure", None)]
    assert len(desk.said()) == 5


def test_a_second_reviewer_who_agrees_is_kept_without_a_conflict(desk: Desk) -> None:
    desk.item("a1")
    (row,) = desk.sheet()
    for reviewer in ("anna", "bob"):
        assert desk.answer([row | {"decision": "accept", "reviewer": reviewer}]).counts["applied"] == 1
    assert standing(desk) == [("a1", "category", MUGS)]


def test_an_answer_after_unsure_stands_and_unsure_is_asked_again(desk: Desk) -> None:
    desk.item("a1")
    (row,) = desk.sheet()
    desk.answer([row | {"decision": "unsure", "reviewer": "anna"}])
    assert len(desk.sheet()) == 1
    assert desk.answer([row | {"decision": "accept", "reviewer": "bob"}]).counts["conflicts"] == 0
    assert standing(desk) == [("a1", "category", MUGS)]


def test_a_sheet_older_than_a_correction_does_not_overwrite_it(desk: Desk) -> None:
    desk.item("a1")
    (row,) = desk.sheet()
    desk.store.append_row(
        "decisions", seq=1, vendor="acme", item_id="a1", input_hash="in-a1", verdict="category", category_id=PUZZLES,
        who="dora", source="correction", decided_at=datetime.now(UTC),
    )  # fmt: skip
    assert desk.answer([row | {"decision": "accept", "reviewer": "anna"}]).counts["conflicts"] == 1
    assert standing(desk) == [("a1", "unsure", None)]


def test_what_was_found_unfit_is_not_asked_again_until_it_changes(desk: Desk) -> None:
    desk.item("a1")
    (row,) = desk.sheet()
    desk.answer([row | {"decision": "bad_data"}])
    desk.item("a1", routed_at=datetime.now(UTC))
    assert desk.sheet() == []
    desk.item("a1", input_hash="in-repaired")
    assert len(desk.sheet()) == 1


def test_what_fitted_nowhere_is_asked_again_under_another_taxonomy(desk: Desk) -> None:
    desk.item("a1")
    (row,) = desk.sheet()
    desk.answer([row | {"decision": "none"}])
    assert desk.sheet() == []
    save_taxonomy(desk.store, from_paths([*PATHS, "Home > Cellar"], [*PATHS.values(), "13"]), "larger")
    desk.item("a1", routed_at=datetime.now(UTC))
    assert len(desk.sheet()) == 1


def test_an_item_returned_to_the_queue_after_its_decision_is_asked_again(desk: Desk) -> None:
    desk.item("a1")
    (row,) = desk.sheet()
    desk.answer([row | {"decision": "accept", "reviewer": "anna"}])
    desk.item("a1", reason="contradicted", routed_at=datetime.now(UTC))
    (again,) = desk.sheet()
    assert desk.answer([again | {"decision": "2", "reviewer": "bob"}]).counts == {
        "rows": 1, "applied": 1, "problems": 0, "through_group": 0, "conflicts": 0, "repeated": 0, "stale": 0, "undecided": 0,
    }  # fmt: skip
    assert standing(desk) == [("a1", "category", PANS)]


def test_both_sheets_of_two_nights_pasted_into_one(desk: Desk) -> None:
    desk.item("a1")
    one, two = desk.sheet()[0], desk.sheet()[0]
    assert one["token"] != two["token"]
    report = desk.answer([one | {"decision": "1", "reviewer": "anna"}, two | {"decision": "2", "reviewer": "bob"}])
    assert (report.counts["applied"], report.counts["conflicts"]) == (1, 1)
    assert standing(desk) == [("a1", "unsure", None)]


def test_an_import_is_one_transaction(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.item("a1")
    (row,) = desk.sheet()

    def broken(name: str) -> None:
        if name.endswith(".imports"):
            raise OSError("disk full")

    monkeypatch.setattr("catalog.store.reached", broken)
    with pytest.raises(OSError, match="disk full"):
        desk.answer([row | {"decision": "accept"}])
    monkeypatch.setattr("catalog.store.reached", failpoints.reached)
    assert desk.said() == []
    assert desk.answer([row | {"decision": "accept"}]).counts["applied"] == 1


def test_a_file_that_is_no_sheet_names_the_remedy(desk: Desk) -> None:
    file = desk.workspace.root / "feed.csv"
    file.write_text("item_id,title\n1,mug\n")
    with pytest.raises(CatalogError, match="outbox"):
        review.import_sheet(desk.job(), file)
