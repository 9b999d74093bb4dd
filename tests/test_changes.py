"""What a shop applies: replayed from nothing, the files of all nights give what analysts see after each of them."""

import csv
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from copy import copy
from pathlib import Path

import duckdb
import polars as pl
import pytest
from short_nights import short_night
from typer.testing import CliRunner

from catalog.deliveries.held import By
from catalog.publishing.reader import query_published
from catalog.settings import Workspace
from pipelines import cli, feeds, labels, nightly, taxonomy, workspace
from pipelines.session import opened

OLD = "id,parent_id,name\n1,,Home\n2,1,Mugs\n3,1,Pots & Pans\n6,1,Cups\n7,1,Trays\n4,,Toys\n5,4,Kites\n"
NEW = "id,parent_id,name\n1,,Home\n20,1,Mugs and Cups\n31,1,Pots\n32,1,Pans\n70,1,Serving Trays\n4,,Toys\n5,4,Kites\n"
MAP = [
    ("2", "20", "merged"), ("6", "20", "merged"), ("3", "31", "split"), ("3", "32", "split"), ("7", "70", "renamed"),
]  # fmt: skip
Category = dict[tuple[str, str], str]


def write(path: Path, header: list[str], rows: list[tuple]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def command(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(cli.app, [str(word) for word in words])
    return done.exit_code, done.output + str(done.exception or "")


class Shop:
    """A workspace without a model: labels decide. `night` runs one and checks all that every night promises."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.place: Workspace = workspace.init(root / "ws")
        self.place.settings_file.write_text("[feeds]\nsettle_seconds = 0\n")
        (self.place.vendors / "bolt.toml").write_text('format = "csv"\n[delivery]\nkind = "delta"\n')
        self.number = 0
        self.files: list[Path] = []

    def copied(self, root: Path) -> "Shop":
        shutil.copytree(self.root, root)
        other = copy(self)
        other.root, other.place = root, Workspace(root / "ws")
        other.files = [other.place.changes / file.name for file in self.files]
        return other

    def taxonomy(self, text: str, moves: list[tuple] | None = None) -> None:
        (self.root / "tree.csv").write_text(text)
        mapped = write(self.root / "map.csv", ["old_id", "new_id", "kind"], moves) if moves else None
        with opened(self.place.root) as session, session.single("taxonomy") as job:
            taxonomy.run(job, self.root / "tree.csv", map_file=mapped)

    def label(self, *rows: tuple[str, str, str]) -> None:
        said = [(vendor, item, f"{item} thing", category) for vendor, item, category in rows]
        file = write(self.root / "labels.csv", ["vendor", "item_id", "title", "category_id"], said)
        with opened(self.place.root) as session, session.single("labels") as job:
            labels.run(job, file)

    def deliver(self, vendor: str, items: str, *, deleted: str = "") -> None:
        self.number += 1
        rows = [(i, f"{i} thing", "") for i in items] + [(i, "", "delete") for i in deleted]
        write(self.place.feeds / vendor / f"2026-01-{self.number:02}.csv", ["item_id", "title", "action"], rows)

    def undo_last(self, vendor: str) -> None:
        with opened(self.place.root) as session:
            last = session.store.one(
                "SELECT delivery_id FROM deliveries WHERE vendor = ? AND kind = 'full' ORDER BY delivery_no DESC",
                [vendor],
            )
            feeds.undo(session, last, By("anna"))

    def current(self) -> Category:
        found = query_published(self.place.published_db, "SELECT vendor, item_id, category_id FROM current_category")
        return {(vendor, item): category for vendor, item, category in found.iter_rows()}

    def night(self) -> list[tuple[str, str, str, str]]:
        """(action, item_id, old category -> new, reason) of each change."""
        run_id = short_night(self.place.root)
        file = self.place.changes / f"{run_id}.csv"
        self.files.append(file)
        assert checked(self.files) == self.current()
        assert len(list(self.place.changes.iterdir())) == 2 * len(self.files)
        return [
            (row["action"], row["item_id"], f"{row['old_category_id']}-{row['new_category_id']}", row["reason"])
            for row in read(file)
        ]

    def same_run_again(self) -> None:
        before = {path: path.read_bytes() for path in self.place.changes.iterdir()}
        run_id = self.files[-1].stem
        with opened(self.place.root) as session:
            assert nightly.run(session).run_id is None
            nightly.step(session, "publish", run_id, [])
            nightly.step(session, "changes", run_id, [])
        assert {path: path.read_bytes() for path in self.place.changes.iterdir()} == before
        assert checked(self.files) == self.current()


def read(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def checked(files: list[Path]) -> Category:
    """The files applied one after the other as docs/changes.md says, each held to its manifest."""
    state: Category = {}
    cursor = 0
    for file in files:
        manifest = json.loads(file.with_name(f"{file.name}.manifest.json").read_text())
        assert manifest["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
        rows = read(file)
        cursors = [int(row["cursor"]) for row in rows]
        assert manifest["since"] == cursor, "nothing is missing between two files"
        assert cursors == list(range(cursor + 1, cursor + 1 + len(rows))), "no gap, none twice"
        cursor += len(rows)
        assert (manifest["rows"], manifest["last_cursor"]) == (len(rows), cursor)
        assert manifest["first_cursor"] == (cursors[0] if rows else None)
        for row in rows:
            key = (row["vendor"], row["item_id"])
            assert state.get(key, "") == row["old_category_id"]
            assert row["action"] == ("set" if key not in state else "move" if row["new_category_id"] else "retire")
            if row["new_category_id"]:
                state[key] = row["new_category_id"]
                assert row["status"] == "decided" and row["new_path"]
            else:
                del state[key]
    return state


@pytest.fixture(scope="module")
def first_night(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """One night done: acme's a to e and bolt's x and y, all labelled but e."""
    made = Shop(tmp_path_factory.mktemp("first"))
    made.taxonomy(OLD)
    made.label(*(("acme", i, c) for i, c in zip("abcd", "2356", strict=True)), ("bolt", "x", "5"), ("bolt", "y", "7"))
    made.deliver("acme", "abcde")
    made.deliver("bolt", "xy")
    assert [action for action, *_ in made.night()] == ["set"] * 6
    made.same_run_again()
    return made


@pytest.fixture
def shop(first_night: Shop, tmp_path: Path) -> Shop:
    """A copy of it of one's own."""
    return first_night.copied(tmp_path / "shop")


def test_files_replayed_from_nothing_give_what_is_published_after_every_night(shop: Shop) -> None:
    shop.label(("acme", "a", "5"), ("acme", "f", "2"))  # a moves, f is new
    shop.deliver("acme", "abcdef")
    shop.deliver("bolt", "", deleted="x")
    assert shop.night() == [
        ("move", "a", "2-5", "decided"), ("set", "f", "-2", "decided"), ("retire", "x", "5-", "withdrawn"),
    ]  # fmt: skip

    shop.deliver("acme", "acdef")
    assert shop.night() == [("retire", "b", "3-", "withdrawn")]

    shop.undo_last("acme")
    assert shop.night() == [("set", "b", "-3", "decided")]

    shop.label(("acme", "h", "5"))
    shop.deliver("acme", "abcdefgh")
    assert shop.night() == [("set", "h", "-5", "decided")]
    shop.deliver("bolt", "z")  # nothing changes its category: an empty file
    assert shop.night() == []

    shop.taxonomy(NEW, MAP)
    assert shop.night() == [
        ("retire", "b", "3-", "category_retired"), ("move", "d", "6-20", "decided"), ("move", "f", "2-20", "decided"),
        ("move", "y", "7-70", "decided"),
    ]  # fmt: skip
    shop.same_run_again()

    shop.deliver("acme", "acefg")
    assert shop.night() == [("retire", "d", "20-", "withdrawn"), ("retire", "h", "5-", "withdrawn")]
    shop.deliver("acme", "abcdefgh")
    assert shop.night() == [("set", "d", "-20", "decided"), ("set", "h", "-5", "decided")]


def test_an_item_goes_with_the_delivery_that_brought_it(shop: Shop) -> None:
    """Only deliveries can be undone, so the item is known and decided before the one that brings it back."""
    shop.deliver("acme", "abcd")
    shop.night()
    shop.deliver("acme", "acd")
    assert shop.night() == [("retire", "b", "3-", "withdrawn")]
    shop.deliver("acme", "abcd")
    assert shop.night() == [("set", "b", "-3", "decided")]
    shop.undo_last("acme")
    assert shop.night() == [("retire", "b", "3-", "delivery_undone")]
    shop.deliver("acme", "acde")
    assert shop.night() == []


def test_export_since_a_run_or_a_cursor_in_every_form(shop: Shop, tmp_path: Path) -> None:
    shop.label(("acme", "a", "5"))
    shop.deliver("acme", "abcde")
    shop.night()
    first = shop.files[0].name.removesuffix(".csv")
    code, said = command("export", "changes", "--since", first, "-w", shop.place.root)
    assert (code, said.encode()) == (0, shop.files[1].read_bytes())
    for form in ("csv", "jsonl", "parquet"):
        out = tmp_path / f"all.{form}"
        words = ("export", "changes", "--since", 0, "--format", form, "--out", out, "-w", shop.place.root)
        code, said = command(*words)
        assert code == 0 and "--since 7" in said
        again = out.read_bytes()
        assert command(*words)[0] == 0 and out.read_bytes() == again
        frame = {"csv": pl.read_csv, "jsonl": pl.read_ndjson, "parquet": pl.read_parquet}[form](out)
        assert frame["cursor"].to_list() == list(range(1, 8))
        assert frame.columns[:4] == ["cursor", "vendor", "item_id", "action"]
    code, said = command("export", "changes", "--since", 7, "-w", shop.place.root)
    assert (code, len(said.splitlines())) == (0, 1), "the header alone"


def test_unknown_runs_and_cursors_are_refused_with_what_to_do(first_night: Shop) -> None:
    for since in ("8", "000009-aaaa", "000001-bbbb", "-1", "x", ""):
        code, said = command("export", "changes", f"--since={since}", "-w", first_night.place.root)
        assert code == 1 and "--since 0" in said, since


def test_nothing_published_yet(tmp_path: Path) -> None:
    place = workspace.init(tmp_path / "ws")
    code, said = command("export", "changes", "--since", 0, "-w", place.root)
    assert code == 1 and "catalog nightly" in said


def test_a_file_published_before_changes_were_kept(tmp_path: Path) -> None:
    place = workspace.init(tmp_path / "ws")
    with duckdb.connect(str(place.published_db)) as old:
        old.execute("CREATE TABLE freshness AS SELECT '000001-aaaa' AS run_id")
    code, said = command("export", "changes", "--since", 0, "-w", place.root)
    assert code == 1 and "next publication" in said


@pytest.mark.parametrize(
    ("point", "superseded"),
    [
        ("publish.checkpoint", False),  # the rows stand, the file they tell of does not
        ("publish.checkpoint", True),
        ("publish.publications", False),  # published
        ("changes.manifest", False),
        ("changes.manifest", True),
    ],
)
def test_a_night_killed_before_its_changes_are_written_writes_them_at_the_next_start(
    shop: Shop, point: str, superseded: bool
) -> None:
    """Also when something changed since, so that another run takes over."""
    shop.label(("acme", "a", "5"))
    shop.deliver("acme", "abcd")
    killed(shop, point)
    if superseded:
        shop.label(("acme", "b", "5"))
    with opened(shop.place.root) as session:
        run_id = str(nightly.run(session).run_id)
    files = sorted(shop.place.changes.glob("*.csv"))
    assert checked(files) == shop.current()
    assert (files[-1].stem, len(files)) == (run_id, 2 + superseded)
    assert sum(len(read(file)) for file in files) == 6 + 1 + superseded
    assert not list(shop.place.changes.glob(".*")), "a killed night left its half-written file behind"


@pytest.mark.parametrize("name", ["{}", ".{}.tmp"])  # before the manifest is written, and before the file is
def test_what_a_night_without_changes_left_half_written_is_removed_by_the_one_that_takes_over(
    shop: Shop, name: str
) -> None:
    before = {path.name for path in shop.place.changes.iterdir()}
    shop.deliver("bolt", "xy")
    killed(shop, "changes.manifest")
    (left,) = [path for path in shop.place.changes.iterdir() if path.name not in before]
    left.rename(left.with_name(name.format(left.name)))
    with shop.place.settings_file.open("a") as settings:
        settings.write('[changes]\nformat = "jsonl"\n')
    shop.label(("acme", "b", "5"))
    with opened(shop.place.root) as session:
        found = nightly.run(session)
        assert found.broken == ()
    names = {f"{found.run_id}.jsonl", f"{found.run_id}.jsonl.manifest.json"}
    assert {path.name for path in shop.place.changes.iterdir()} == before | names


def killed(shop: Shop, point: str) -> None:
    """A night in a process of its own, killed at a failpoint."""
    program = [sys.executable, "-m", "pipelines.cli", "nightly", "-w", str(shop.place.root)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1]), "FEEDSHELF_FAILPOINT": point}
    assert subprocess.run(program, env=environment, check=False, capture_output=True).returncode == -signal.SIGKILL
