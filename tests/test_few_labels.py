"""Few or strange labels: training ends with a model that places nothing, or with an error that says what to do."""

import csv
import json
import random
from pathlib import Path

import polars as pl
import pytest
from conftest import COMMON, SETTINGS
from PIL import Image

from catalog.errors import CatalogError
from catalog.labels.clusters import assert_no_leak, assign_splits
from catalog.placement import ledger
from catalog.settings import Workspace
from pipelines import certify, labels, taxonomy, train, workspace
from pipelines.session import opened

pytestmark = pytest.mark.train
LEAVES = [f"D{d} > D{d}G{g} > D{d}G{g}L{leaf}" for d in range(2) for g in range(2) for leaf in range(5)]
FIELDS = ["item_id", "title", "category_path", "image"]


def words(number: int) -> str:
    """A title that is like no other."""
    rng = random.Random(number)
    return " ".join([*rng.sample(COMMON, 2), *("".join(rng.sample("abcdefghiklmnoprstuvw", 5)) for _ in range(3))])


def row(number: int, path: str, **facts: str) -> dict[str, str]:
    return {"item_id": f"{number:04d}", "title": words(number), "category_path": path, **facts}


def shop(root: Path, rows: list[dict[str, str]], *, random: bool = True) -> Workspace:
    """A workspace with a hierarchy of 20 leaves and these labels."""
    place = workspace.init(root / "ws")
    place.settings_file.write_text(SETTINGS)
    (root / "tree.txt").write_text("\n".join(LEAVES))
    with (root / "labels.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        writer.writerows(rows)
    with opened(place.root) as session:
        with session.single("taxonomy") as job:
            taxonomy.run(job, root / "tree.txt")
        with session.single("labels") as job:
            labels.run(job, root / "labels.csv", vendor="history", random=random)
    return place


def trained(place: Workspace) -> str:
    """Trains, sees that nothing may be placed by itself and that the facts are true JSON; returns what a user is told."""
    with opened(place.root) as session:
        with session.single("train") as job:
            model = train.run(job)
            said = certify.outlook(job, model)
        policy = ledger.current_policy(session.store, session.settings)
        assert ledger.current_model(session.store) == model
        facts = session.store.one("SELECT facts FROM models")
    json.loads(facts, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert "NaN" not in (place.models / model / "MODEL_CARD.md").read_text()
    assert policy.leaf_threshold is None
    assert policy.parent_threshold is None
    assert said.startswith("Nothing is placed automatically at 90%: at least ")
    assert "D0 alone: at least" in said
    assert "D1 alone: at least" in said
    return said


def pictures(folder: Path, count: int) -> None:
    for n in range(count):
        colours = bytes(random.Random(n).randbytes(3 * 64))
        Image.frombytes("RGB", (8, 8), colours).resize((40, 40)).save(folder / f"{n}.png")


def test_twenty_labels_one_a_leaf_some_inner_and_no_picture(tmp_path: Path) -> None:
    paths = [*LEAVES[:15], LEAVES[0], "D0", "D1 > D1G0", "D1 > D1G0", LEAVES[3]]
    said = trained(shop(tmp_path, [row(n, path) for n, path in enumerate(paths)]))
    assert "more labels imported with --random" in said


def test_no_text_at_all_and_no_declared_sample(tmp_path: Path) -> None:
    pictures(tmp_path, 30)
    rows = [row(n, LEAVES[n % 4 * 5], title="", image=f"{n}.png") for n in range(30)]
    said = trained(shop(tmp_path, rows, random=False))
    assert "None of the labels may certify" in said


MANY = {
    "one label per leaf": [row(n, path) for n, path in enumerate([*LEAVES, LEAVES[0]])],
    "leaves without labels": [row(n, LEAVES[n % 3 * 7]) for n in range(24)],
    "leaves and inner nodes": [
        row(n, ["D0", "D1", "D1 > D1G1"][n % 3] if n % 2 else LEAVES[n % 20]) for n in range(60)
    ],
    "nothing but inner nodes": [row(n, ["D0", "D1"][n % 2]) for n in range(40)],
    "a few labels at each of six inner nodes": [  # the leaves below are known by their names alone
        row(n, ["D0", "D1", "D0 > D0G0", "D0 > D0G1", "D1 > D1G0", "D1 > D1G1"][n % 6]) for n in range(24)
    ],
    "two products of one department": [row(n, LEAVES[n % 2]) for n in range(25)],
}


@pytest.mark.slow
@pytest.mark.parametrize("case", MANY)
def test_many_more_kinds_of_few_labels(case: str, tmp_path: Path) -> None:
    trained(shop(tmp_path, MANY[case]))


@pytest.mark.slow
def test_the_same_labels_in_another_workspace_make_the_same_bundle(tmp_path: Path) -> None:
    models = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        place = shop(tmp_path / name, MANY["leaves without labels"])
        with opened(place.root) as session, session.single("train") as job:
            models.append(train.run(job))
    assert models[0] == models[1]


REFUSED = {
    "one category": ([row(n, LEAVES[0]) for n in range(30)], r"30 labelled products in 1 category.*labels import"),
    "too few": ([row(n, LEAVES[n % 2]) for n in range(19)], r"19 labelled products in 2 categories.*at least 20"),
    "one product in many items": (
        [row(n, LEAVES[n % 2], title="premium red lamp for desks") for n in range(40)],
        r"look alike.*1 products.*labels import",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_teaches_nothing_is_an_error_with_a_remedy(case: str, tmp_path: Path) -> None:
    rows, said = REFUSED[case]
    with pytest.raises(CatalogError, match=said):
        trained(shop(tmp_path, rows))


@pytest.mark.parametrize("count", [10, 20, 40])
def test_however_few_the_products_some_stop_the_training(count: int) -> None:
    for seed in range(60):
        clusters = pl.Series([f"c{seed}-{n // 2}" for n in range(2 * count)])
        split = assign_splits(clusters, pl.Series([True] * len(clusters)), seed=seed)
        assert_no_leak(clusters, split)
        assert {"train", "early_stopping"} <= set(split)
