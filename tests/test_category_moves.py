"""A new hierarchy over a standing shop: what has one new place goes there, the rest goes back to people."""

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hand_made import HOSES, IDS, KETTLES, PANS, PUZZLES, hand_made, hour, job, rows

from catalog import sheets, tokens
from catalog.certification.policy import Policy
from catalog.errors import CatalogError
from catalog.jobs import Job
from catalog.learning import examples
from catalog.placement import grounds
from catalog.publishing import views
from catalog.review import review_queue
from catalog.review.review_queue import Naming
from catalog.taxonomies.category_map import COLUMNS
from catalog.taxonomies.category_moves import Translation
from catalog.taxonomies.taxonomy import from_paths
from catalog.taxonomies.versions import latest_taxonomy, taxonomy_version
from pipelines import certify, review, route, taxonomy

# Kettles get another id and name, pans are split, puzzles move below games, hoses are gone.
NEW = {
    "Home": "1", "Home > Kitchen": "11", "Home > Kitchen > Water kettles": "k9", "Home > Kitchen > Frying pans": "p1",
    "Home > Kitchen > Sauce pans": "p2", "Home > Garden": "12", "Toys": "2", "Toys > Games": "22",
    "Toys > Games > Puzzles": "21",
}  # fmt: skip
MAP = [
    (KETTLES, "k9", "renamed"), (PANS, "p1", "split"), (PANS, "p2", "split"), (HOSES, "", "removed"),
]  # fmt: skip


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Job]:
    """The hand-made workspace, its policy certified under the old tree."""
    workspace, store = hand_made(tmp_path)
    with store:
        # the hand-made version has a name of its own; the pipeline compares versions by their content
        views.create(store)
        yield job(workspace, store)


def tree(work: Job, paths: dict[str, str] = NEW) -> Path:
    file = work.workspace.root / "new.txt"
    file.write_text("".join(f"x{n} : {p}\n".replace(f"x{n}", i) for n, (p, i) in enumerate(paths.items())))
    file = file.with_suffix(".csv")
    nodes = from_paths(paths, paths.values()).nodes
    nodes.select("category_id", "parent_id", "name").write_csv(file)
    return file


def written(work: Job, said: list[tuple] = MAP, name: str = "map.csv") -> Path:
    file = work.workspace.root / name
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(["old_id", "new_id", "kind"])
        writer.writerows(said)
    return file


def facts(work: Job) -> dict[str, list[tuple]]:
    tables = ("decisions", "routes", "categories", "taxonomies", "category_map")
    return {name: work.store.query(f"SELECT * FROM {name} ORDER BY ALL").rows() for name in tables}


def standing(work: Job, item: str) -> tuple:
    (row,) = work.store.query(
        "SELECT outcome, category_id, reason, sentence FROM standing_routes WHERE item_id = ?", [item]
    ).rows()
    return row


def said(work: Job, item: str) -> tuple:
    (row,) = work.store.query(
        "SELECT verdict, category_id, who, source, note FROM standing_decisions WHERE item_id = ?", [item]
    ).rows()
    return row


def test_without_a_map_nothing_is_orphaned_and_the_command_to_run_is_named(work: Job) -> None:
    before = facts(work)
    with pytest.raises(CatalogError, match="placements stand in") as error:
        taxonomy.run(work, tree(work))
    # a2 and x1 stand at pans, b2 and x2 at hoses by decision; a1 at pans and a4 at Kitchen by the model
    assert "4 decisions and 1 placements stand in 2 categories" in str(error.value)
    assert "catalog taxonomy diff" in error.value.remedy and "--map" in error.value.remedy
    assert facts(work) == before


def test_a_map_that_is_silent_about_a_standing_category_is_refused(work: Job) -> None:
    before = facts(work)
    with pytest.raises(CatalogError, match=f"2 decisions and 0 placements stand in 1 categories.* {HOSES}") as error:
        taxonomy.run(work, tree(work), map_file=written(work, MAP[:-1]))
    assert "map.csv" in error.value.remedy
    assert facts(work) == before


def test_one_to_one_goes_along_and_splits_and_removals_go_back_to_people(work: Job) -> None:
    rows(work.store, "decisions", {
        "decision_id": "d9", "seq": 9, "vendor": "acme", "item_id": "a5", "input_hash": "in-a5", "verdict": "category",
        "category_id": KETTLES, "source": "review", "who": "anna", "decided_at": hour(30), "random": True,
    })  # fmt: skip
    before = facts(work)
    report = taxonomy.run(work, tree(work), map_file=written(work))
    assert "decisions moved 1, decisions to review 4, placements to review 1" in report.lower()
    assert said(work, "a5") == ("category", "k9", "anna", "review", None)
    sentence = "It stood at Home > Kitchen > Pans, which was split into Home > Kitchen > Frying pans and Home > Kitchen > Sauce pans."
    assert said(work, "a2") == ("retired", None, None, "review", sentence)
    assert standing(work, "a1") == ("review", None, "category_retired", sentence)
    assert "no longer has" in said(work, "b2")[4]
    # an id that stayed needs no new row: the puzzle moved with its category
    assert standing(work, "b1")[:2] == ("placed", PUZZLES)
    after = facts(work)
    for table, old in before.items():
        assert all(row in after[table] for row in old), table  # appended only
    assert latest_taxonomy(work.store).path(PUZZLES) == "Toys > Games > Puzzles"
    # who decided and when stays, so that an older sheet is judged as it would have been
    assert work.store.one("SELECT decided_at FROM standing_decisions WHERE item_id = 'a5'") == hour(30)
    assert work.store.one("SELECT random FROM standing_decisions WHERE item_id = 'a5'")


def test_twice_is_once_and_another_map_for_the_same_version_is_refused(work: Job) -> None:
    taxonomy.run(work, tree(work), map_file=written(work))
    before = facts(work)
    taxonomy.run(work, tree(work), map_file=written(work))
    taxonomy.run(work, tree(work))
    assert facts(work) == before
    with pytest.raises(CatalogError, match="not the map it was imported with"):
        taxonomy.run(work, tree(work), map_file=written(work, [*MAP[:1], (PANS, "p1", "moved"), MAP[-1]], "other.csv"))
    assert facts(work) == before


@pytest.mark.parametrize("point", ["publish.decisions", "publish.routes", "publish.category_map", "publish.taxonomies"])
def test_a_crash_leaves_all_or_nothing(work: Job, point: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = facts(work)

    def fail(name: str) -> None:
        if name == point:
            raise OSError(name)

    monkeypatch.setattr("catalog.store.reached", fail)
    with pytest.raises(OSError, match=point):
        taxonomy.run(work, tree(work), map_file=written(work))
    monkeypatch.undo()
    assert facts(work) == before
    taxonomy.run(work, tree(work), map_file=written(work))
    assert said(work, "a2")[0] == "retired"


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (("nowhere", "k9", ""), "line 2: 'nowhere' is no category of the version before"),
        ((KETTLES, "nowhere", ""), "line 2: 'nowhere' is no category of the new version"),
    ],
)
def test_a_map_is_refused_by_line(work: Job, row: tuple, problem: str) -> None:
    with pytest.raises(CatalogError, match=problem):
        taxonomy.run(work, tree(work), map_file=written(work, [row]))


def test_a_person_may_keep_one_part_of_a_split(work: Job) -> None:
    taxonomy.run(work, tree(work), map_file=written(work, [MAP[0], MAP[1], MAP[3]]))
    assert said(work, "a2")[:2] == ("category", "p1")
    assert standing(work, "a1")[:3] == ("placed", "p1", "category_mapped")
    moved = work.store.query("SELECT item_id, change FROM moved_items WHERE to_id = 'p1' ORDER BY item_id").rows()
    assert ("a1", "mapped") in moved


def test_an_id_that_survives_its_own_split_does_not_hide_it(work: Job) -> None:
    kept = {**{path: key for path, key in IDS.items() if key != PANS}, "Home > Kitchen > Frying pans": PANS,
            "Home > Kitchen > Sauce pans": "p2"}  # fmt: skip
    taxonomy.run(work, tree(work, kept), map_file=written(work, [(PANS, PANS, "split"), (PANS, "p2", "split")]))
    assert said(work, "a2")[0] == "retired"
    assert standing(work, "a1")[0] == "review"
    work.store.execute("UPDATE routes SET input_hash = 'in-a1' WHERE item_id = 'a1'")
    found = Translation.from_version(work.store, "tax1")
    assert found.now(PANS) is None and found.now(KETTLES) == KETTLES


def prediction(work: Job, item: str, leaf: str, chain: tuple[str, ...], odds: float = 5.0) -> None:
    """A sure prediction of the serving model for one item, in the ids of its own version."""
    work.store.execute("DELETE FROM predictions WHERE input_hash = ? AND model_id = 'm2'", [f"in-{item}"])
    rows(work.store, "predictions", {
        "input_hash": f"in-{item}", "model_id": "m2", "leaf_id": leaf, "probability": 0.99, "log_odds": odds,
        "top_ids": [leaf, KETTLES if leaf != KETTLES else PANS], "top_log_odds": [odds, -5.0], "chain_ids": list(chain),
        "chain_mass": [0.999, 0.995, 0.99][: len(chain)], "chain_log_odds": [7.0, 6.0, odds][: len(chain)],
        "has_text": True, "has_image": False, "predicted_at": hour(42), "novelty": 0.0,
    })  # fmt: skip


@pytest.fixture
def serving(work: Job) -> Job:
    """The same workspace with a policy that places surely predicted leaves, certified under the old tree."""
    work.store.execute("DELETE FROM predictions WHERE model_id = 'm2'")
    policy = Policy(
        "m2", 0.95, 0.05, leaf_threshold=2.0, leaf_certified_precision=0.95, control_share=0.0, audit_share=0.0
    )
    rows(work.store, "policies", {
        "policy_id": policy.policy_id, "body": json.dumps(policy.to_dict()), "certificate_id": "c9", "seq": 3,
        "model_id": "m2", "settings_hash": work.settings.routing_hash, "created_at": hour(3),
    })  # fmt: skip
    rows(work.store, "certificates", {"certificate_id": "c9", "model_id": "m2", "issued_at": hour(3)})
    trees = grounds.grounds(work.workspace.vendors, ["acme", "bolt"], latest_taxonomy(work.store))
    work.store.append("grounds", trees.with_columns(certificate_id=pl.lit("c9")))
    return work


def test_an_old_bundle_places_into_renamed_categories_and_never_into_retired_ones(serving: Job) -> None:
    """A department in which only names and ids changed keeps its automation; the classes are translated."""
    renamed = {"House": "h", "House > Kitchen": "hk", "House > Kitchen > Kettles": "k", "House > Kitchen > Pans": "p",
               "House > Garden": "g", "House > Garden > Hoses": "gh", "Toys": "2", "Toys > Puzzles": "21"}  # fmt: skip
    old_to_new = list(zip(list(IDS.values())[:6], list(renamed.values())[:6], strict=True))
    prediction(serving, "a5", KETTLES, ("1", "11", KETTLES))
    prediction(serving, "b1", PUZZLES, ("2", PUZZLES))
    taxonomy.run(
        serving, tree(serving, renamed), map_file=written(serving, [(*pair, "renamed") for pair in old_to_new])
    )
    policy = certify.run(serving)
    assert policy is not None and policy.suspended_departments == frozenset()
    route.run(serving)
    assert standing(serving, "a5")[:3] == ("placed", "k", "certified")
    assert standing(serving, "b1")[:2] == ("placed", PUZZLES)
    current = serving.store.query("SELECT item_id, leaf_id FROM predictions_current ORDER BY item_id").rows()
    assert ("a5", "k") in current


def test_a_split_suspends_its_department_and_its_class_is_nobody_s_leaf(serving: Job) -> None:
    prediction(serving, "a5", PANS, ("1", "11", PANS))
    prediction(serving, "b1", PUZZLES, ("2", PUZZLES))
    toys = {path: key for path, key in IDS.items() if key.startswith("2")}
    split = {**{path: key for path, key in NEW.items() if not path.startswith("Toys")}, **toys}
    taxonomy.run(serving, tree(serving, split), map_file=written(serving))
    policy = certify.run(serving)
    assert policy is not None and policy.suspended_departments == {"1"}
    assert certify.run(serving) == policy
    route.run(serving)
    outcome, category, reason, sentence = standing(serving, "a5")
    assert (outcome, category, reason) == ("review", None, "guess_retired")
    assert "Pans, which was split into" in sentence
    assert standing(serving, "b1")[:2] == ("placed", PUZZLES)
    # what stood at the split category keeps its reason over the night, until somebody or a certified model settles it
    assert standing(serving, "a1")[2] == "category_retired"
    assert "was split into" in standing(serving, "a2")[3]
    assert standing(serving, "a2")[0] == "review"
    retired = latest_taxonomy(serving.store)
    placed = serving.store.query("SELECT category_id FROM placements")["category_id"]
    assert all(category in retired for category in placed)
    rows = review_queue.waiting(serving.store, retired, Naming("w"))
    waiting = dict(review_queue.detailed(serving.store, rows, retired).select("item_id", "candidates").rows())
    assert {"a1", "a2", "a5"} <= waiting.keys()
    assert waiting["a5"] == ["k9"]


def test_merged_classes_keep_the_better_score() -> None:
    translation = Translation(to={"a": "z", "b": "z"}, lost={"c": "C, which is gone"})
    frame = pl.DataFrame({
        "leaf_id": ["b", "c", None], "log_odds": [2.0, 1.0, None], "top_ids": [["b", "a", "d"], ["c", "d"], None],
        "top_log_odds": [[2.0, -1.0, -3.0], [1.0, -1.0], None], "chain_ids": [["r", "b"], ["r", "c"], None],
        "chain_mass": [[1.0, 0.9], [1.0, 0.7], None], "chain_log_odds": [[9.0, 2.0], [9.0, 1.0], None],
    }, schema_overrides={"top_ids": pl.List(pl.String)})  # fmt: skip
    found = translation.predictions(frame)
    assert found["leaf_id"].to_list() == ["z", None, None]
    assert found["top_ids"].to_list() == [["z", "d"], ["d"], None]
    assert found["top_log_odds"].to_list() == [[2.0, -3.0], [-1.0], None]
    assert found["chain_mass"].to_list() == [[1.0, 0.9], [1.0], None]
    assert found["lost_leaf"].to_list() == [None, "C, which is gone", None]
    assert found["log_odds"].to_list() == [2.0, 1.0, None]


def test_versions_are_walked_one_after_the_other(work: Job) -> None:
    taxonomy.run(work, tree(work), map_file=written(work))
    third = {**NEW, "Home > Kitchen > Kettles": "k10"}
    del third["Home > Kitchen > Water kettles"]
    taxonomy.run(work, tree(work, third), map_file=written(work, [("k9", "k10", "renamed")]))
    found = Translation.from_version(work.store, "tax1")
    assert found.now(KETTLES) == "k10"
    assert found.now(PANS) is None
    assert found.now(PUZZLES) == PUZZLES
    assert Translation.from_version(work.store, latest_taxonomy(work.store).version) == Translation()


def test_a_sheet_written_before_means_what_it_offered(work: Job) -> None:
    """1 on an old sheet is the renamed category; a split candidate is a problem with a remedy, never its namesake."""
    token = tokens.item_token("w", "r", "acme", "a5", "in-a5")
    work.store.execute(
        "UPDATE export_rows SET token = ?, candidates = ? WHERE token = 'NEW-a5'", [token, [KETTLES, PANS]]
    )
    taxonomy.run(work, tree(work), map_file=written(work))
    for answer, verdict in (("2", None), ("1", ("category", "k9"))):
        file = work.workspace.root / f"back{answer}.csv"
        file.write_bytes(sheets.render(("token", "decision"), [(token, answer)]))
        report = review.import_sheet(work, file, reviewer="bob")
        if verdict is None:
            assert "no longer exists" in str(report.problems[0])
        else:
            assert not report.problems
            assert said(work, "a5")[:2] == verdict


def test_the_map_a_diff_writes_can_be_imported(work: Job) -> None:
    old = work.workspace.root / "old.csv"
    taxonomy_version(work.store, "tax1").nodes.write_csv(old)
    renamed = {path.replace("Kettles", "Water kettles"): f"n{key}" for path, key in IDS.items()}
    new, file = tree(work, renamed), work.workspace.root / "map.csv"
    changes = taxonomy.compare(old, new, file)
    assert {change.kind for change in changes} == {"same", "renamed"}
    assert file.read_text(encoding="utf-8-sig").splitlines()[0] == ",".join(COLUMNS)
    taxonomy.run(work, new, map_file=file)
    assert said(work, "b2")[:2] == ("category", f"n{HOSES}")
    assert standing(work, "a1")[:3] == ("placed", f"n{PANS}", "category_mapped")


def test_labels_to_learn_from_go_along(work: Job) -> None:
    taxonomy.run(work, tree(work), map_file=written(work, [MAP[0], MAP[1], MAP[3]]))
    found = work.store.query("SELECT item_id, category_id FROM training_examples ORDER BY item_id").rows()
    assert found == [("a2", "p1"), ("x1", "p1")]


def test_policies_name_today_s_departments() -> None:
    policy = Policy("m", 0.9, 0.05, leaf_groups={"1": 2.0, "3": 1.0}, review_departments=frozenset({"1", "2"}))
    found = grounds.translated(policy, Translation(to={"1": "one"}, lost={"3": "gone"}))
    assert found == replace(policy, leaf_groups={"one": 2.0}, review_departments=frozenset({"one", "2"}))


def test_an_item_that_is_gone_keeps_its_history_and_comes_back_to_its_category(serving: Job) -> None:
    """a4 stood at Kitchen and is gone; when it is delivered again its place is the renamed kitchen."""
    renamed = {**IDS, "Home > Cooking": "k"}
    del renamed["Home > Kitchen"]
    renamed = {path.replace("Kitchen", "Cooking"): key for path, key in renamed.items()}
    serving.store.execute("UPDATE routes SET taxonomy_version = 'tax1'")
    before = serving.store.query("SELECT * FROM category_history WHERE item_id = 'a4'").rows()
    taxonomy.run(serving, tree(serving, renamed), map_file=written(serving, [("11", "k", "renamed")]))
    assert serving.store.query("SELECT * FROM category_history WHERE item_id = 'a4'").rows() == before
    rows(serving.store, "deliveries", {
        "delivery_id": "acme-3", "vendor": "acme", "delivery_no": 3, "run_id": serving.run_id, "kind": "delta",
        "status": "accepted", "rows_in": 1, "received_at": hour(60),
    })  # fmt: skip
    rows(serving.store, "sightings", {
        "delivery_id": "acme-3", "vendor": "acme", "delivery_no": 3, "line": 2, "item_id": "a4", "row_hash": "row-a4-1",
        "input_hash": "in-a4", "status": "new",
    })  # fmt: skip
    route.run(serving)
    assert standing(serving, "a4")[:3] == ("placed_at_parent", "k", "sticky")


def test_another_id_makes_no_first_attempt_of_a_second_one(work: Job) -> None:
    """The calibration labels of m2 are the same labels after the map, so an attempt on them is not the first."""
    rows(work.store, "decisions", {
        "decision_id": "d9", "seq": 9, "vendor": "bolt", "item_id": "b2", "input_hash": "in-b2", "verdict": "category",
        "category_id": KETTLES, "source": "review", "decided_at": hour(30),
    })  # fmt: skip
    labels = examples.fingerprint(examples.sample(work.store, "m2", "calibration"))
    work.store.execute("UPDATE certificates SET calibration_hash = ? WHERE model_id = 'm2'", [labels])
    assert examples.attempts(work.store, labels) == 1
    taxonomy.run(work, tree(work), map_file=written(work))
    renamed = examples.fingerprint(examples.sample(work.store, "m2", "calibration"))
    assert renamed != labels
    assert examples.attempts(work.store, renamed) == 1
    assert examples.attempts(work.store, "other labels") == 0


def test_a_label_without_a_category_any_more_still_counts_against_the_model(work: Job) -> None:
    taxonomy.run(work, tree(work), map_file=written(work))
    assert examples.sample(work.store, "m2", "calibration")["category_id"].to_list() == ["retired"]
