"""A stopped vendor or department leads out by itself: random draws, their answers, a test, and words on what is missing."""

import csv
import random
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from conftest import FIELDS, product, write
from hand_made import HOSES, IDS, PANS, hand_made, job, promised, rows
from typer.testing import CliRunner

from catalog.certification.policy import Policy
from catalog.certification.regaining import attempt_at
from catalog.labels.clusters import drawn_at
from catalog.learning import examples
from catalog.placement.routing import route
from catalog.publishing.reader import query_published
from catalog.settings import Workspace
from catalog.store import Store
from catalog.taxonomies.taxonomy import from_paths
from catalog.taxonomies.versions import latest_taxonomy, save_taxonomy
from pipelines import certify
from pipelines.cli import app

FIRST, SECOND = (attempt_at(0.95, 0.05, attempt) for attempt in (1, 2))
MAPPING = 'format = "csv"\n[columns]\nitem_id = "sku"\ntitle = "name"\n'


@pytest.fixture
def stopped(tmp_path):
    """A workspace whose serving model is certified, and whose department 1 has lost its ground: a shelf came to it."""
    workspace, store = hand_made(tmp_path)
    with store:
        work = job(workspace, store)
        policy = promised(work)
        paths = {**IDS, "Home > Garden > Rakes": "122"}
        save_taxonomy(store, from_paths(paths, paths.values()), "test")
        assert certify.run(work).suspended_departments == {"1"}
        yield work, policy


def answer(work, numbers: range, wrong: range = range(0), titles: str = "product") -> None:
    """Random draws that the policy would place at PANS, answered in full now; those of `wrong` belong elsewhere."""
    sure = {"leaf_id": PANS, "probability": 0.99, "top_ids": [PANS], "top_log_odds": [5.0], "chain_ids": ["1", "11", PANS],
            "chain_mass": [1.0, 1.0, 0.99], "chain_log_odds": [9.0, 9.0, 5.0], "model_id": "m2"}  # fmt: skip
    said = {"vendor": "acme", "verdict": "category", "source": "review", "who": "anna", "random": True}
    at = work.store.one("SELECT max(since) FROM ways_back")
    keys = [{"item_id": f"r{n}", "input_hash": f"in-r{n}"} for n in numbers]
    rows(work.store, "predictions", *(sure | {"input_hash": f"in-r{n}", "log_odds": 3.0 + n % 7 / 10} for n in numbers))
    rows(work.store, "items", *(
        key | {"vendor": "acme", "row_hash": key["item_id"], "created_at": at,
               "title": f"{titles} {chr(97 + n % 26)}{chr(97 + n // 26)}" if titles == "product" else titles}
        for key, n in zip(keys, numbers, strict=True)
    ))  # fmt: skip
    rows(work.store, "decisions", *(
        said | key | {"decision_id": f"r{n}", "seq": 100 + n, "decided_at": at, "category_id": HOSES if n in wrong else PANS}
        for key, n in zip(keys, numbers, strict=True)
    ))  # fmt: skip


def missing(work) -> str:
    return work.store.one("SELECT missing FROM suspended WHERE key = '1'")


def test_too_few_answers_leave_it_stopped_and_the_words_say_how_many(stopped):
    work, _ = stopped
    assert f"; 0 of the {FIRST} random answers that the test takes, none has come yet." in missing(work)
    answer(work, range(40), wrong=range(1))
    found = certify.run(work)
    assert found.suspended_departments == {"1"} and found.draw_shares == {"department 1": 1.0}
    days = -(-(FIRST - 40) // 40)
    said = f"40 of the {FIRST} random answers that the test takes, 1 of them wrong, at the present rate in {days} days."
    assert said in missing(work)
    written = work.store.one("SELECT count(*) FROM ways_back")
    assert certify.run(work) == found and work.store.one("SELECT count(*) FROM ways_back") == written
    shown = work.store.query("SELECT name, answers, wrong, next_at FROM suspended").rows()
    assert shown == [("Home", 40, 1, FIRST)]


def test_right_answers_bring_it_back_at_a_leaf_and_another_change_takes_it_again(stopped):
    work, policy = stopped
    answer(work, range(FIRST))
    found = certify.run(work)
    assert found.suspended_departments == frozenset() and found.draw_shares == {}
    assert set(found.regained) == {"department 1"} and work.store.query("SELECT * FROM suspended").is_empty()
    assert certify.run(work) == found
    word = work.store.query("SELECT attempts, answers, wrong, sentence FROM ways_back ORDER BY seq DESC").row(0)
    assert word[:3] == (1, FIRST, 0) and "placed again where the model is at least" in word[3]
    paths = {**IDS, "Home > Garden > Spades": "123"}
    save_taxonomy(work.store, from_paths(paths, paths.values()), "test")
    again = certify.run(work)
    assert again.suspended_departments == {"1"} and not again.regained  # it was earned with another tree
    assert policy.policy_id != found.policy_id


def test_wrong_answers_leave_it_stopped_and_say_that_more_of_them_will_not_help(stopped):
    work, _ = stopped
    answer(work, range(FIRST + 5), wrong=range(60))
    assert certify.run(work).suspended_departments == {"1"}
    said = missing(work)
    assert f"{FIRST + 5} of the {SECOND} random answers that the next test takes, 60 of them wrong" in said
    assert "Too many were wrong for 95%" in said and "catalog train" in said


def test_look_alikes_are_one_answer(stopped):
    work, _ = stopped
    answer(work, range(FIRST), titles="the very same pan")
    assert certify.run(work).suspended_departments == {"1"}
    assert work.store.one("SELECT answers FROM suspended") == 1


def test_such_draws_certify_that_group_alone_and_teach_the_next_model(stopped):
    work, policy = stopped
    answer(work, range(FIRST))
    known = examples.labelled(work.store, latest_taxonomy(work.store), seed=7)
    draws = known.filter(pl.col("item_id").str.starts_with("r"))
    assert draws.height == FIRST and draws.filter(split="train").height > FIRST / 2
    own = drawn_at(draws) < policy.control_share  # those the control stream would have drawn anyway
    assert draws.filter(split="comparison").height <= int(own.sum())


def test_a_vendor_whose_file_is_read_otherwise_comes_back_too(stopped):
    work, _ = stopped
    (work.workspace.vendors / "acme.toml").write_text(MAPPING)
    assert certify.run(work).suspended_vendors == {"acme"}
    answer(work, range(FIRST))
    found = certify.run(work)
    assert found.suspended_vendors == frozenset() and set(found.regained) == {"department 1", "vendor acme"}


def test_what_the_audit_stopped_comes_back_the_same_way_and_its_past_is_not_held_against_it(stopped):
    work, policy = stopped
    said = {"word": "stopped", "certificate_id": "c2", "model_id": "m2", "key": "1", "answers": 40, "wrong": 9}
    since = work.store.one("SELECT max(since) FROM ways_back")
    rows(work.store, "audit_words", said | {"seq": 1, "said_at": since})
    assert certify.run(work).stopped_departments == {"1"}
    answer(work, range(FIRST))
    certify.run(work)
    found = certify.run(work)
    assert found == replace(policy, regained=found.regained) and set(found.regained) == {"department 1"}
    words = work.store.query("SELECT word, answers, wrong FROM audit_words ORDER BY seq").rows()
    assert words == [("stopped", 40, 9), ("released", FIRST, 0)]


def test_draws_come_from_what_would_be_placed_there_alone_and_a_regained_group_has_a_bar_of_its_own():
    tree = from_paths(["A > A1", "B > B1"])
    sure = {"has_text": True, "has_image": False, "image_status": "missing", "novelty": 0.1, "product_id": None, "vendor": "v",
            "decided_category": None, "decided_verdict": None, "standing_category": None, "standing_outcome": None}  # fmt: skip

    def many(leaf: str, odds: float) -> pl.DataFrame:
        chain = {
            "chain_ids": [leaf[0], leaf],
            "chain_mass": [1.0, 0.99],
            "chain_log_odds": [9.0, odds],
            "leaf_id": leaf,
        }
        top = {"log_odds": odds, "probability": 0.99, "top_ids": [leaf], "top_log_odds": [odds]}
        keys = (
            {"item_id": f"{leaf}{odds}{n}", "row_hash": str(n), "input_hash": f"{leaf}{odds}{n}"} for n in range(300)
        )
        return pl.DataFrame([sure | chain | top | key for key in keys])

    frame = pl.concat([many("A > A1", 5.0), many("A > A1", 1.0), many("B > B1", 5.0)])
    policy = Policy("m", 0.95, 0.05, leaf_threshold=2.0, leaf_certified_precision=0.95, control_share=0.0)
    held = replace(policy, suspended_departments=frozenset({"A"}), draw_shares={"department A": 0.5})
    found = route(frame, held, tree)
    drawn = found.filter("control")
    assert set(drawn["leaf_id"]) == {"A > A1"} and (drawn["log_odds"] == 5.0).all() and 110 < drawn.height < 190
    assert (drawn_at(drawn, "") < 0.5).all()
    back = route(frame, replace(policy, regained={"department A": 6.0}), tree)
    assert back.filter(outcome="placed")["leaf_id"].unique().to_list() == ["B > B1"]


# ------------------------------------------------------------------ by the commands, with a model that was trained


def run(place: Path, *words: str) -> str:
    result = CliRunner().invoke(app, [*words, "--workspace", str(place)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def today(path: str) -> str:
    """Where a shelf of the old tree is now."""
    moved = path.replace("Home > Light > Candles", "Home > Kitchen > Candles")
    return moved.replace("Home", "House")


def fill(place: Path, truth: dict[str, str], most: int) -> int:
    """Answers drawn items of the newest sheets, and nothing else; returns how many."""
    given = 0
    with Store.open(Workspace(place).work_db) as store:  # which rows are draws is told to nobody else
        drawn = set(store.query("SELECT item_id FROM standing_routes WHERE control")["item_id"])
    sheets = sorted((place / "review" / "outbox").glob("*.csv"))
    newest = max(sheet.name.rsplit("-", 1)[0] for sheet in sheets)
    for sheet in sheets:
        if sheet.name.startswith(newest):
            with sheet.open(encoding="utf-8-sig", newline="") as file:
                found = list(csv.DictReader(file))
            for row in found:
                if row["item_id"] in drawn and given < most:
                    row["category"], given = today(truth[row["item_id"]]), given + 1
            back = place / "review" / "inbox" / f"{sheet.stem}-back.csv"
            write(back, found, list(found[0]))
            run(place, "review", "import", str(back), "--reviewer", "anna")
    return given


@pytest.mark.train
def test_a_department_whose_ids_changed_is_placed_again_after_nights_and_answers_alone(workspace_copy: Path) -> None:
    rng, place, truth = random.Random(5), workspace_copy, dict[str, str]()
    needed = attempt_at(0.9, 0.05, 1)
    settings = (place / "catalog.toml").read_text()
    (place / "catalog.toml").write_text(f"{settings}\n[audit]\ndraws_a_night = 1000\n")

    def deliver(name: str, start: int, many: int) -> None:
        made = [product(rng, n) for n in range(start, start + many)]
        truth.update({row["item_id"]: row["category_path"] for row in made})
        (place / "feeds" / "acme").mkdir(exist_ok=True)
        write(place / "feeds" / "acme" / name, made, FIELDS[:-1])

    (place / "vendors" / "acme.toml").write_text('format = "csv"\n[delivery]\nkind = "delta"\n')
    deliver("1.csv", 10_000, 30)
    run(place, "nightly")
    published = Workspace(place).published_db
    old = query_published(published, "SELECT DISTINCT path FROM category_counts ORDER BY path")["path"].to_list()
    nodes = [(path, path.rpartition(" > ")[0], path.rpartition(" > ")[2]) for path in map(today, old)]
    write(
        place / "tree.csv",
        [dict(zip(("id", "parent_id", "name"), node, strict=True)) for node in nodes],
        ["id", "parent_id", "name"],
    )
    moves = [{"old_id": path, "new_id": today(path), "kind": "moved"} for path in old if path != today(path)]
    write(place / "map.csv", moves, ["old_id", "new_id", "kind"])
    run(place, "taxonomy", "import", str(place / "tree.csv"), "--map", str(place / "map.csv"))
    deliver("2.csv", 11_000, 400)
    said = run(place, "nightly")
    assert "Automation of department House is suspended" in said and f"0 of the {needed} random answers" in said
    assert fill(place, truth, 20) == 20
    assert f"; 20 of the {needed} random answers that the test takes" in run(place, "nightly")
    assert "drawn items wait for an answer" in run(place, "status")
    assert fill(place, truth, 1000) > needed - 20
    deliver("3.csv", 12_000, 30)
    said = run(place, "nightly")
    assert "is suspended" not in said
    placed = query_published(
        published, "SELECT path FROM current_category WHERE item_id >= '12000' AND decided_by = 'model'"
    )
    assert placed.filter(pl.col("path").str.starts_with("House > ")).height > 5
