"""Our categories in other trees: maps are versions, go along with our hierarchy, and stand in what a shop applies."""

import csv
import json
from pathlib import Path

import polars as pl
import pytest

from tests.test_changes import MAP, NEW, OLD, Shop, command


def write(path: Path, *rows: tuple[str, ...]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("category", "target_id", "target_path"), *rows])
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Items a to e at Mugs, Pots & Pans, Cups, Trays and Kites."""
    shop = Shop(tmp_path_factory.mktemp("made"))
    shop.taxonomy(OLD)
    shop.label(*[("acme", item, category) for item, category in zip("abcde", "23675", strict=True)])
    shop.deliver("acme", "abcde")
    shop.night()
    return shop


@pytest.fixture
def shop(made: Shop, tmp_path: Path) -> Shop:
    return made.copied(tmp_path / "shop")


def imported(shop: Shop, *rows: tuple[str, ...]) -> tuple[int, str]:
    return command("tree", "import", "market", write(shop.root / "market.csv", *rows), "-w", shop.place.root)


def exported(shop: Shop, since: int = 0) -> tuple[pl.DataFrame, dict]:
    out = shop.root / "out.csv"
    words = ("export", "changes", "--since", since, "--tree", "market", "--out", out, "-w", shop.place.root)
    code, told = command(*words)
    assert code == 0, told
    manifest = json.loads((shop.root / "out.csv.manifest.json").read_text())
    return pl.read_csv(out, infer_schema_length=0), manifest


def there(frame: pl.DataFrame) -> dict[str, tuple[str | None, ...]]:
    return {item: tuple(row) for item, *row in frame.select("item_id", "tree_id", "tree_path", "tree_mapped").rows()}


def publish(shop: Shop) -> None:
    assert command("publish", "-w", shop.place.root)[0] == 0


def test_changes_name_the_other_tree(shop: Shop) -> None:
    code, told = imported(shop, ("Home", "100", "All for Home"), ("2", "120", ""), ("Kites", "", "Toys/Flying"))
    assert code == 0
    assert "names 3 categories; of 5 leaves 3 go by one above them and 0 by none" in told
    publish(shop)
    found, manifest = exported(shop)
    assert there(found) == {
        "a": ("120", None, "own"),
        "b": ("100", "All for Home", "above"),
        "c": ("100", "All for Home", "above"),
        "d": ("100", "All for Home", "above"),
        "e": (None, "Toys/Flying", "own"),
    }
    assert manifest["tree"] == "market" and manifest["map_version"]
    plain = shop.root / "plain.csv"
    assert command("export", "changes", "--since", 0, "--out", plain, "-w", shop.place.root)[0] == 0
    assert "tree_id" not in plain.read_text()
    assert "tree" not in json.loads((shop.root / "plain.csv.manifest.json").read_text())


def test_what_a_map_says_nothing_of_is_listed(shop: Shop) -> None:
    assert "by none (catalog tree unmapped market" in imported(shop, ("Toys", "7", ""))[1]
    publish(shop)
    code, told = command("tree", "unmapped", "market", "-w", shop.place.root)
    assert code == 0
    assert [line.split(",")[1] for line in told.strip().splitlines()[1:]] == [
        "Home > Cups", "Home > Mugs", "Home > Pots & Pans", "Home > Trays",
    ]  # fmt: skip
    assert there(exported(shop)[0])["a"] == (None, None, None)
    assert "market" in command("tree", "list", "-w", shop.place.root)[1]


def test_the_same_map_again_is_no_new_version(shop: Shop) -> None:
    imported(shop, ("Toys", "7", ""))
    assert "Nothing new" in imported(shop, ("4", "7", ""))[1], "an id and a path name the same category"
    assert "Map" in imported(shop, ("4", "8", ""))[1]
    publish(shop)
    assert there(exported(shop)[0])["e"] == ("8", None, "above")


def test_a_map_goes_along_with_our_hierarchy(shop: Shop) -> None:
    rows = [("2", "120", ""), ("6", "120", ""), ("3", "130", ""), ("7", "170", "Serving"), ("Kites", "9", "")]
    imported(shop, *rows)
    shop.taxonomy(NEW, MAP)
    shop.deliver("acme", "abcde")
    shop.night()
    assert there(exported(shop)[0].unique("item_id", keep="last")) | {"b": None} == {
        "a": ("120", None, "own"),  # two became one and agree
        "b": None,  # split: nobody knows which, and the item waits for a person
        "c": ("120", None, "own"),
        "d": ("170", "Serving", "own"),
        "e": ("9", None, "own"),
    }
    told = command("tree", "unmapped", "market", "-w", shop.place.root)[1]
    assert [line.split(",")[1] for line in told.strip().splitlines()[1:]] == ["Home > Pans", "Home > Pots"]


def test_a_map_that_says_nothing_sensible_is_refused(shop: Shop) -> None:
    refused = {
        "line 2: 'Hats' is no category here": [("Hats", "1", "")],
        "line 3: '5' has another target": [("Kites", "1", ""), ("5", "2", "")],
        "line 2: it names no target": [("Kites", "", "")],
        "maps no category": [],
    }
    for says, rows in refused.items():
        code, told = imported(shop, *rows)
        assert code == 1
        assert says in told
    code, told = command("export", "changes", "--since", 0, "--tree", "market", "-w", shop.place.root)
    assert code == 1
    assert "There is none yet" in told


def test_another_file_is_no_map(shop: Shop) -> None:
    (shop.root / "market.csv").write_text("a;b\n1;2\n")
    code, told = command("tree", "import", "market", shop.root / "market.csv", "-w", shop.place.root)
    assert code == 1
    assert "Its header must name category" in told
    assert command("tree", "import", "Big Market", shop.root / "market.csv", "-w", shop.place.root)[0] == 1
