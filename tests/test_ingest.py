"""Deliveries as they come in over several nights, through the real store and real files."""

import gzip
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from catalog.deliveries.inbox import named_date, pending
from catalog.deliveries.staging import stage
from catalog.jobs import Job, start_run
from catalog.settings import Feeds, Settings, Workspace
from catalog.store import Store
from pipelines import ingest
from tests.ready_database import opened_ready

HEADER = "item_id,title,brand,price,image"


class Shop:
    """A workspace with an inbox per vendor; each night is one run."""

    def __init__(self, root: Path) -> None:
        self.workspace = Workspace(root)
        for folder in self.workspace.folders:
            folder.mkdir(parents=True)
        self.store = opened_ready(self.workspace.work_db)
        self.settings = Settings(feeds=Feeds(batch_rows=7))

    def deliver(self, text: str | bytes, *, name: str = "items.csv", vendor: str = "acme") -> Path:
        path = self.workspace.feeds / vendor / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def mapping(self, text: str, vendor: str = "acme") -> None:
        (self.workspace.vendors / f"{vendor}.toml").write_text(text, encoding="utf-8")

    def job(self) -> Job:
        return Job(self.workspace, self.settings, self.store, start_run(self.store, "nightly", "k" * 8, plan="[]"))

    def night(self) -> dict[str, int]:
        return ingest.run(self.job(), pending(self.workspace))

    def rows(self, sql: str) -> list[tuple]:
        return self.store.query(sql).rows()

    def latest(self) -> dict[str, str]:
        """Title of every item as its vendor's latest sighting has it."""
        return dict(
            self.rows(
                """SELECT item_id, title FROM sightings s JOIN items USING (vendor, item_id, row_hash)
                   WHERE status <> 'duplicate'
                   QUALIFY row_number() OVER (PARTITION BY item_id ORDER BY s.delivery_no DESC) = 1"""
            )
        )

    def statuses(self) -> list[str]:
        """Of the sightings of the youngest delivery, by item."""
        return [
            status
            for (status,) in self.rows(
                """SELECT status FROM sightings WHERE delivery_no = (SELECT max(delivery_no) FROM sightings)
                   ORDER BY item_id, line"""
            )
        ]


@pytest.fixture
def shop(tmp_path: Path):
    made = Shop(tmp_path)
    yield made
    made.store.close()


def feed(*rows: str, header: str = HEADER) -> str:
    return "\n".join([header, *rows]) + "\n"


def many(count: int, *, start: int = 0) -> list[str]:
    return [f"{n:04d},Lamp {n},Lumo,{n}.50," for n in range(start, start + count)]


def test_first_night_takes_every_row_and_moves_the_file(shop: Shop) -> None:
    path = shop.deliver(feed(*many(20)))
    assert shop.night() == {"accepted": 1}
    assert shop.rows("SELECT count(*), min(item_id) FROM items") == [(20, "0000")]
    assert shop.statuses() == ["new"] * 20
    assert not path.exists()
    done = list((path.parent / "done").iterdir())
    assert len(done) == 1 and done[0].name.endswith("_items.csv")
    assert list(shop.workspace.staged.iterdir()) == []  # one copy is enough of what was taken
    assert hashlib.sha256(done[0].read_bytes()).hexdigest().startswith(done[0].name[:12])
    assert shop.night() == {}


def test_the_second_night_tells_new_changed_and_unchanged_apart(shop: Shop) -> None:
    shop.deliver(feed("1,Lamp,Lumo,5,", "2,Mug,Potto,3,", "3,Rug,Wovo,9,"))
    shop.night()
    shop.deliver(feed("1,Lamp,Lumo,5,", "2,Mug,Potto,4,", "3,Red rug,Wovo,9,", "4,Vase,Potto,1,"))
    shop.night()
    assert shop.statuses() == ["unchanged", "changed", "changed", "new"]
    hashes = shop.rows("SELECT item_id, count(DISTINCT input_hash), count(*) FROM items GROUP BY ALL ORDER BY ALL")
    assert hashes == [("1", 1, 1), ("2", 1, 2), ("3", 2, 2), ("4", 1, 1)]  # a price change decides no category


def test_a_b_a_ends_at_a(shop: Shop) -> None:
    a, b = feed("1,Lamp,Lumo,5,"), feed("1,Other lamp,Lumo,5,")
    for text in (a, b, a):
        shop.deliver(text)
        assert shop.night() == {"accepted": 1}
    assert shop.latest() == {"1": "Lamp"}
    assert shop.rows("SELECT delivery_no, status FROM sightings ORDER BY 1") == [
        (1, "new"),
        (2, "changed"),
        (3, "changed"),
    ]
    assert shop.rows("SELECT count(*) FROM items") == [(2,)]


def test_three_deliveries_in_one_night_go_by_the_date_in_their_names(shop: Shop) -> None:
    shop.deliver(feed("1,Third,Lumo,5,"), name="items_2026-03-12.csv")
    shop.deliver(feed("1,First,Lumo,5,"), name="items_20260301T0400.csv")
    shop.deliver(feed("1,Second,Lumo,5,"), name="items_20260301T0500.csv")
    assert shop.night() == {"accepted": 3}
    assert shop.latest() == {"1": "Third"}
    assert shop.rows("SELECT title FROM items ORDER BY created_at") == [("First",), ("Second",), ("Third",)]


@pytest.mark.parametrize(
    ("name", "date"), [("a_2026-13-01.csv", None), ("p1202601019.csv", None), ("x.2026.01.31.csv", "2026-01-31")]
)
def test_dates_in_names(name: str, date: str | None) -> None:
    found = named_date(name)
    assert (found.date().isoformat() if found else None) == date


def test_the_same_file_again_is_repeated_and_changes_nothing(shop: Shop) -> None:
    for expected in ("accepted", "repeated"):
        shop.deliver(feed(*many(5)))
        assert shop.night() == {expected: 1}
    assert shop.rows("SELECT count(*) FROM sightings") == [(5,)]
    assert shop.rows("SELECT status, rows_in FROM deliveries ORDER BY received_at") == [
        ("accepted", 5),
        ("repeated", 5),
    ]


def test_the_same_file_under_another_mapping_is_read_again(shop: Shop) -> None:
    text = feed("1,Lamp,Lumo,5,")
    shop.deliver(text)
    shop.night()
    shop.mapping('[columns]\nitem_id = "item_id"\ntitle = "brand"\n')
    shop.deliver(text)
    assert shop.night() == {"accepted": 1}
    assert shop.latest() == {"1": "Lumo"}


def test_a_smaller_full_delivery_is_held_a_smaller_delta_is_not(shop: Shop) -> None:
    shop.deliver(feed(*many(10)))
    shop.night()
    shop.deliver(feed(*many(4)))
    assert shop.night() == {"held": 1}
    assert shop.rows("SELECT status, reason, rows_in, delivery_no FROM deliveries ORDER BY received_at")[1] == (
        "held", "shrunk", 4, None,
    )  # fmt: skip
    assert len(shop.latest()) == 10
    assert len(list(shop.workspace.staged.iterdir())) == 1  # of what is held both copies stay
    shop.deliver(feed(*many(5)))
    assert shop.night() == {"accepted": 1}
    shop.mapping('[delivery]\nkind = "delta"\n')
    shop.deliver(feed("0001,Lamp one,Lumo,1.50,"))
    assert shop.night() == {"accepted": 1}
    assert shop.statuses() == ["changed"]
    shop.mapping('[delivery]\nkind = "full"\n')
    shop.deliver(feed(*many(1)))  # as many as the delta had, which is no measure of a full one
    assert shop.night() == {"held": 1}
    assert len(shop.latest()) == 10


@pytest.mark.parametrize("rows", [[], [",no id,,,", ",none either,,,"]])
def test_a_full_delivery_without_usable_rows_is_held(shop: Shop, rows: list[str]) -> None:
    shop.deliver(feed(*rows))
    assert shop.night() == {"held": 1}
    assert shop.rows("SELECT reason, rows_in FROM deliveries") == [("empty", len(rows))]
    assert shop.rows("SELECT count(*) FROM rejects") == [(0,)]


def test_the_guard_of_the_mapping_goes_before_the_settings(shop: Shop) -> None:
    shop.deliver(feed(*many(10)))
    shop.night()
    shop.mapping("[rules]\nmax_drop = 1.0\n")
    shop.deliver(feed(*many(1)))
    assert shop.night() == {"accepted": 1}


def test_a_refused_file_stops_no_other_and_may_come_again(shop: Shop) -> None:
    broken = gzip.compress(feed(*many(500)).encode())[:-9]
    shop.deliver(broken, name="a.csv.gz")
    shop.deliver(feed(*many(3)), name="b.csv", vendor="bolt")
    assert shop.night() == {"refused": 1, "accepted": 1}
    ((reason, sentence, number),) = shop.rows(
        "SELECT reason, sentence, delivery_no FROM deliveries WHERE vendor = 'acme'"
    )
    assert reason == "broken_gzip" and number is None
    assert "send it again" in sentence and "catalog feeds retry" in sentence
    shop.deliver(broken, name="a.csv.gz")
    assert shop.night() == {"refused": 1}
    assert shop.rows("SELECT count(DISTINCT delivery_id) FROM deliveries WHERE vendor = 'acme'") == [(2,)]


def test_rows_of_a_refused_file_are_counted_and_none_is_kept(shop: Shop) -> None:
    shop.deliver(feed(*many(20), '0020,"Lamp,Lumo,3,', *many(2, start=21)))
    assert shop.night() == {"refused": 1}
    assert shop.rows("SELECT reason, rows_in FROM deliveries") == [("unterminated_quote", 20)]  # all before the quote
    for table in ("items", "sightings", "rejects"):
        assert shop.rows(f"SELECT count(*) FROM {table}") == [(0,)]


def test_a_wrong_mapping_refuses_the_file_with_the_key(shop: Shop) -> None:
    shop.mapping('formt = "csv"\n')
    shop.deliver(feed(*many(2)))
    shop.deliver(feed(*many(2)), vendor="bolt")
    assert shop.night() == {"refused": 1, "accepted": 1}
    ((reason, sentence),) = shop.rows("SELECT reason, sentence FROM deliveries WHERE vendor = 'acme'")
    assert reason == "bad_mapping" and "acme.toml" in sentence and "formt" in sentence


def test_differing_rows_with_one_id_are_quarantined_whatever_their_order(shop: Shop) -> None:
    rows = [*many(20), "0003,Not a lamp,Lumo,1,", "0005,Lamp 5,Lumo,5.50,", "0019,A,Lumo,1,", "0019,B,Lumo,1,"]
    shop.deliver(feed(*rows))
    shop.night()
    shop.deliver(feed(*random.Random(3).sample(rows, len(rows))), vendor="bolt")
    shop.night()
    for vendor in ("acme", "bolt"):
        rejects = shop.rows(f"SELECT item_id, rule FROM rejects WHERE vendor = '{vendor}' ORDER BY item_id")
        assert rejects == [("0003", "duplicate_id")] * 2 + [("0019", "duplicate_id")] * 3
        counts = shop.rows(
            f"SELECT status, count(*) FROM sightings WHERE vendor = '{vendor}' GROUP BY ALL ORDER BY ALL"
        )
        assert counts == [("duplicate", 1), ("new", 18)]
    same = "SELECT item_id, row_hash, title FROM items WHERE vendor = '{}' ORDER BY ALL"
    assert shop.rows(same.format("acme")) == shop.rows(same.format("bolt"))


def test_last_wins_when_the_mapping_says_so(shop: Shop) -> None:
    shop.mapping('[rules]\nduplicates = "last"\n')
    shop.deliver(feed("1,First,,1,", *many(15), "1,Last,,2,"))
    shop.night()
    assert shop.latest()["1"] == "Last"
    assert shop.rows("SELECT line, status FROM sightings WHERE item_id = '1' ORDER BY line") == [
        (2, "duplicate"),
        (18, "new"),
    ]
    assert shop.rows("SELECT count(*) FROM items WHERE item_id = '1'") == [(1,)]
    assert shop.rows("SELECT count(*) FROM rejects") == [(0,)]


def test_rows_are_conserved_whatever_is_wrong_with_them(shop: Shop) -> None:
    rows = [*many(400), ",no id,,,", "7,,,,", "8,Lamp,,cheap,", "9,short", "0001,Lamp 1,Lumo,1.50,", "10,x,,,,surplus"]
    shop.deliver(feed(*rows))
    assert shop.night() == {"accepted": 1}
    assert shop.rows("SELECT rows_in FROM deliveries") == [(406,)]
    assert shop.rows("SELECT rule, line FROM rejects ORDER BY line") == [
        ("missing_item_id", 402),
        ("nothing_to_classify", 403),
        ("bad_price", 404),
        ("ragged", 405),
        ("ragged", 407),
    ]
    assert shop.rows("SELECT count(*) FROM sightings") == [(401,)]


def test_a_run_killed_between_commit_and_move_only_moves(shop: Shop) -> None:
    path = shop.deliver(feed(*many(4)))
    job = shop.job()
    found = pending(shop.workspace)
    assert ingest.run(job, found) == {"accepted": 1}
    shutil.move(next((path.parent / "done").iterdir()), path)  # as it stood when the process died
    assert ingest.run(job, pending(shop.workspace)) == {"accepted": 1}
    assert not path.exists()
    assert shop.rows("SELECT count(*) FROM deliveries") == [(1,)]
    assert shop.rows("SELECT count(*) FROM sightings") == [(4,)]


def test_a_file_that_changes_while_it_is_read_is_left_for_later(shop: Shop) -> None:
    path = shop.deliver(feed(*many(2)))
    found = pending(shop.workspace)
    path.write_text(feed(*many(3)))
    assert ingest.run(shop.job(), found) == {"unfinished": 1}
    assert path.exists()
    assert shop.rows("SELECT count(*) FROM deliveries") == [(0,)]
    assert shop.night() == {"accepted": 1}
    assert shop.rows("SELECT count(*) FROM items") == [(3,)]


def test_a_newer_file_of_the_same_name_is_not_moved_away_unread(shop: Shop) -> None:
    path = shop.deliver(feed(*many(2)))
    job, found = shop.job(), pending(shop.workspace)
    ingest.run(job, found)
    shop.deliver(feed(*many(3)))
    assert ingest.run(job, found) == {"accepted": 1}  # the plan of the old file, seen again after a restart
    assert path.exists()
    assert [waiting.sha256 == found[0].sha256 for waiting in pending(shop.workspace)] == [False]


def test_inboxes_hold_only_finished_files_of_known_kinds(shop: Shop) -> None:
    path = shop.deliver(feed(*many(2)))
    for name in (".hidden.csv", "items.csv.part", "b.tmp", "README.md", "items.csv.md5"):
        shop.deliver("x", name=name)
    (path.parent / "images").mkdir()
    (path.parent / "images" / "list.csv").write_text("x")
    assert [waiting.path.name for waiting in pending(shop.workspace)] == ["items.csv"]


def test_links_foreign_formats_and_hostile_names_are_refused_aloud(shop: Shop, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text(feed("1,Secret,,,"))
    shop.deliver(b"7z\xbc\xaf", name="prices.7z")
    (shop.workspace.feeds / "acme" / "link.csv").symlink_to(secret)
    shop.deliver(feed("1,x,,,"), vendor="a'; DROP TABLE items; --")
    shop.deliver(feed("1,x,,,"), vendor="vendor=x")
    assert shop.night() == {"refused": 4}
    assert shop.rows("SELECT reason FROM deliveries ORDER BY 1") == [
        ("bad_vendor_name",),
        ("bad_vendor_name",),
        ("symlink",),
        ("unknown_format",),
    ]
    assert shop.rows("SELECT count(*) FROM items") == [(0,)]
    assert secret.read_text() == feed("1,Secret,,,")
    assert shop.night() == {}


def test_what_takes_a_file_s_place_after_it_was_looked_at_is_not_read(shop: Shop, tmp_path: Path) -> None:
    path = shop.deliver(feed("1,Secret,,,"))
    secret = Path(shutil.copy(path, tmp_path / "secret.csv"))
    (waiting,) = pending(shop.workspace)
    path.unlink()
    path.symlink_to(secret)
    assert stage(shop.workspace, waiting) is None
    path.unlink()
    os.mkfifo(path)
    assert stage(shop.workspace, waiting) is None
    assert not list(shop.workspace.staged.iterdir())


@pytest.mark.parametrize("name", ["it*ms.csv", "[ab].csv", "vendor=x.csv", "a'b\"c;.csv", "ünï 2026.csv"])
def test_odd_file_names_are_only_names(shop: Shop, name: str) -> None:
    shop.deliver(feed("1,Lamp,,,"), name=name)
    assert shop.night() == {"accepted": 1}
    assert shop.rows("SELECT file_name FROM deliveries") == [(name,)]
    assert all(name not in staged.name for staged in shop.workspace.staged.iterdir())


def test_pictures_stand_beside_the_feed(shop: Shop) -> None:
    path = shop.deliver(feed("1,Lamp,,,images/a.png", "2,Mug,,,images/b.png", "3,Rug,,,https://x.test/c.png"))
    (path.parent / "images").mkdir()
    picture = path.parent / "images" / "a.png"
    Image.new("RGB", (8, 8), "red").save(picture)
    shop.night()
    assert shop.rows("SELECT item_id, image_status, image, image_hash IS NOT NULL FROM items ORDER BY 1") == [
        ("1", "ok", str(picture), True),
        ("2", "missing", "images/b.png", False),
        ("3", "remote", "https://x.test/c.png", False),
    ]
    Image.new("RGB", (8, 8), "blue").save(picture)
    shop.deliver(feed("1,Lamp,,1,images/a.png", "2,Mug,,1,images/b.png", "3,Rug,,1,https://x.test/c.png"))
    shop.night()
    versions = shop.rows("SELECT item_id, count(DISTINCT input_hash) FROM items GROUP BY ALL ORDER BY ALL")
    assert versions == [("1", 2), ("2", 1), ("3", 1)]


def test_json_lines_gzipped_with_dotted_paths(shop: Shop) -> None:
    shop.mapping('[columns]\nitem_id = "sku"\ntitle = "name"\nprice = "price.amount"\ncurrency = "price.currency"\n')
    rows = [{"sku": n, "name": f"Lamp {n}", "price": {"amount": 1.5, "currency": "EUR"}} for n in range(9)]
    shop.deliver(gzip.compress("\n".join(json.dumps(row) for row in rows).encode()), name="items.jsonl.gz")
    assert shop.night() == {"accepted": 1}
    assert shop.rows("SELECT DISTINCT price::VARCHAR, currency FROM items") == [("1.5000", "EUR")]


def test_batch_size_does_not_change_what_is_stored(shop: Shop) -> None:
    rows = [*many(30), "0003,Not a lamp,Lumo,1,", "0005,Lamp 5,Lumo,5.50,", ",no id,,,"]
    shop.deliver(feed(*rows))
    shop.night()
    shop.settings = Settings(feeds=Feeds(batch_rows=1000))
    shop.deliver(feed(*rows), vendor="bolt")
    shop.night()
    for table, columns in (("sightings", "line, item_id, row_hash, status"), ("rejects", "line, item_id, rule, raw")):
        sql = f"SELECT {columns} FROM {table} WHERE vendor = '{{}}' ORDER BY ALL"
        assert shop.rows(sql.format("acme")) == shop.rows(sql.format("bolt"))


def test_an_interrupted_write_leaves_nothing(shop: Shop) -> None:
    shop.deliver(feed(*many(20)))
    shop.store.execute("ALTER TABLE rejects RENAME TO gone")  # the last table written
    shop.deliver(feed(*many(20), ",no id,,,"))
    with pytest.raises(Exception, match=r"rejects|aborted"):
        shop.night()
    shop.store.execute("ALTER TABLE gone RENAME TO rejects")
    for table in ("deliveries", "items", "sightings", "rejects"):
        assert shop.rows(f"SELECT count(*) FROM {table}") == [(0,)]
    assert shop.night() == {"accepted": 1}
    assert shop.rows("SELECT count(*) FROM items") == [(20,)]


def test_a_file_taken_away_before_its_turn_is_left_alone(shop: Shop) -> None:
    path = shop.deliver(feed(*many(2)))
    found = pending(shop.workspace)
    path.unlink()
    assert ingest.run(shop.job(), found) == {"unfinished": 1}
    assert shop.rows("SELECT count(*) FROM deliveries") == [(0,)]


NIGHT = """
import sys
from pathlib import Path
from catalog.deliveries import held
from catalog.jobs import Job, open_run, start_run
from catalog.settings import Feeds, Settings, Workspace
from catalog.store import Store
from pipelines import ingest
workspace, settings = Workspace(Path(sys.argv[1])), Settings(feeds=Feeds(batch_rows=7, settle_seconds=0))
with Store.open(workspace.work_db) as store:
    left = open_run(store)
    run = left.run_id if left else start_run(store, "nightly", "k" * 8, plan="[]")
    store.stage = "ingest"
    ingest.run(Job(workspace, settings, store, run), held.to_take(store, workspace, settings.feeds))
"""
FACTS = {
    "deliveries": "* EXCLUDE (received_at, dated, folder)",
    "items": "* EXCLUDE (created_at)",
    "sightings": "*",
    "rejects": "*",
}


def night_process(root: Path, **failpoint: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", NIGHT, str(root)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), **failpoint},
        capture_output=True,
        check=False,
    )
    return done.returncode


def delivered(root: Path) -> Path:
    made = Shop(root)
    made.deliver(feed(*many(10), ",no id,,,", "0001,Lamp 1,Lumo,1.50,"), name="a_2026-01-01.csv")
    made.deliver(feed("0000,,Lumo,1,", *many(12, start=1)), name="a_2026-01-02.csv")
    made.deliver(b"\x1f\x8bbroken", name="c.csv.gz", vendor="bolt")
    made.mapping('[delivery]\nkind = "delta"\n', vendor="cobalt")
    made.deliver("item_id,title,action\n1,Lamp,\n2,Mug,\n", name="d_2026-01-01.csv", vendor="cobalt")
    made.deliver("item_id,title,action\n1,,delete\n", name="d_2026-01-02.csv", vendor="cobalt")
    for name in ("e.csv", "f.csv"):
        made.deliver(feed(f"{name},Lamp,,1,"), name=name, vendor="dune")
    both = {"files": [{"name": "e.csv"}, {"name": "f.csv"}], "delivered_at": "2026-01-03T00:00:00"}
    made.deliver(json.dumps(both), name="both.manifest.json", vendor="dune")
    made.store.close()
    return root


def facts(root: Path) -> dict[str, list[tuple]]:
    with Store.open(Workspace(root).work_db) as store:
        found = {t: store.query(f"SELECT {c} FROM {t} ORDER BY ALL").rows() for t, c in FACTS.items()}
    inbox = [(p.parent.name, p.name) for p in (root / "feeds").rglob("*") if p.is_file()]
    return {**found, "inbox": sorted(inbox)}


@pytest.mark.slow
def test_killed_anywhere_a_second_start_ends_at_the_same_facts(tmp_path: Path) -> None:
    log = tmp_path / "points.log"
    assert night_process(delivered(tmp_path / "whole"), FEEDSHELF_FAILPOINT_LOG=str(log)) == 0
    # the run's own row is written before the stage begins, and the kill below counts the stage's points alone
    points = [point for point in log.read_text().splitlines() if point.startswith("ingest.")]
    expected = facts(tmp_path / "whole")
    assert len(points) > 20 and {
        "ingest.staged",
        "ingest.items",
        "ingest.kept",
        "ingest.put_away",
        "ingest.let_go",
    } <= set(points)
    for number in range(1, len(points) + 1):
        root = delivered(tmp_path / f"killed-{number}")
        assert night_process(root, FEEDSHELF_FAILPOINT=f"ingest:{number}") == -signal.SIGKILL
        assert night_process(root) == 0
        assert facts(root) == expected, points[number - 1]
        shutil.rmtree(root)
