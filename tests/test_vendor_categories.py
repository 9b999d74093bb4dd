"""What a vendor's own categories mean: learned with its precision, said by people, held against predictions."""

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hand_made import HOSES, IDS, KETTLES, KITCHEN, PANS, PUZZLES, hand_made, job, rows
from typer.testing import CliRunner

from catalog.certification.certificate import certify
from catalog.certification.metrics import lower_bound
from catalog.certification.policy import Policy
from catalog.errors import CatalogError
from catalog.jobs import Job
from catalog.placement import ledger
from catalog.placement import vendor_categories as meaning
from catalog.placement.routing import route
from catalog.publishing import views
from catalog.taxonomies.taxonomy import from_paths
from pipelines import certify as issue
from pipelines import cli, vendor_categories
from pipelines import route as settle

TREE = from_paths(IDS, IDS.values())


def decided(*groups: tuple[str, str, int]) -> pl.DataFrame:
    """Decided products of acme: (vendor category, our category, how many)."""
    made = [
        {"vendor": "acme", "product": f"{theirs}-{ours}-{n}", "vendor_category": theirs, "category_id": ours, "source": "label"}
        for theirs, ours, count in groups
        for n in range(count)
    ]  # fmt: skip
    return pl.DataFrame(made)


def learned(*groups: tuple[str, str, int]) -> dict[str, tuple]:
    found = meaning.learn(decided(*groups), TREE)
    return {row["vendor_category"]: (row["category_id"], row["items"], row["right_items"]) for row in found.to_dicts()}


def test_every_level_of_their_path_means_the_deepest_category_that_holds() -> None:
    found = learned(
        ("Kitchen|Water kettles", KETTLES, 50), ("Kitchen / Pans", PANS, 40), ("Fun", PUZZLES, 30), ("Fun", HOSES, 30)
    )
    assert found == {
        # 90 of 90 stand below our Kitchen, but only 50 of them are kettles
        "Kitchen": (KITCHEN, 90, 90),
        "Kitchen > Water kettles": (KETTLES, 50, 50),
        "Kitchen > Pans": (PANS, 40, 40),
        # nothing holds: the leaf most agree on, with what that is worth
        "Fun": (HOSES, 60, 30),
    }


def test_products_count_once_and_retired_categories_not_at_all() -> None:
    once = decided(("Pans", PANS, 3))
    twice = pl.concat([once, once, decided(("Pans", "gone", 5))])
    (row,) = meaning.learn(twice, TREE).to_dicts()
    assert (row["items"], row["right_items"], row["sources"]) == (3, 3, ["label"])
    assert row["lower_bound"] == pytest.approx(lower_bound(3, 3, 0.95))


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("A>B > C", ["A", "A > B", "A > B > C"]),
        ("TV/Video | Radio", ["TV/Video", "TV/Video > Radio"]),
        ("A / B", ["A", "A > B"]),
        (" > ", []),
        ("A », B", ["A", "A > , B"]),
    ],
)
def test_levels_of_their_paths(text: str, levels: list[str]) -> None:
    assert meaning.lineage(text) == levels


SAID_NOTHING = pl.DataFrame(schema=dict.fromkeys(("vendor", "vendor_category", "category_id", "said_by"), pl.String))


def said(**facts: str | None) -> pl.DataFrame:
    return pl.DataFrame([{"vendor": "acme", "said_by": "anna", **facts}], schema=SAID_NOTHING.schema)


def test_a_rule_needs_enough_products_or_a_person() -> None:
    # 28 of 28: 0.05 ** (1 / 28) = 0.8985, one less than it takes
    found = meaning.learn(
        decided(("Few", KETTLES, 28), ("Many", KETTLES, 29), ("Torn", KETTLES, 60), ("Torn", PUZZLES, 30)), TREE
    )
    assert meaning.rules(found, SAID_NOTHING)["vendor_category"].to_list() == ["Many"]
    corrected = meaning.rules(found, said(vendor_category="Many", category_id=PANS))
    assert corrected.select("category_id", "said_by").rows() == [(PANS, "anna")]
    assert not meaning.rules(found, said(vendor_category="Many", category_id=None)).height
    both = meaning.rules(found, said(vendor_category="Few", category_id=KETTLES))
    assert both["vendor_category"].to_list() == ["Few", "Many"]


def test_a_leaf_contradicts_only_what_is_neither_above_nor_below_it() -> None:
    held = meaning.rules(
        meaning.learn(decided(("Kitchen > Kettles", KETTLES, 40), ("Kitchen > Pans", PANS, 40)), TREE), SAID_NOTHING
    )
    asked = [
        ("acme", "Kitchen > Kettles", KETTLES), ("acme", "Kitchen > Kettles", PANS), ("acme", "Kitchen > Other", PANS),
        ("acme", "Kitchen > Other", PUZZLES), ("bolt", "Kitchen", PUZZLES), ("acme", None, PUZZLES), ("acme", "Kitchen", None),
    ]  # fmt: skip
    frame = pl.DataFrame(asked, schema=["vendor", "vendor_category", "leaf_id"], orient="row")
    found = meaning.with_conflicts(frame, held, TREE)["vendor_conflict"].to_list()
    assert [words is not None for words in found] == [False, True, False, True, False, False, False]
    assert (
        found[1]
        == "The vendor files it under Kitchen > Kettles, and 40 of 40 such products stand in Home > Kitchen > Kettles."
    )
    assert "under Kitchen, and 80 of 80" in found[3]


def predicted(leaf: str, conflict: str | None, number: int = 0) -> dict:
    return {
        "vendor": "acme", "item_id": f"i{number}", "row_hash": "r", "input_hash": f"h{number}", "product_id": None,
        "decided_category": None, "decided_verdict": None, "standing_category": None, "standing_outcome": None,
        "leaf_id": leaf, "probability": 0.99, "log_odds": 5.0, "top_ids": [leaf], "top_log_odds": [5.0],
        "chain_ids": TREE.ancestors(leaf), "chain_mass": [0.999] * TREE.level(leaf), "chain_log_odds": [7.0] * TREE.level(leaf),
        "novelty": 0.0, "has_text": True, "has_image": True, "image_status": "ok", "vendor_conflict": conflict,
    }  # fmt: skip


def test_a_contradicted_item_waits_with_the_reason_in_words() -> None:
    policy = Policy("m", 0.9, 0.05, leaf_threshold=2.0, parent_threshold=2.0, control_share=0.0, audit_share=0.0)
    words = "The vendor files it under Kettles, and 40 of 40 such products stand in Home > Kitchen > Kettles."
    frame = pl.DataFrame([predicted(PUZZLES, None), predicted(PUZZLES, words, 1)], infer_schema_length=None)
    plain, held = route(frame, policy, TREE).to_dicts()
    assert (plain["outcome"], plain["category_id"]) == ("placed", PUZZLES)
    assert (held["outcome"], held["category_id"], held["reason"]) == ("review", None, "vendor_category_conflict")
    assert held["sentence"] == f"{words} The best guess is Puzzles."


def test_the_certificate_counts_what_the_rule_lets_through() -> None:
    """The contradicted products are all wrong here: with the rule they are no errors of the policy, nor any of its coverage."""
    sample = pl.DataFrame([
        {**predicted(PUZZLES, "words" if n % 10 == 0 else None, n), "cluster": f"c{n}", "category_id": HOSES if n % 10 == 0 else PUZZLES}
        for n in range(400)
    ], infer_schema_length=None).with_columns(log_odds=pl.int_range(pl.len()) / 100.0)  # fmt: skip
    ruled = certify(None, sample, TREE, target=0.95, delta=0.05)
    bare = certify(None, sample.drop("vendor_conflict"), TREE, target=0.95, delta=0.05)
    assert ruled.leaf.passed and ruled.leaf.k == 0 and ruled.leaf.coverage == pytest.approx(0.9)
    assert not bare.leaf.passed


# ---------------------------------------------------------------- in a workspace


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Job]:
    """The hand-made workspace with 40 decided kettles and 30 puzzles that acme files under categories of its own."""
    workspace, store = hand_made(tmp_path)
    with store:
        for n, (theirs, ours) in enumerate(
            [("Haus > Kessel", KETTLES)] * 40 + [("Spiel", PUZZLES)] * 29 + [("Spiel", HOSES)]
        ):
            keys = {"vendor": "acme", "item_id": f"s{n}", "input_hash": f"in-s{n}"}
            rows(store, "items", {**keys, "row_hash": f"row-s{n}", "title": "t", "vendor_category": theirs})
            rows(store, "decisions", {
                **keys, "decision_id": f"s{n}", "seq": 100 + n, "verdict": "category", "category_id": ours, "source": "label",
            })  # fmt: skip
            held_out = "train" if n % 4 else "calibration"
            rows(store, "example_splits", {**keys, "model_id": "m2", "cluster": f"c{n}", "split": held_out})
        views.create(store)
        yield job(workspace, store)


def test_learning_is_appended_once_and_read_in_sql(work: Job) -> None:
    assert vendor_categories.learn(work) == 3
    assert vendor_categories.learn(work) == 0
    found = work.store.query(
        "SELECT vendor_category, level, category_id, path, items, right_items, said_by FROM vendor_categories ORDER BY ALL"
    ).rows()
    assert found == [
        ("Haus", 1, KETTLES, "Home > Kitchen > Kettles", 40, 40, None),
        ("Haus > Kessel", 2, KETTLES, "Home > Kitchen > Kettles", 40, 40, None),
        ("Spiel", 1, PUZZLES, "Toys > Puzzles", 30, 29, None),
    ]
    assert vendor_categories.shown(work)["vendor_category"].to_list() == ["Spiel", "Haus", "Haus > Kessel"]
    assert vendor_categories.shown(work, "bolt").height == 0


def sheet(work: Job, **answers: str) -> Path:
    """The exported sheet with `said` filled for the named categories (blanks in names as underscores)."""
    file = work.workspace.root / "theirs.csv"
    vendor_categories.export(work, file)
    with file.open(encoding="utf-8-sig", newline="") as source:
        lines = list(csv.DictReader(source))
    for line in lines:
        line["said"] = answers.get(line["vendor_category"].replace(" > ", "_"), "")
    with file.open("w", encoding="utf-8-sig", newline="") as target:
        writer = csv.DictWriter(target, lines[0])
        writer.writeheader()
        writer.writerows(lines)
    return file


def test_a_person_confirms_corrects_and_refuses(work: Job) -> None:
    file = sheet(work, Haus="none", Haus_Kessel="ok", Spiel="Hoses")
    assert vendor_categories.import_said(work, file, "anna") == {"said": 3, "new": 3}
    assert vendor_categories.import_said(work, file, "anna") == {"said": 3, "new": 0}
    found = work.store.query(
        "SELECT vendor_category, category_id, items, said_by FROM vendor_categories ORDER BY ALL"
    ).rows()
    assert found == [("Haus", None, 40, "anna"), ("Haus > Kessel", KETTLES, 40, "anna"), ("Spiel", HOSES, 30, "anna")]
    vendor_categories.import_said(work, sheet(work, Spiel=PUZZLES), "bob")
    assert work.store.one("SELECT count(*) FROM vendor_category_said") == 4  # appended, the earlier word stays
    assert work.store.one("SELECT said_by FROM vendor_categories WHERE vendor_category = 'Spiel'") == "bob"


@pytest.mark.parametrize(
    ("answers", "who", "problem"),
    [({"Spiel": "Nowhere"}, "anna", "'Nowhere' is no category here"), ({"Spiel": "ok"}, None, "does not say who")],
)
def test_a_bad_row_is_named_and_nothing_is_kept(work: Job, answers: dict, who: str | None, problem: str) -> None:
    with pytest.raises(CatalogError, match=problem):
        vendor_categories.import_said(work, sheet(work, Haus="ok", **answers), who)
    assert work.store.one("SELECT count(*) FROM vendor_category_said") == 0


def test_a_certificate_keeps_the_rules_it_was_earned_with(work: Job) -> None:
    """Learned from training products alone: a calibration label must not teach what it is then held to."""
    issue.run(work)
    held = ledger.vendor_category_rules(work.store, "m2", work.settings)
    # 30 of the 40 kettles are training products, 22 of the 30 'Spiel', which is too few to hold
    assert held.select("vendor_category", "items").rows() == [("Haus", 30), ("Haus > Kessel", 30)]
    vendor_categories.import_said(work, sheet(work, Spiel="ok", Haus="none"), "anna")
    assert ledger.vendor_category_rules(work.store, "m2", work.settings).equals(held)
    stricter = work.settings.model_copy(update={"routing": work.settings.routing.model_copy(update={"target": 0.97})})
    issue.run(replace(work, settings=stricter))
    later = ledger.vendor_category_rules(work.store, "m2", stricter)
    assert later["vendor_category"].to_list() == ["Haus > Kessel", "Spiel"]


def test_the_command_shows_and_writes_them(work: Job) -> None:
    root = work.workspace.root
    work.store.close()
    shown = CliRunner().invoke(cli.app, ["vendor", "categories", "acme", "-w", str(root)])
    assert shown.exit_code == 0, shown.output
    assert shown.output.index("Spiel") < shown.output.index("Haus")
    written = CliRunner().invoke(cli.app, ["vendor", "categories", "-w", str(root), "--export", str(root / "out.csv")])
    assert written.exit_code == 0 and (root / "out.csv").exists()


def test_routing_holds_predictions_against_the_certified_rules_alone(work: Job) -> None:
    """a5 is filed under 'Haus > Kessel' and predicted as a puzzle: whatever else is said or learned, that rule decides."""
    rows(work.store, "policies", {
        "policy_id": "p9", "seq": 9, "model_id": "m2", "settings_hash": work.settings.routing_hash, "certificate_id": "c9",
        "body": json.dumps(Policy("m2", 0.9, 0.05, leaf_threshold=2.0, control_share=0.0, audit_share=0.0).to_dict()),
    })  # fmt: skip
    rows(work.store, "certificates", {"certificate_id": "c9", "model_id": "m2"})
    work.store.execute("UPDATE items SET vendor_category = 'Haus > Kessel' WHERE item_id = 'a5'")
    work.store.execute("DELETE FROM predictions WHERE model_id = 'm2'")
    content = {k: v for k, v in predicted(PUZZLES, None).items() if k in work.store.query("FROM predictions").columns}
    rows(work.store, "predictions", {**content, "input_hash": "in-a5", "model_id": "m2"})
    asked = "SELECT outcome, category_id, reason FROM standing_routes WHERE item_id = 'a5'"
    settle.run(work)
    assert work.store.query(asked).rows() == [("placed", PUZZLES, "certified")]
    rows(work.store, "vendor_category_rules", {
        "certificate_id": "c9", "vendor": "acme", "vendor_category": "Haus > Kessel", "category_id": KETTLES, "items": 40,
        "right_items": 40, "lower_bound": 0.92,
    })  # fmt: skip
    rows(work.store, "items", {
        "vendor": "acme", "item_id": "a6", "input_hash": "in-a5", "row_hash": "row-a6", "title": "t", "vendor_category": "Haus > Kessel",
    })  # fmt: skip
    rows(work.store, "sightings", {
        "delivery_id": "acme-2", "vendor": "acme", "delivery_no": 2, "line": 9, "item_id": "a6", "row_hash": "row-a6",
        "input_hash": "in-a5", "status": "new",
    })  # fmt: skip
    settle.run(work)
    # what was placed stays where it is; a new item is not placed
    assert work.store.query(asked).rows() == [("placed", PUZZLES, "sticky")]
    (new,) = work.store.query("SELECT outcome, reason, sentence FROM standing_routes WHERE item_id = 'a6'").rows()
    assert new[:2] == ("review", "vendor_category_conflict")
    assert "Haus > Kessel, and 40 of 40" in new[2]
