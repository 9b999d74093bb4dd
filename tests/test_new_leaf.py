"""A category nobody had: "none fits" on look-alikes, a proposal with a name, the new hierarchy, ten labels, its first predictions."""

import random
import shutil
from pathlib import Path

import pytest
from conftest import FIELDS, product, write
from review_desk import cells
from short_nights import short_night
from typer.testing import CliRunner

from catalog import sheets
from catalog.publishing.reader import query_published
from catalog.settings import Workspace
from pipelines.cli import app

pytestmark = [pytest.mark.train, pytest.mark.slow]
PROPOSED = "Sport > Balls > yoga mat asana"
YOGA = "Sport > Balls > Yoga Mats"
WORDS = ("foam", "cork", "rolled", "grip", "thick", "travel")


def ran(place: Path, *words: str) -> str:
    """What a command of a person prints."""
    done = CliRunner().invoke(app, [*words, "-w", str(place)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def mats(count: int) -> list[dict[str, str]]:
    """Products of no shelf."""
    rng = random.Random(5)
    return [
        {
            "item_id": f"mat{n}",
            "title": f"yoga mat {' '.join(rng.sample(WORDS, 2))} asana {n}",
            "description": "yoga mat",
        }
        for n in range(count)
    ]


def products(count: int) -> list[dict[str, str]]:
    """Products of the shelves there were."""
    rng = random.Random(6)
    return [product(rng, 2000 + n) for n in range(count)]


def answered(place: Workspace, night: str | None, *, among: int = 12, **said: str) -> None:
    """The sheets of a night, their columns filled for so many mats, taken back by the command."""
    lines = [row for sheet in sorted(place.outbox.glob(f"{night}-*.csv")) for row in cells(sheet)]
    own = {f"mat{n}" for n in range(among)}
    assert own <= {row["item_id"] for row in lines}
    rows = [row | said for row in lines if row["item_id"] in own]
    file = place.root / f"back-{night}.csv"
    file.write_bytes(sheets.render(list(rows[0]), [list(row.values()) for row in rows]))
    assert f"applied {among}" in ran(place.root, "review", "import", str(file), "--reviewer", "anna")


def test_none_fits_becomes_a_category_that_gets_predictions(learned: Path, tmp_path: Path) -> None:
    place = Workspace(Path(shutil.copytree(learned, tmp_path / "ws")))
    inbox = place.feeds / "acme"
    inbox.mkdir()
    write(inbox / "2026-01-01.csv", mats(12), FIELDS[:3])
    answered(place, short_night(place.root), decision="none")

    # what nothing fits is one proposal with a name, and the hierarchy with it in it is one file
    tree = tmp_path / "tree.csv"
    said = ran(place.root, "review", "proposals", "--tree", str(tree))
    assert f"12 items of 1 vendors  {PROPOSED} (new)" in said
    tree.write_text(tree.read_text().replace(PROPOSED, YOGA).replace("yoga mat asana", "Yoga Mats"))
    ran(place.root, "taxonomy", "import", str(tree))

    # asked again, people answer for ten of them
    answered(place, short_night(place.root), among=10, category=YOGA)
    said = ran(place.root, "train")
    model = next(name for name in sorted(path.name for path in place.models.iterdir() if path.is_dir()) if name in said)
    said = ran(place.root, "promote", model)
    write(inbox / "2026-01-02.csv", [*mats(18), *products(24)], FIELDS[:3])
    short_night(place.root)
    guessed = dict(
        query_published(
            place.published_db, "SELECT item_id, leaf_path FROM predictions_current WHERE vendor = 'acme'"
        ).rows()
    )
    new = [guessed[f"mat{n}"] == YOGA for n in range(10, 18)]
    assert sum(new) >= 6, guessed
    assert not any(path == YOGA for item, path in guessed.items() if not item.startswith("mat"))
