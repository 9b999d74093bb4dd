"""A new taxonomy through whole nights: labels, a delivery, a map, what analysts and reviewers then see."""

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from catalog.publishing import ask
from catalog.settings import Workspace
from pipelines import cli, labels, nightly, review, taxonomy, workspace
from pipelines.session import opened

OLD = "id,parent_id,name\n1,,Home\n2,1,Mugs\n3,1,Pots & Pans\n4,,Toys\n5,4,Kites\n"
NEW = "id,parent_id,name\n1,,Home\n20,1,Mugs and Cups\n31,1,Pots\n32,1,Pans\n4,,Toys\n5,4,Kites\n"
LABELS = [("a", "2"), ("b", "2"), ("c", "3"), ("d", "5")]


def write(path: Path, header: list[str], rows: list[tuple]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def asked(place: Workspace, query: str) -> list[dict]:
    return json.loads(ask.ask(place, query, output="json"))


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    """Four labelled items and one without a label, delivered and routed once; nothing was trained."""
    made = workspace.init(tmp_path / "ws")
    (tmp_path / "old.csv").write_text(OLD)
    (tmp_path / "new.csv").write_text(NEW)
    said = write(
        tmp_path / "labels.csv",
        ["vendor", "item_id", "title", "category_id"],
        [("acme", i, f"{i} thing", c) for i, c in LABELS],
    )
    (made.feeds / "acme").mkdir()
    write(made.feeds / "acme" / "2026-01-01.csv", ["item_id", "title"], [(i, f"{i} thing") for i in "abcde"])
    with opened(made.root) as session:
        with session.single("taxonomy") as job:
            taxonomy.run(job, tmp_path / "old.csv")
        with session.single("labels") as job:
            labels.run(job, said)
        nightly.run(session)
    return made


def command(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(cli.app, [str(word) for word in words])
    return done.exit_code, done.output + str(done.exception or "")


def test_a_new_taxonomy_takes_along_what_it_can_and_asks_about_the_rest(place: Workspace, tmp_path: Path) -> None:
    before = {row["item_id"]: row["path"] for row in asked(place, "SELECT item_id, path FROM current_category")}
    assert before == {"a": "Home > Mugs", "b": "Home > Mugs", "c": "Home > Pots & Pans", "d": "Toys > Kites"}

    code, said = command("taxonomy", "import", tmp_path / "new.csv", "-w", place.root)
    assert code == 1 and "3 decisions and 0 placements stand in 2 categories" in said

    code, said = command("taxonomy", "diff", tmp_path / "old.csv", tmp_path / "new.csv", "--map", tmp_path / "map.csv")
    assert code == 0
    assert (
        "split    Home > Pots & Pans -> Home > Pans" in said and "renamed  Home > Mugs -> Home > Mugs and Cups" in said
    )
    code, said = command("taxonomy", "import", tmp_path / "new.csv", "--map", tmp_path / "map.csv", "-w", place.root)
    assert (code, "Decisions moved 2, decisions to review 1." in said) == (0, True), said

    with opened(place.root) as session:
        night = nightly.run(session)
        assert nightly.run(session).run_id is None
    after = {row["item_id"]: row["path"] for row in asked(place, "SELECT item_id, path FROM current_category")}
    assert after == {"a": "Home > Mugs and Cups", "b": "Home > Mugs and Cups", "d": "Toys > Kites"}
    waiting = {row["item_id"]: row for row in asked(place, "SELECT * FROM review_backlog")}
    assert waiting.keys() == {"c", "e"}
    assert waiting["c"]["reason"] == "category_retired"
    assert (
        waiting["c"]["sentence"] == "It stood at Home > Pots & Pans, which was split into Home > Pans and Home > Pots."
    )
    moved = asked(place, "SELECT item_id, change, from_path FROM moved_items ORDER BY item_id")
    assert [(row["item_id"], row["change"], row["from_path"]) for row in moved] == [
        ("a", "mapped", "Home > Mugs"), ("b", "mapped", "Home > Mugs"),
    ]  # fmt: skip
    learned = asked(place, "SELECT item_id, category_id FROM training_examples ORDER BY item_id")
    assert [(row["item_id"], row["category_id"]) for row in learned] == [("a", "20"), ("b", "20"), ("d", "5")]

    # a reviewer settles what the taxonomy left open
    sheet = next(path for path in place.outbox.glob(f"{night.run_id}-*.csv"))
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    for line in lines:
        line["category"] = "Pans" if line["item_id"] == "c" else ""
    answered = write(place.inbox / "back.csv", list(lines[0]), [tuple(line.values()) for line in lines])
    with opened(place.root) as session:
        with session.single("review import") as job:
            assert not review.import_sheet(job, answered, reviewer="anna").problems
        nightly.run(session)
    assert {"item_id": "c", "path": "Home > Pans", "decided_by": "person"} in asked(
        place, "SELECT item_id, path, decided_by FROM current_category"
    )


def test_the_same_labels_again_under_the_new_taxonomy(place: Workspace, tmp_path: Path) -> None:
    """A label file in the new ids, after the map: a later word of the same source stands, and the counts balance."""
    command("taxonomy", "diff", tmp_path / "old.csv", tmp_path / "new.csv", "--map", tmp_path / "map.csv")
    assert command("taxonomy", "import", tmp_path / "new.csv", "--map", tmp_path / "map.csv", "-w", place.root)[0] == 0
    again = write(
        tmp_path / "again.csv", ["vendor", "item_id", "title", "category_id"], [("acme", "c", "c thing", "31")]
    )
    with opened(place.root) as session:
        with session.single("labels") as job:
            labels.run(job, again)
        nightly.run(session)
    assert {"item_id": "c", "path": "Home > Pots"} in asked(place, "SELECT item_id, path FROM current_category")
