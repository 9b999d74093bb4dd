"""A taxonomy and no labels: candidates from names, nothing placed, and names that help while labels are few."""

from pathlib import Path

import polars as pl
import pytest

pytest.importorskip("torch", reason="needs the extra `train`")

from catalog.inference.classifier import Classifier
from catalog.learning import cold
from catalog.learning.names import leaves_of, name_rows, with_names
from catalog.learning.training_settings import TrainingSettings
from catalog.publishing.reader import query_published
from catalog.taxonomies.taxonomy import from_paths
from pipelines import nightly, taxonomy, train, workspace
from pipelines.session import opened

pytestmark = pytest.mark.train
TREE = from_paths(["Home > Kitchen > Coffee mugs", "Home > Light > Desk lamps", "Sport > Balls > Tennis balls"])


def test_a_leaf_is_a_row_with_its_name_and_path() -> None:
    rows = name_rows(TREE, leaves_of(TREE))
    assert rows["title"].to_list() == ["Coffee mugs", "Desk lamps", "Tennis balls"]
    assert rows["vendor_category"][0] == "Home > Kitchen > Coffee mugs"
    assert rows["input_hash"].n_unique() == 3


def test_names_are_learned_from_only_while_labels_are_few() -> None:
    few = name_rows(TREE, leaves_of(TREE)[:1])
    assert with_names(few, TREE).height == 4
    many = pl.concat([few] * 60)
    assert with_names(many, TREE).height == 60


def test_products_are_compared_with_names(tmp_path: Path) -> None:
    """The untrained tower knows nothing, so this holds what words alone tell."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    report = cold.train_on_names(TREE, TrainingSettings(encoder_text="tiny", image_size=32, threads=1), folder)
    assert report.to_dict()["loss"] is None
    items = name_rows(TREE, leaves_of(TREE)).with_columns(
        title=pl.Series(["blue mugs for coffee", "desk lamps, white", "tennis balls x3"]), vendor_category=None
    )
    found = Classifier.open(folder, device="cpu", verify=False).predict(
        items.with_columns(pl.col("vendor_category").cast(pl.String))
    )
    assert found["leaf_id"].to_list() == leaves_of(TREE)


def test_a_night_without_labels_gives_candidates_and_places_nothing(shop: Path, tmp_path: Path) -> None:
    place = workspace.init(tmp_path / "ws")
    place.settings_file.write_text((shop / "catalog.toml").read_text())
    feed = place.feeds / "acme"
    feed.mkdir()
    (feed / "items.csv").write_bytes((shop / "first.csv").read_bytes())
    with opened(place.root) as session:
        with session.single("taxonomy") as job:
            taxonomy.run(job, shop / "labels.csv")
        with session.single("train") as job:
            train.run(job)
        nightly.run(session)
    placed = query_published(place.published_db, "SELECT count(*) FROM current_category")
    waiting = query_published(
        place.published_db, "SELECT count(*), count(candidate_5), min(reason) FROM review_backlog"
    )
    assert placed.item() == 0
    assert waiting.row(0)[:2] == (120, 120)
    assert waiting.row(0)[2] in ("control", "no_certificate")
