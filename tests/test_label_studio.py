"""Tasks for Label Studio and its exports: the token comes back in `data`, the answer in an annotation."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from review_desk import GARDEN_PANS, MUGS, PANS, PUZZLES, Desk, standing

from catalog.errors import CatalogError
from catalog.review import label_studio, sheet_files
from catalog.review.decisions import WORDS
from catalog.taxonomies.taxonomy import from_paths
from catalog.taxonomies.versions import latest_taxonomy
from pipelines import review


def tasks(desk: Desk) -> list[dict]:
    (path,) = review.export(desk.job(), form="labelstudio")
    assert path.suffix == ".json"
    return json.loads(path.read_text(encoding="utf-8"))


def result(name: str, kind: str, value: object) -> dict:
    return {"from_name": name, "to_name": "item", "type": kind, "value": {kind: value}}


def annotated(task: dict, *results: dict, **facts: object) -> dict:
    return task | {"id": 7, "annotations": [{"id": 9, "result": list(results), **facts}], "predictions": []}


def sent(desk: Desk, found: list[dict]) -> Path:
    path = desk.workspace.root / "project-1-at-2026.json"
    path.write_text(json.dumps(found), encoding="utf-8")
    return path


def test_a_task_carries_the_cells_of_its_row_and_its_token(desk: Desk) -> None:
    desk.item("a1", title="=<b>Krug</b> \u00e4")
    (task,) = tasks(desk)
    assert task["data"]["title"] == "=<b>Krug</b> \u00e4"
    assert task["data"]["candidate_1"] == "Home > Kitchen > Mugs"
    assert task["data"]["candidate_4"] == ""
    kept = desk.store.one("SELECT token FROM export_rows")
    assert task["data"]["token"] == kept
    assert "decision" not in task["data"]


def test_choices_paths_of_the_tree_and_notes_come_back_as_decisions(desk: Desk) -> None:
    for n in range(5):
        desk.item(f"a{n}")
    found = tasks(desk)
    email = {"id": 1, "email": "anna@x.test"}
    found[0] = annotated(found[0], result("decision", "choices", ["2"]), completed_by=email)
    tree = result("category", "taxonomy", [["Home", "Garden", "Pans"]])
    found[1] = annotated(found[1], tree, result("note", "text", ["for", "plants"]), completed_by=3)
    found[2] = annotated(found[2], result("decision", "choices", ["none"]), was_cancelled=True)
    found[3] = annotated(found[3], result("decision", "choices", ["3"]))
    report = review.import_sheet(desk.job(), sent(desk, list(reversed(found))), reviewer="bob")
    assert not report.problems
    assert (report.counts["applied"], report.counts["undecided"]) == (3, 2)
    assert standing(desk) == [("a0", "category", PANS), ("a1", "category", GARDEN_PANS), ("a3", "category", PUZZLES)]
    assert dict(desk.store.query("SELECT item_id, who FROM decisions").rows()) == {
        "a0": "anna@x.test", "a1": "bob", "a3": "bob",
    }  # fmt: skip
    assert desk.store.one("SELECT note FROM decisions WHERE item_id = 'a1'") == "for plants"


def test_one_annotation_settles_the_empty_tasks_of_its_group(desk: Desk) -> None:
    for n in range(3):
        desk.item(f"a{n}", group_id="g")
    found = tasks(desk)
    found[1] = annotated(found[1], result("decision", "choices", ["accept"]))
    assert review.import_sheet(desk.job(), sent(desk, found)).counts["through_group"] == 2
    assert {category for _, _, category in standing(desk)} == {MUGS}
    again = sent(desk, found)
    assert review.import_sheet(desk.job(), again).counts == {"already_imported": 3}


def test_an_unknown_choice_is_a_problem_with_a_suggestion(desk: Desk) -> None:
    desk.item("a1")
    (task,) = tasks(desk)
    file = sent(desk, [annotated(task, result("category", "taxonomy", [["Home", "Kitchen", "Mugz"]]))])
    (problem,) = review.import_sheet(desk.job(), file).problems
    assert (problem.line, problem.suggestion.split(" | ")[0]) == (2, "Home > Kitchen > Mugs")


@pytest.mark.parametrize(
    "text",
    [
        *("{}", "[1]", '[{"id": 3}]', "[", '[{"data": {}, "annotations"', "[" * 100_000),
        '[{"data": {}, "annotations": [{"result": -1}]}]',
        '[{"data": {}, "annotations": [{"result": [{"from_name": "note", "value": null}]}]}]',
    ],
)
def test_what_is_no_export_names_the_remedy(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(text)
    with pytest.raises(CatalogError, match="Label Studio"):
        sheet_files.read(file)


def test_the_config_offers_every_decision_and_the_whole_tree(desk: Desk) -> None:
    config = ElementTree.fromstring(label_studio.labelling_config(latest_taxonomy(desk.store)))
    assert [choice.get("value") for choice in config.find("Choices")] == list(WORDS)
    tree = config.find("Taxonomy")
    assert [(top.get("value"), [below.get("value") for below in top]) for top in tree] == [
        ("Home", ["Garden", "Kitchen"]), ("Toys", ["Puzzles"]),
    ]  # fmt: skip
    assert [leaf.get("value") for leaf in tree[0][1]] == ["Mugs", "Pans"]
    wild = label_studio.labelling_config(from_paths(['A "b" & <c> > d']))
    assert ElementTree.fromstring(wild).find("Taxonomy")[0].get("value") == 'A "b" & <c'


def test_names_beginning_with_an_apostrophe_survive(desk: Desk) -> None:
    desk.item("a1")
    (task,) = tasks(desk)
    file = sent(desk, [annotated(task, result("category", "taxonomy", [["'s Gravenhage"]]))])
    (answer,) = sheet_files.read(file).answers
    assert answer.category == "'s Gravenhage"
