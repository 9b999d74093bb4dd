"""Everything that must hold does after real nights, and each thing broken on purpose is seen and named."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import polars as pl
import pytest
from short_nights import short_night
from typer.testing import CliRunner

from catalog.inference.shards import ShardFolder
from catalog.integrity.invariants import INVARIANTS, KEYS, NAMED
from catalog.integrity.inventory import INVENTORIES, Files
from catalog.integrity.verification import Checked, Scope, ask, look, verify
from catalog.settings import Workspace
from catalog.store import Store
from pipelines import cli, correct
from pipelines import verify as job
from pipelines.session import opened

pytestmark = pytest.mark.train

EVERYTHING = Scope(None, settled=True, closed=True)


def command(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(cli.app, [str(word) for word in words])
    return done.exit_code, done.output


def deliver(place: Path, source: Path, name: str, vendor: str = "acme") -> None:
    inbox = place / "feeds" / vendor
    inbox.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, inbox / name)


@pytest.fixture(scope="module")
def nights(learned: Path, shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two nights of one vendor with a repeated and a ragged row, a correction between them, and sheets written."""
    place = Path(shutil.copytree(learned, tmp_path_factory.mktemp("nights") / "ws"))
    lines = (shop / "first.csv").read_text().splitlines()
    (place / "feed.csv").write_text("\n".join([*lines, lines[1], "99999,ragged,too,many,1.0,cells,here"]) + "\n")
    deliver(place, place / "feed.csv", "2026-01-01.csv")
    short_night(place)
    shutil.copy(place / "published" / "catalog.duckdb", place / "first-night.duckdb")
    (place / "wrong.csv").write_text("vendor,item_id,category\nacme,01001,Tennis\nacme,01002,Mugs\n")
    with opened(place) as session, session.single("correct") as work:
        correct.run(work, place / "wrong.csv", who="anna", partial=False)
    deliver(place, shop / "second.csv", "2026-01-02.csv")
    short_night(place)
    with opened(place) as session:
        assert job.attention(session) == ()
    return place


@pytest.fixture
def place(nights: Path, tmp_path: Path) -> Workspace:
    """Linked, not copied: a test that alters a file puts another in its place."""
    apart = shutil.ignore_patterns("run.lock", "run.json", "*.wal")
    work = Path(shutil.copytree(nights, tmp_path / "ws", copy_function=os.link, ignore=apart))
    replaced(work / "state" / "work.duckdb", (nights / "state" / "work.duckdb").read_bytes())
    return Workspace(work)


def replaced(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    file.write_bytes(content)


def broken(place: Workspace, scope: Scope = EVERYTHING) -> set[str]:
    with opened(place.root) as session:
        return {one.name for one in job.broken(verify(session.store, place, scope))}


def test_after_real_nights_everything_holds_and_everything_was_asked(place: Workspace) -> None:
    code, said = command("doctor", "--verify", "-w", place.root)
    assert code == 0, said
    lines = [
        line for line in said.splitlines() if line.split()[1] in {rule.name for rule in (*INVARIANTS, *INVENTORIES)}
    ]
    assert len(lines) == len(INVARIANTS) + len(INVENTORIES)
    assert all(line.startswith("ok ") for line in lines)
    with opened(place.root) as session:
        [last] = session.store.query(
            "SELECT counts FROM stages WHERE stage = 'verify' ORDER BY finished_at DESC LIMIT 1"
        )["counts"]
        assert json.loads(last)["broken"] == 0 and json.loads(last)["asked"] > len(INVARIANTS)
        assert not session.store.one("SELECT count(*) FROM runs WHERE job = 'verify'"), (
            "a look that finds nothing leaves nothing"
        )


def published(statement: str) -> Callable[[Workspace], object]:
    def alter(place: Workspace) -> None:
        replaced(place.published_db, place.published_db.read_bytes())
        with duckdb.connect(str(place.published_db)) as con:
            con.execute(statement)

    return alter


def flipped(pattern: str) -> Callable[[Workspace], object]:
    def alter(place: Workspace) -> None:
        file = next(path for path in sorted(place.root.glob(pattern)) if path.is_file())
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        replaced(file, content)

    return alter


def left(name: str) -> Callable[[Workspace], object]:
    return lambda place: replaced(place.root / name, b"left behind")


def gone(pattern: str) -> Callable[[Workspace], object]:
    return lambda place: next(place.root.glob(pattern)).unlink()


def a_job_for_workers(place: Workspace) -> None:
    folder = ShardFolder(place.shards)
    folder.stage([pl.DataFrame({"input_hash": ["a"]})], "m1")
    (folder.inputs / "000000.parquet").write_bytes(b"altered")


def the_first_night_again(place: Workspace) -> None:
    replaced(place.published_db, (place.root / "first-night.duckdb").read_bytes())


FIRST_WORD = (
    "INSERT INTO decisions SELECT * REPLACE (seq + 1000 AS seq) FROM decisions WHERE item_id = '01001'",
    "CREATE OR REPLACE VIEW standing_decisions AS FROM decisions "
    "QUALIFY row_number() OVER (PARTITION BY vendor, item_id ORDER BY seq) = 1",
)
IN_FACTS: list[tuple[str, tuple[str, ...]]] = [
    ("counts_balance", ("DELETE FROM sightings WHERE status = 'duplicate'",)),
    ("counts_balance", ("DELETE FROM rejects",)),
    ("counts_balance", ("INSERT INTO rejects SELECT * FROM rejects LIMIT 1",)),
    *(
        ("keys_unique", (f"INSERT INTO {table} SELECT * FROM {table} LIMIT 1",))
        for table in KEYS
        if table != "outlines"
    ),
    ("keys_unique", ("INSERT INTO outlines (image_hash) VALUES ('a'), ('a')",)),
    ("clusters_led", ("UPDATE look_alikes SET keys = NULL",)),
    (
        "clusters_led",
        ("INSERT INTO look_alikes SELECT * REPLACE ('another' AS item_id) FROM look_alikes WHERE keys IS NOT NULL",),
    ),
    *(
        ("facts_name_facts", (f"UPDATE {table} SET {key[0]} = 'gone'",))
        for table, key, _ in NAMED
        if table not in ("delivery_orders", "import_undos")
    ),
    ("facts_name_facts", ("INSERT INTO delivery_orders (delivery_id) VALUES ('gone')",)),
    ("facts_name_facts", ("INSERT INTO import_undos (import_id) VALUES ('gone')",)),
    ("versions_kept", ("DELETE FROM items WHERE item_id = '01003'",)),
    ("outcomes_whole", ("UPDATE routes SET category_id = NULL WHERE outcome = 'placed'",)),
    ("outcomes_whole", ("UPDATE routes SET outcome = 'lost' WHERE outcome = 'review'",)),
    ("decisions_replay", FIRST_WORD),
    ("decisions_applied", ("DELETE FROM decisions WHERE source = 'correction'",)),
    ("decisions_applied", ("DELETE FROM routes WHERE outcome = 'decided' AND item_id = '01001'",)),
    ("decisions_applied", ("UPDATE routes SET category_id = 'Home' WHERE outcome = 'decided'",)),
    ("all_settled", ("DELETE FROM routes WHERE item_id = '01005'",)),
    ("cursors_whole", ('DELETE FROM category_changes WHERE "cursor" = 2',)),
    ("changes_kept", ("UPDATE category_changes SET reason = 'another' WHERE \"cursor\" = 1",)),
    ("published_settled", ("UPDATE routes SET category_id = 'elsewhere' WHERE outcome = 'placed'",)),
    ("published_settled", ("DELETE FROM routes WHERE item_id = '01001'",)),
    ("published_last", ("DELETE FROM run_ends",)),
]
IN_FILES: list[tuple[str, Callable[[Workspace], object]]] = [
    ("changes_replay", published("UPDATE placements SET category_id = 'elsewhere' WHERE item_id = '01001'")),
    ("changes_replay", published("DELETE FROM placements WHERE item_id = '01001'")),
    ("changes_kept", published('DELETE FROM category_changes WHERE "cursor" = 3')),
    ("published_last", the_first_night_again),
    ("published_readable", left("published/catalog.duckdb")),
    ("published_whole", flipped("published/catalog.duckdb")),
    ("published_whole", gone("published/catalog.duckdb")),
    ("no_orphans", left("published/.tmp-000001-aaaa.duckdb")),
    ("no_orphans", left("published/notes.txt")),
    ("no_orphans", left("published/changes/999999-aaaa.csv")),
    ("no_orphans", gone("published/changes/*.manifest.json")),
    ("no_orphans", left("state/elsewhere/text.onnx")),
    ("no_orphans", left("state/core.1234")),
    ("no_orphans", left("models/0123456789ab/text.onnx")),
    ("bundles_whole", flipped("models/*/fusion.onnx")),
    ("bundles_whole", left("models/current")),
    ("bundles_whole", gone("models/*/labels.json")),
    ("changes_whole", flipped("published/changes/*.csv")),
    ("changes_whole", flipped("published/changes/*.manifest.json")),
    ("changes_whole", gone("published/changes/*.csv")),
    ("copies_whole", flipped("feeds/*/done/*")),
    ("copies_whole", left("state/staged/0123.csv")),
    ("copies_whole", left("state/pictures/ab/abcd")),
    ("copies_whole", left("state/embeddings/tower/.half.arrow.tmp")),
    ("shards_whole", a_job_for_workers),
]


def named(found: list[Checked], name: str) -> None:
    one = {one.name: one for one in job.broken(found)}.get(name)
    assert one is not None, [one.name for one in job.broken(found)]
    assert one.line().startswith(f"BROKEN {name}: it does not hold that {one.holds} ({one.example}")
    assert one.example and one.remedy and one.line().endswith(one.remedy)


@pytest.fixture(scope="module")
def store(nights: Path) -> Iterator[Store]:
    with opened(nights) as session:
        yield session.store


@pytest.mark.parametrize(("name", "harm"), IN_FACTS, ids=[f"{name}-{n}" for n, (name, _) in enumerate(IN_FACTS)])
def test_facts_broken_on_purpose_are_named(nights: Path, store: Store, name: str, harm: tuple[str, ...]) -> None:
    class Undone(Exception):
        pass

    [rule] = [rule for rule in INVARIANTS if rule.name == name]
    with store.beside(Workspace(nights).published_db, "shown"):
        assert ask(store, rule, EVERYTHING).violations == 0
        with pytest.raises(Undone), store.transaction():
            for statement in harm:
                store.execute(statement)
            named([ask(store, rule, EVERYTHING)], name)
            raise Undone


@pytest.mark.parametrize(("name", "harm"), IN_FILES, ids=[f"{name}-{n}" for n, (name, _) in enumerate(IN_FILES)])
def test_files_broken_on_purpose_are_named(
    store: Store, place: Workspace, name: str, harm: Callable[[Workspace], object]
) -> None:
    harm(place)
    of_files = {rule.name: rule for rule in INVENTORIES}
    of_facts = {rule.name: rule for rule in INVARIANTS}
    if name in of_files:
        named([look(Files(place, store, None, closed=True), of_files[name])], name)
    elif name in of_facts:
        with store.beside(place.published_db, "shown"):
            named([ask(store, of_facts[name], EVERYTHING)], name)
    else:
        named(verify(store, place, EVERYTHING), name)


def test_every_invariant_was_broken() -> None:
    assert {name for name, _ in [*IN_FACTS, *IN_FILES]} == {
        *(rule.name for rule in INVARIANTS),
        *(rule.name for rule in INVENTORIES),
        "published_readable",
    }


def test_a_broken_night_is_loud_until_it_is_whole_again(place: Workspace, shop: Path) -> None:
    orphan = place.state / "core.1234"
    orphan.write_bytes(b"left behind")
    deliver(place.root, shop / "first.csv", "2026-01-03.csv")
    code, said = command("nightly", "-w", place.root)
    assert code == 1, said
    assert "BROKEN no_orphans" in said and "state/core.1234" in said and "Move it away" in said
    assert "BROKEN no_orphans" in command("status", "-w", place.root)[1]
    orphan.unlink()
    assert "BROKEN" not in command("status", "-w", place.root)[1]


def test_what_the_doctor_finds_is_republished_and_then_whole(place: Workspace) -> None:
    published("DELETE FROM placements WHERE item_id = '01001'")(place)
    code, said = command("doctor", "--verify", "-w", place.root)
    assert code == 1 and "BROKEN changes_replay" in said and "BROKEN published_whole" in said
    assert command("publish", "-w", place.root)[0] == 0
    (place.published / "catalog.duckdb.tmp").mkdir()  # an analyst asks meanwhile, of more than fits in memory
    code, said = command("doctor", "--verify", "-w", place.root)
    assert code == 0, said


def test_a_night_asks_about_its_own_rows_and_the_doctor_about_all(place: Workspace) -> None:
    with opened(place.root) as session:
        session.store.execute(
            "INSERT INTO items SELECT * FROM items WHERE run_id = (SELECT min(run_id) FROM items) LIMIT 1"
        )
        last = session.store.one("SELECT max(run_id) FROM items")
    assert broken(place) >= {"keys_unique"}
    assert "keys_unique" not in broken(place, Scope(last, settled=True, closed=True))


def test_publishing_by_hand_settles_first_what_was_said(place: Workspace) -> None:
    """Ended with the publication alone, the run would count as having settled a decision that it never routed."""
    (place.root / "more.csv").write_text("vendor,item_id,category\nacme,01004,Tennis\n")
    assert command("correct", place.root / "more.csv", "--by", "anna", "-w", place.root)[0] == 0
    code, said = command("doctor", "--verify", "-w", place.root)
    assert code == 0 and "not asked: something was said since the last night" in said
    assert command("publish", "-w", place.root)[0] == 0
    code, said = command("sql", "SELECT path FROM current_category WHERE item_id = '01004'", "-w", place.root)
    assert code == 0 and "Tennis" in said
    assert command("doctor", "--verify", "-w", place.root)[0] == 0
