"""docs/adoption.md and docs/nights.md: what they name exists, and a small drawn shop goes the whole way from the first day on."""

import csv
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import typer
from conftest import SETTINGS
from typer.testing import CliRunner

from catalog.certification.sequence import accepted_needed
from catalog.publishing.reader import query_published
from catalog.sample import write_sample
from pipelines.cli import app

DOCS = Path(__file__).parents[1] / "docs"
PAGES = ("adoption.md", "nights.md")


def blocks(page: str) -> list[tuple[str, str]]:
    """(language, text) of every fenced block, in order."""
    return re.findall(r"```(\w*)\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


def commands(page: str) -> list[list[str]]:
    """Every command of a page, as words: in blocks, and between backticks."""
    text = (DOCS / page).read_text(encoding="utf-8")
    lines = re.findall(r"^(?:    )?catalog (.+?)(?:   .*)?$", text, re.MULTILINE) + re.findall(
        r"`catalog ([^`]+)`", text
    )
    return [shlex.split(line.split(" | ")[0].replace("[", "").replace("]", "")) for line in lines]


def unknown(words: list[str]) -> set[str]:
    """What of a command line the program does not have: a command, or options."""
    command: Any = typer.main.get_command(app)
    rest = list(words)
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        name = rest.pop(0)
        if name not in command.commands:
            return {name}
        command = command.commands[name]
    known = {option for parameter in command.params for option in parameter.opts}
    return {word for word in rest if word.startswith("--")} - known


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_option_a_page_names_exists(page: str) -> None:
    named = commands(page)
    assert len(named) > 15
    assert {" ".join(words): found for words in named if (found := unknown(words))} == {}


def test_a_command_or_option_that_is_none_would_be_noticed() -> None:
    assert unknown(["nightlies"]) == {"nightlies"} and unknown(["runs", "redo", "x"]) == {"redo"}
    assert unknown(["nightly", "--dead-line", "06:00"]) == {"--dead-line"}


def test_the_answers_a_vendor_needs_are_those_the_test_takes() -> None:
    rows = re.findall(r"^\| (\d\d)% \| (.*) \|$", (DOCS / "nights.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) == 3
    for percent, cells in rows:
        target = int(percent) / 100
        needed = [accepted_needed(part * (1 - target), target, 0.05) for part in (0.0, 0.25, 0.5, 0.75)]
        assert cells.replace(",", "").split(" | ") == [str(many) for many in needed]


class Shop:
    """The drawn shop of one engineer, in a folder with the files that the page speaks of; its pictures stay behind."""

    def __init__(self, folder: Path) -> None:
        sample = write_sample(folder / "drawn", products=700, delivered=60)
        self.root = folder / "shop"
        self.root.mkdir()
        shutil.copy(sample.taxonomy, self.root / "categories.csv")
        shutil.copy(sample.labels / "items.csv", self.root / "history.csv")
        self.feed = sample.nights[0]["kessel"]
        shutil.copy(self.feed, self.root)
        with sample.truth.open(newline="") as file:
            truth = {row["item_id"]: row["category_path"] for row in csv.DictReader(file) if row["category_id"]}
        with self.feed.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.DictReader(file, delimiter=";") if row["Artikelnummer"] in truth]
        with (self.root / "filed.csv").open("w", newline="", encoding="utf-8") as file:  # half of what was delivered
            writer = csv.writer(file)
            writer.writerow(["item_id", "vendor", "title", "description", "brand", "category_path"])
            for row in rows[::2]:
                item = row["Artikelnummer"]
                writer.writerow([item, "kessel", row["Bezeichnung"], row["Langtext"], row["Marke"], truth[item]])

    def write(self, text: str) -> None:
        """Keys of catalog.toml replace those it has; rules of policy.toml are added."""
        name, _, body = text.partition("\n")
        file = self.root / name.removeprefix("# ")
        if file.name == "policy.toml":
            file.write_text(file.read_text() + body)
            return
        for key in re.findall(r"^(\w+) =", body, re.MULTILINE):
            file.write_text(re.sub(rf"^{key} = .*\n", "", file.read_text(), flags=re.MULTILINE))
        file.write_text(body + file.read_text())

    def words(self, line: str) -> list[str]:
        """A line's words, with the run, and the backup, that its reader would put in."""
        if "RUN" in line:
            line = line.replace(
                "RUN",
                query_published(self.root / "published" / "catalog.duckdb", "SELECT run_id FROM freshness").item(),
            )
        if "BACKUP" in line:
            line = line.replace("BACKUP", str(max((self.root.parent / "backups").iterdir())))
        return shlex.split(line)[1:]


@pytest.mark.train
@pytest.mark.slow
def test_a_small_shop_goes_the_whole_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(tmp_path)
    monkeypatch.chdir(shop.root)
    said: dict[str, str] = {}
    for language, text in blocks("adoption.md"):
        if language == "toml":
            shop.write(text)
            continue
        for line in text.strip().splitlines():
            result = CliRunner().invoke(app, shop.words(line))
            if result.exception and not isinstance(result.exception, SystemExit):
                raise result.exception
            assert result.exit_code == 0, f"{line}\n{result.output}"
            said[line] = result.output
            if line.startswith("catalog init"):
                file = shop.root / "catalog.toml"
                # small towers, small targets
                file.write_text(SETTINGS.replace("target = 0.9", "target = 0.55\ndelta = 0.3"))
            if line.startswith("catalog vendor check"):
                (shop.root / "feeds" / "kessel").mkdir()
                shutil.copy(shop.feed, shop.root / "feeds" / "kessel")
    assert "labels missing" in said["catalog trial history.csv --report trial.html"]
    assert "would be taken" in said["catalog nightly --dry-run"]
    assert re.search(r"[1-9]\d* would stand where you put them", said["catalog trial --shadow"])
    assert "Taken back" in said['catalog runs undo RUN --placements-only --by anna --note "prices read as titles"']
    assert said["catalog status --workspace ../tried"].splitlines()[0].startswith("last night")
