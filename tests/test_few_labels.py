"""Few or strange labels: training ends with a model that places nothing, or with an error that says what to do."""

import csv
import random
from pathlib import Path

import pytest
from conftest import COMMON, SETTINGS
from PIL import Image

from catalog import ledger
from catalog.errors import CatalogError
from catalog.settings import Workspace
from pipelines import labels, taxonomy, train, workspace
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


def shop(root: Path, rows: list[dict[str, str]], *, paths: list[str] = LEAVES, random: bool = True) -> Workspace:
    """A workspace with a hierarchy and these labels."""
    place = workspace.init(root / "ws")
    place.settings_file.write_text(SETTINGS)
    (root / "tree.txt").write_text("\n".join(paths))
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


def trained(place: Workspace) -> tuple[str, list[str]]:
    """The model that serves after training, and the messages training ended with; nothing is placed by it."""
    with opened(place.root) as session:
        with session.single("train") as job:
            model = train.run(job)
        policy = ledger.current_policy(session.store, session.settings)
        assert ledger.current_model(session.store) == model
    assert policy.leaf_threshold is None
    assert policy.parent_threshold is None
    return model, []


def test_one_label_per_leaf(tmp_path: Path) -> None:
    trained(shop(tmp_path, [row(n, path) for n, path in enumerate(LEAVES)] * 1 + [row(90, LEAVES[0])]))


def test_twenty_labels_and_leaves_without_any(tmp_path: Path) -> None:
    trained(shop(tmp_path, [row(n, LEAVES[n % 3]) for n in range(20)]))


def test_labels_at_inner_nodes(tmp_path: Path) -> None:
    inner = ["D0", "D1", "D0 > D0G0", "D1 > D1G1"]
    trained(shop(tmp_path, [row(n, inner[n % 4] if n % 3 else LEAVES[n % 20]) for n in range(60)]))


def test_nothing_but_inner_nodes(tmp_path: Path) -> None:
    trained(shop(tmp_path, [row(n, ["D0", "D1"][n % 2]) for n in range(40)]))


def test_no_text_at_all(tmp_path: Path) -> None:
    for n in range(40):
        colours = bytes(random.Random(n).randbytes(3 * 64))
        Image.frombytes("RGB", (8, 8), colours).resize((40, 40)).save(tmp_path / f"{n}.png")
    trained(shop(tmp_path, [row(n, LEAVES[n % 4], title="", image=f"{n}.png") for n in range(40)]))


def test_labels_that_nobody_declared_a_sample(tmp_path: Path) -> None:
    trained(shop(tmp_path, [row(n, LEAVES[n % 4]) for n in range(40)], random=False))


def test_one_category_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    place = shop(tmp_path, [row(n, LEAVES[0]) for n in range(30)])
    with pytest.raises(CatalogError, match=r"in 1 categor.*catalog labels import"):
        trained(place)


def test_one_product_in_many_items_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    rows = [row(n, LEAVES[n % 2], title="premium red lamp for desks") for n in range(40)]
    with pytest.raises(CatalogError, match="look alike"):
        trained(shop(tmp_path, rows))
