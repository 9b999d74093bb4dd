"""The model card: true figures, licences of every weight, nothing that changes from run to run, and no way out of a cell."""

from datetime import UTC, datetime

import polars as pl
import pytest

from catalog.certification.metrics import wilson
from catalog.learning import card
from catalog.learning.weights import IMAGE, TEXT
from catalog.taxonomies.taxonomy import from_paths

TREE = from_paths(["A > A1", "A > A2", "B > B1"])
SETTINGS = {"encoder": "embedded", "encoder_text": "all-MiniLM-L6-v2", "encoder_image": "efficientnet-lite0", "seed": 7}


def facts(**changed: object) -> dict:
    rows = [
        (f"v{n % 2}", str(n), f"h{n}", f"c{n}", split, "A > A1" if n % 3 else "B > B1", None)
        for n, split in enumerate(["train"] * 20 + ["early_stopping"] * 10 + ["calibration"] * 200)
    ]
    known = pl.DataFrame(
        rows,
        schema=["vendor", "item_id", "input_hash", "cluster", "split", "category_id", "image"],
        orient="row",
    )
    # of the calibration products, every A1 is right and every B1 is said to be A2
    predicted = known.filter(pl.col("split") != "train").select(
        "input_hash",
        leaf_id=pl.when(pl.col("category_id") == "A > A1").then("category_id").otherwise(pl.lit("A > A2")),
        has_text=pl.lit(True),
        has_image=pl.lit(False),
    )
    dates = (datetime(2026, 1, 2, 9, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC))
    return {
        "taxonomy_version": "t1",
        "examples": known.height,
        "settings": SETTINGS,
        "report": {
            "branches": {
                "text": {"probe": {"loss": 0.5}, "tuned": {"loss": 0.4}, "ships": "tuned"},
                "image": {"items": 0},
            }
        },
        "card": card.measured(known, predicted, TREE, dates),
        **changed,
    }


def test_figures_are_those_of_the_products_with_their_intervals() -> None:
    found = facts()
    said = card.text(found)
    right = sum(1 for n in range(30, 230) if n % 3)
    low, high = wilson(right, 200)
    assert f"| calibration | 200 | {right / 200:.1%} ({low:.1%} to {high:.1%}) |" in said
    assert "| train | 20 | 20 |" in said
    assert "Vendors: v0 (115), v1 (115)." in said
    assert "from 2026-01-02 to 2026-03-04" in said
    assert "3 leaves, 1 without a label to learn from" in said
    assert "| department | B | 70 | 0.0%" in said
    assert "| modality | text alone | 210 |" in said
    assert "| vendor | v1 | 105 |" in said
    assert "log-loss 0.500 frozen, 0.400 tuned, so the tuned one ships. No image to learn from." in said


def test_every_packaged_weight_has_its_licence_and_its_hash() -> None:
    said = card.text(facts())
    for name in ("all-MiniLM-L6-v2", "efficientnet-lite0"):
        known = TEXT.get(name) or IMAGE[name]
        assert (
            f"| {name} | {known.licence} | {known.origin} | {known.weights.release} | {known.weights.sha256} |" in said
        )
    other = card.text(facts(settings=SETTINGS | {"encoder": "local-dir:/models/x"}))
    assert "| local-dir:/models/x | see its source |" in other
    assert "all-MiniLM" not in other.split("## How it was made")[0]


def test_what_is_missing_is_said_as_a_limit() -> None:
    said = card.text(facts())
    assert "pictures tell it nothing" in said
    assert "fewer than five vendors" in said
    frozen = {"branches": {"text": {"probe": {"loss": 0.5}, "ships": "probe"}}}
    assert "The text tower stayed as it came; its early-stopping log-loss is 0.500." in card.text(facts(report=frozen))
    assert card.text({"examples": 3}).startswith("# Model card\n\nTrained on 3 labelled products.")


def test_names_of_others_stay_in_their_cell() -> None:
    found = facts()
    found["card"]["slices"].append(("vendor", "a | b\n# c", 100, None))
    assert "| vendor | a / b # c | 100 | not measured |" in card.text(found)


@pytest.mark.parametrize("word", ["2026-11", "certified at"])
def test_nothing_of_the_run_or_of_the_certificate_is_in_it(word: str) -> None:
    assert word not in card.text(facts())
