"""Each command that writes, killed or its disk failed at the first, second, third ... point: started again it ends the same.

At every check a few points of each command, spread over all of them; with -m slow every one that differs from those before it,
and kills by the clock.
"""

import csv
import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import duckdb
import pytest

from catalog import sheets
from catalog.settings import Workspace
from tests.crashing import APART, OF_RUNS, Children, children, first_difference, tables, told_apart
from tests.test_changes import MAP, NEW, OLD, Shop, write

WRITTEN = "written"  # a folder in the workspace for what a command is told to write elsewhere
OPENED = "from pathlib import Path; from pipelines.session import opened; from pipelines import promote\n"
PROMOTED = (
    OPENED
    + "with opened(Path({place!r})) as s, s.single('promote') as job: promote.run(job, {model!r}, reason='better')"
)
ROLLED_BACK = OPENED + "with opened(Path({place!r})) as s, s.single('rollback') as job: promote.rollback(job)"
# What a reviewer does at the page, two items lent at a time, until nothing waits.
ANSWERED = """
from pathlib import Path
from pipelines import review_page
review_page.GROUPS = 2
desk = review_page.Desk.at(Path({place!r}))
view = desk.view("anna")
while view.screen:
    tokens, version = tuple(item.token for item in view.screen.items), view.screen.taxonomy_version
    view = desk.answer("anna", review_page.Said(tokens, "", "5", "", tokens[0], version))
desk.close()
"""


@dataclass(frozen=True)
class World:
    """A workspace with two nights behind it and something waiting for every command."""

    root: Path

    def copied(self, root: Path) -> "World":
        """Files linked, and the two databases copied."""
        shutil.copytree(self.root, root, copy_function=os.link, ignore=shutil.ignore_patterns("run.*", "said.txt"))
        work = root / "ws" / "state" / "work.duckdb"
        work.unlink()
        shutil.copy(self.root / "ws" / "state" / "work.duckdb", work)
        return World(root)

    @property
    def place(self) -> Workspace:
        return Workspace(self.root / "ws")

    def facts(self, *, views: bool, without: frozenset[str] = frozenset()) -> dict[str, list[str]]:
        found = tables(self.place.work_db, without=APART | without, views=views)
        return {name: self._anywhere(rows) for name, rows in found.items() if name not in OF_RUNS}

    def published(self) -> dict[str, list[str]]:
        found = tables(self.place.published_db, without=frozenset({"body", "certificate_id"}))
        return {name: self._anywhere(rows) for name, rows in found.items()}

    def _anywhere(self, rows: list[str]) -> list[str]:
        """Without the folder this copy stands in."""
        return sorted(row.replace(str(self.root), "world") for row in rows)

    def written(self) -> dict[str, bytes]:
        """What stands in the folders that hold no facts: forms of vendors, and what was written outside."""
        folders = (self.place.vendors, self.place.root / WRITTEN)
        found = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(self.place.root)): path.read_bytes() for path in found}

    def one(self, sql: str) -> str:
        with duckdb.connect(str(self.place.work_db), read_only=True) as con:
            return str(con.execute(sql).fetchall()[0][0])

    def command(self, name: str) -> dict:
        """The words or the code of a command here."""
        ws, out = self.place.root, self.root
        undone = "SELECT delivery_id FROM deliveries WHERE vendor = 'acme' AND kind = 'full' ORDER BY delivery_no DESC LIMIT 1"
        words = {
            "night": ["nightly"],
            "import": ["review", "import", out / "back.csv", "--reviewer", "anna"],
            "undo an import": ["review", "undo", self.one("SELECT import_id FROM imports LIMIT 1"), "--by", "anna"],
            "correct": ["correct", out / "wrong.csv", "--by", "anna"],
            "labels": ["labels", "import", out / "more.csv"],
            "taxonomy": ["taxonomy", "import", out / "new.csv", "--map", out / "map.csv"],
            "undo a delivery": ["feeds", "undo", self.one(undone), "--by", "anna"],
            "lend": ["review", "export", "--reviewer", "bob"],
            "publish": ["publish"],
            "answers": ["predictions", "import", out / "answers.csv", "--name", "other"],
            "export changes": ["export", "changes", "--since", "0", "--out", ws / WRITTEN / "changes.csv"],
            "propose": ["vendor", "propose", "acme", out / "acme.csv"],
        }
        if name in words:
            return {"words": [*words[name], "-w", ws]}
        code = {"promote": PROMOTED, "roll back": ROLLED_BACK, "page": ANSWERED}[name]
        return {"code": code.format(place=str(ws), model="m3")}


@dataclass(frozen=True)
class Calm:
    """What a command leaves when nobody disturbs it, and the points it reaches.

    states: of each point what a kill there would leave on the disk, as a digest. without: columns named by tokens, which are
    others at a page that was started again.
    """

    world: World
    points: list[str]
    states: list[str]
    without: frozenset[str] = frozenset()

    @cached_property
    def facts(self) -> dict[str, list[str]]:
        return self.world.facts(views=False, without=self.without)

    @cached_property
    def seen(self) -> dict[str, list[str]]:
        return self.world.facts(views=True, without=self.without)

    @cached_property
    def published(self) -> dict[str, list[str]]:
        return self.world.published()

    def places(self, most: int | None) -> list[int]:
        """Numbers of points: `most` of them, evenly spread; None: each that differs from those before it, which is one
        where the disk has changed since, or another stage is at work.
        """
        if most is None:
            return told_apart(self.points, self.states)
        if len(self.points) <= most:
            return list(range(1, len(self.points) + 1))
        return sorted({1 + (len(self.points) * (2 * n + 1)) // (2 * most) for n in range(most)})


COMMANDS = (
    "night",
    "import",
    "undo an import",
    "correct",
    "labels",
    "taxonomy",
    "undo a delivery",
    "lend",
    "page",
    "promote",
    "roll back",
    "answers",
    "export changes",
    "propose",
)


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Children]:
    with children(tmp_path_factory.mktemp("children")) as found:
        yield found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, process: Children) -> World:
    shop = Shop(tmp_path_factory.mktemp("world"))
    shop.taxonomy(OLD)
    shop.label(*(("acme", i, c) for i, c in zip("abcd", "2356", strict=True)), ("bolt", "x", "5"), ("bolt", "y", "7"))
    shop.deliver("acme", "abcdefgh")
    shop.deliver("bolt", "xy")
    shop.night()
    answered(shop, "first.csv", {"f": "Kites"})
    assert process.run("review", "import", shop.root / "first.csv", "--reviewer", "cleo", "-w", shop.place.root) == 0, (
        process.said
    )
    shop.deliver("acme", "abcdefghi")
    shop.night()
    answered(shop, "back.csv", {"g": "Kites", "h": "Mugs"})
    write(shop.root / "wrong.csv", ["vendor", "item_id", "category"], [("acme", "a", "Kites"), ("acme", "e", "Mugs")])
    write(shop.root / "more.csv", ["vendor", "item_id", "title", "category_id"], [("history", "z", "z thing", "5")])
    (shop.root / "new.csv").write_text(NEW)
    write(shop.root / "map.csv", ["old_id", "new_id", "kind"], MAP)
    answers = [("acme", item, category, "0.9") for item, category in zip("abcdefgh", "23562356", strict=True)]
    write(shop.root / "answers.csv", ["vendor", "item_id", "category_id", "score"], answers)
    write(shop.root / "acme.csv", ["SKU", "Name", "Price"], [(f"A-{n}", f"Mug {n}", f"{n}.99") for n in range(40)])
    shop.deliver("acme", "bcdefghij")
    with duckdb.connect(str(shop.place.work_db)) as con:
        for n in (1, 2, 3):
            con.execute(
                "INSERT INTO models (model_id, facts) VALUES (?, ?)", [f"m{n}", '{"kind": "foreign", "name": "llm"}']
            )
        con.execute("INSERT INTO promotions (model_id, seq, action) VALUES ('m1', 1, 'promote'), ('m2', 2, 'promote')")
    shop.place.current_model.write_text("m2\n")
    return World(shop.root)


def answered(shop: Shop, name: str, answers: dict[str, str]) -> None:
    [sheet] = sorted(shop.place.outbox.glob("*.csv"))[-1:]
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        rows = [row | {"category": answers.get(row["item_id"], "")} for row in csv.DictReader(file)]
    (shop.root / name).write_bytes(sheets.render(list(rows[0]), [list(row.values()) for row in rows]))


@pytest.fixture(scope="module")
def unbroken(world: World, process: Children, tmp_path_factory: pytest.TempPathFactory):
    """Of each command what it leaves when nobody disturbs it; made once."""
    known: dict[str, Calm] = {}

    def of(name: str) -> Calm:
        if name not in known:
            calm = world.copied(tmp_path_factory.mktemp("calm") / "world")
            log = calm.root / "points.log"
            assert run(process, calm, name, log=log, watched=calm.place.root) in (0, 65), process.said
            states = log.with_name("points.log.states").read_text().splitlines()
            without = frozenset({"import_id", "decision_id"} if name == "page" else ())
            known[name] = Calm(calm, log.read_text().splitlines(), states, without)
        return known[name]

    return of


def run(process: Children, world: World, name: str, **watched: object) -> int:
    command = world.command(name)
    return process.run(*command.get("words", ()), code=command.get("code", ""), **watched)


def ends_the_same(
    process: Children, world: World, name: str, calm: Calm, killed_at: str, *, views: bool = True
) -> None:
    """Started again, the command leaves what it would have left. Without views only the tables under them are asked."""
    run(process, world, name)  # what was done already may be refused: only what stands counts
    found = first_difference(world.facts(views=views, without=calm.without), calm.seen if views else calm.facts)
    assert found == "", f"{name} killed at {killed_at}: {process.said}"
    if name in ("night", "publish"):
        assert first_difference(world.published(), calm.published) == "", killed_at
        assert not list(world.place.published.glob(".*")), f"{killed_at}: a killed publish left its file behind"
    assert world.written() == calm.world.written(), killed_at
    assert world.place.current_model.read_text() == calm.world.place.current_model.read_text(), killed_at
    outbox = {path.name: path.read_bytes() for path in calm.world.place.outbox.iterdir()} if name == "night" else {}
    assert {path.name: path.read_bytes() for path in world.place.outbox.iterdir()} == outbox or not outbox, killed_at


def killed_at_each(
    process: Children, world: World, unbroken, name: str, tmp_path: Path, most: int | None
) -> Counter[str]:
    """How many kills each stage had."""
    calm = unbroken(name)
    points, places = calm.points, calm.places(most)
    assert len(points) > 2, f"{name} reaches {points}: too few to kill between"
    for nth in places:
        copy = world.copied(tmp_path / f"killed-{nth}")
        assert run(process, copy, name, point=f":{nth}") == -signal.SIGKILL, (points[nth - 1], process.said)
        ends_the_same(process, copy, name, calm, f"{nth} {points[nth - 1]}", views=most is None)
        shutil.rmtree(copy.root)
    return Counter(points[nth - 1].partition(".")[0] for nth in places)


def counted(record_property, kills: Counter[str]) -> None:
    """For benchmarks.reliability, which adds them up."""
    record_property("kills", kills.total())
    for stage, number in kills.items():
        record_property(f"kills in {stage}", number)


# The page has kills of its own at every check, in tests/test_review_page_killed.py.
@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "page"])
def test_killed_and_started_again_it_ends_the_same(
    process: Children, world: World, unbroken, name: str, tmp_path: Path
) -> None:
    assert killed_at_each(process, world, unbroken, name, tmp_path, most=2).total() == 2


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", COMMANDS)
def test_killed_at_every_point_it_ends_the_same(
    process: Children, world: World, unbroken, name: str, tmp_path: Path, record_property
) -> None:
    counted(record_property, killed_at_each(process, world, unbroken, name, tmp_path, most=None))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_fifty_kills_at_random_one_after_the_other(
    process: Children, world: World, unbroken, tmp_path: Path, record_property
) -> None:
    """A soak: the same workspace killed again and again, now in this command, now in that one."""
    rng = random.Random(11)
    kills = 0
    while kills < 50:
        copy = world.copied(tmp_path / f"soak-{kills}")
        for _ in range(5):
            kills += (
                run(process, copy, "night", point=f":{rng.randint(1, len(unbroken('night').points))}")
                == -signal.SIGKILL
            )
        ends_the_same(process, copy, "night", unbroken("night"), f"soak {kills}")
        shutil.rmtree(copy.root)
    record_property("kills", kills)


def unfinished(place: Workspace) -> bool:
    """Whether a kill has left a file half written, or writes that are in DuckDB's log alone."""
    log = place.work_db.with_name(f"{place.work_db.name}.wal")
    return (log.exists() and log.stat().st_size > 0) or any(path.is_file() for path in place.root.rglob(".*"))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_killed_at_any_moment_of_a_large_night(
    process: Children, world: World, tmp_path: Path, record_property
) -> None:
    """Not between two writes but by the clock, with so much to write that kills land inside writes."""
    large = world.copied(tmp_path / "large")
    rows = [(f"n{n}", f"thing {n} " + "words " * (n % 40)) for n in range(20_000)]
    write(large.place.feeds / "acme" / "2026-02-01.csv", ["item_id", "title"], rows)
    calm = large.copied(tmp_path / "calm")
    begun = time.monotonic()
    assert run(process, calm, "night") == 0, process.said
    took, expected = time.monotonic() - begun, Calm(calm, [], [])
    rng, kills, inside, number = random.Random(12), Counter[str](), 0, 0
    while kills.total() < 20:
        copy, number = large.copied(tmp_path / f"moment-{number}"), number + 1
        for _ in range(4):
            log = copy.root / "points.log"
            log.write_text("begin.\n")
            if run(process, copy, "night", log=log, after=rng.uniform(0.1, took)) != -signal.SIGALRM:
                break
            kills[log.read_text().splitlines()[-1].partition(".")[0]] += 1
            inside += unfinished(copy.place)
        log.unlink()
        ends_the_same(process, copy, "night", expected, f"workspace {number}, {dict(kills)}")
        shutil.rmtree(copy.root)
    counted(record_property, kills)
    record_property("kills that left a file unfinished", inside)
    assert inside, "none of them landed in a write"


def fails_at(process: Children, world: World, unbroken, name: str, how: str, tmp_path: Path, most: int | None) -> int:
    """Every write from the n-th on fails; the error names the disk, and with room again the command ends the same.

    Where the night has ended and what cannot be written tells of it only (night.json), that is a warning.
    """
    calm = unbroken(name)
    points, places = calm.points, calm.places(most)
    # Behind it only who is told of the night is left.
    end = len(points) - points[::-1].index("end.run_ends") if name == "night" else len(points)
    for nth in places:
        copy = world.copied(tmp_path / f"{how}-{nth}")
        before = copy.place.published_db.read_bytes()
        status = run(process, copy, name, point=f":{nth}:{how}")
        assert status == (0 if nth > end else 1), (points[nth - 1], process.said)
        assert ("not_told" if nth > end else "error: ") in process.said, (points[nth - 1], process.said)
        assert "Traceback" not in process.said, (points[nth - 1], process.said)
        if "publish.rename" not in points[:nth]:
            assert copy.place.published_db.read_bytes() == before
        ends_the_same(process, copy, name, calm, f"{how} at {nth} {points[nth - 1]}", views=most is None)
        shutil.rmtree(copy.root)
    return len(places)


@pytest.mark.parametrize(("name", "how"), [("night", "ENOSPC"), ("import", "EIO"), ("taxonomy", "ENOSPC")])
def test_a_disk_that_fails_at_any_write_leaves_what_was_published(
    process: Children, world: World, unbroken, name: str, how: str, tmp_path: Path
) -> None:
    assert fails_at(process, world, unbroken, name, how, tmp_path, most=2) == 2


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("how", ["ENOSPC", "EIO"])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_disk_that_fails_at_every_single_write(
    process: Children, world: World, unbroken, name: str, how: str, tmp_path: Path, record_property
) -> None:
    record_property("failures", fails_at(process, world, unbroken, name, how, tmp_path, most=None))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 30 MB of its own; needs the right to mount one."""
    mount = tmp_path / "disk"
    mount.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=30m", "tmpfs", str(mount)], check=False, capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    yield mount
    subprocess.run(["umount", str(mount)], check=True)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_small_disk_that_is_really_full(process: Children, world: World, unbroken, small_disk: Path) -> None:
    """DuckDB, and all that writes beside it, with less and less room: what was published stays, then the night ends."""
    place = small_disk / "world"
    shutil.copytree(world.root, place, ignore=shutil.ignore_patterns("run.*", "said.txt"))
    full, copy, failed = small_disk / "full", World(place), 0
    before = copy.place.published_db.read_bytes()
    for room in (0, 256, 1024, 4096):  # KB left
        free = shutil.disk_usage(small_disk).free // 1024
        full.write_bytes(bytes(1024 * max(0, free - room)))
        status = run(process, copy, "night")
        full.unlink()
        if status == 0:
            break
        failed += 1
        assert status == 1 and "disk" in process.said and "Traceback" not in process.said, process.said
        assert copy.place.published_db.read_bytes() == before
    assert failed, "there was room for all of it"
    ends_the_same(process, copy, "night", unbroken("night"), "a full disk")
