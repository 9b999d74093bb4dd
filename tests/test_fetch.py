"""From a URL in a feed to a version of an item, over several nights, through the real store and a real server."""

import hashlib
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from catalog.deliveries.held import By, undo
from catalog.deliveries.inbox import pending
from catalog.jobs import Job, start_run
from catalog.learning.examples import EXAMPLES
from catalog.pictures.picture_cache import PictureFiles, find_due
from catalog.settings import Feeds, Images, Settings, Workspace
from pipelines import fetch, ingest, labels, taxonomy, workspace
from pipelines.session import opened
from tests.hostile_pictures import JPEG, PNG, plain
from tests.picture_server import Site, content, served, status
from tests.ready_database import opened_ready

HEADER = "item_id,title,price,image"


class Shop:
    """A workspace whose vendor names pictures on a server; each night is one run of ingest and fetch."""

    def __init__(self, root: Path, site: Site, **others: object) -> None:
        self.workspace, self.site = Workspace(root), site
        for folder in self.workspace.folders:
            folder.mkdir(parents=True, exist_ok=True)
        self.store = opened_ready(self.workspace.work_db)
        self.limit()

    def limit(self, **others: object) -> None:
        known = {"fetch": True, "ports": [self.site.port], "allow_hosts": ["127.0.0.1"], "retries": 0}
        self.settings = Settings(feeds=Feeds(batch_rows=7), images=Images.model_validate(known | others))

    def deliver(self, *rows: str, vendor: str = "acme") -> None:
        path = self.workspace.feeds / vendor / "items.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join([HEADER, *rows]) + "\n")

    def job(self) -> Job:
        return Job(self.workspace, self.settings, self.store, start_run(self.store, "nightly", "k" * 8))

    def night(self) -> dict[str, int]:
        job = self.job()
        ingest.run(job, pending(self.workspace))
        found = fetch.run(job)
        return {name: number for name, number in found.items() if number}

    def later(self, hours: int) -> None:
        """Time passes: what is known of pictures is so much older."""
        self.store.execute("UPDATE pictures SET fetched_at = fetched_at - to_hours(?)", [hours])

    def rows(self, sql: str) -> list[tuple]:
        return self.store.query(sql).rows()

    def items(self) -> dict[str, tuple]:
        """Item -> (status, content, flags) as it stands."""
        found = self.rows(
            """SELECT item_id, image_status, image_hash, flags FROM live_items l
               JOIN items i USING (vendor, item_id, row_hash) ORDER BY item_id"""
        )
        assert len({row[0] for row in found}) == len(found)
        return {row[0]: row[1:] for row in found}

    def picture(self, data: bytes) -> Path:
        return PictureFiles(self.workspace.pictures).path(sha(data))

    def hashes(self) -> dict[str, str]:
        return dict(self.rows("SELECT item_id, input_hash FROM live_items"))


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def site() -> Iterator[Site]:
    with served() as made:
        yield made


@pytest.fixture
def shop(tmp_path: Path, site: Site) -> Iterator[Shop]:
    made = Shop(tmp_path, site)
    yield made
    made.store.close()


def test_a_picture_is_there_the_night_its_item_comes(shop: Shop, site: Site) -> None:
    site.answers["/a.jpg"] = content(JPEG, ETag='"1"')
    shop.deliver(f"1,Lamp,5,{site.url('/a.jpg')}", f"2,Lamp two,5,{site.url('/a.jpg')}", "3,Mug,5,", "4,Rug,5,b.jpg")
    assert shop.night() == {"ok": 1, "revised": 2}
    assert site.paths() == ["/a.jpg"]  # one URL, however many items name it
    assert shop.items() == {
        "1": ("ok", sha(JPEG), []),
        "2": ("ok", sha(JPEG), []),
        "3": ("missing", None, []),
        "4": ("missing", None, []),
    }
    ((path,),) = shop.rows("SELECT DISTINCT image FROM items WHERE image_status = 'ok'")
    assert Path(path).read_bytes() == JPEG
    assert Path(path).is_relative_to(shop.workspace.pictures)


def test_the_same_again_changes_nothing_and_asks_for_nothing(shop: Shop, site: Site) -> None:
    site.answers["/a.jpg"] = content(JPEG)
    row = f"1,Lamp,5,{site.url('/a.jpg')}"
    shop.deliver(row)
    shop.night()
    before = (shop.items(), shop.hashes(), shop.rows("SELECT count(*) FROM items"))
    assert shop.night() == {}
    shop.deliver(row)  # the same file
    assert shop.night() == {}
    shop.deliver(row, "2,Mug,5,")  # another file, the same row: it reads the picture from what is known of the URL
    assert shop.night() == {}
    assert shop.rows("SELECT status FROM sightings WHERE item_id = '1' ORDER BY delivery_no") == [
        ("new",),
        ("unchanged",),
    ]
    shop.deliver(row)
    shop.night()
    assert (shop.items(), shop.hashes()) == before[:2]
    assert shop.rows("SELECT count(*) FROM items WHERE item_id = '1'") == [(2,)]  # as delivered, and with its picture
    assert len(site.hits) == 1


def test_a_price_change_keeps_the_picture_and_the_input(shop: Shop, site: Site) -> None:
    site.answers["/a.jpg"] = content(JPEG)
    shop.deliver(f"1,Lamp,5,{site.url('/a.jpg')}")
    shop.night()
    before = shop.hashes()
    shop.deliver(f"1,Lamp,6,{site.url('/a.jpg')}")
    assert shop.night() == {}
    assert shop.items()["1"][:2] == ("ok", sha(JPEG))
    assert shop.hashes() == before


def test_another_picture_behind_the_same_url_changes_the_input(shop: Shop, site: Site) -> None:
    site.answers["/a.jpg"] = content(JPEG, ETag='"1"')
    shop.deliver(f"1,Lamp,5,{site.url('/a.jpg')}")
    shop.night()
    first = shop.hashes()
    shop.later(24 * 6)
    assert shop.night() == {}  # not older than a week
    shop.later(24)
    assert shop.night() == {"unchanged": 1}  # 304
    assert shop.hashes() == first
    shop.later(24 * 7)
    site.answers["/a.jpg"] = content(PNG, ETag='"2"')
    assert shop.night() == {"ok": 1, "revised": 1}
    assert shop.items()["1"][:2] == ("ok", sha(PNG))
    assert shop.hashes() != first
    shop.later(24 * 7)
    site.answers["/a.jpg"] = content(JPEG, ETag='"1"')
    shop.night()
    assert shop.hashes() == first  # the first picture again is the first content again
    assert shop.rows("SELECT count(*), count(DISTINCT row_hash) FROM items") == [(3, 3)]


def test_a_failure_is_a_status_and_asked_again_the_next_nights_ever_more_rarely(shop: Shop, site: Site) -> None:
    row = f"1,Lamp,5,{site.url('/a.jpg')}"
    shop.deliver(row)
    assert shop.night() == {"failed": 1, "revised": 1}
    assert shop.items()["1"] == ("fetch_failed", None, ["image_http_404"])
    assert shop.rows("SELECT count(*) FROM rejects") == [(0,)]
    assert shop.night() == {}  # the same night
    for pause in (24, 48, 96):
        shop.later(pause - 24)
        assert shop.night() == {}
        shop.later(24)
        assert shop.night() == {"failed": 1}
    shop.deliver(row)  # the same file redelivered, and an answer at last
    site.answers["/a.jpg"] = content(JPEG)
    shop.later(24 * 8)
    assert shop.night() == {"ok": 1, "revised": 1}
    assert shop.items()["1"] == ("ok", sha(JPEG), [])
    assert [path for path in site.paths() if path != "/a.jpg"] == []


def test_a_server_down_for_a_night_takes_no_picture_away(shop: Shop, site: Site) -> None:
    site.answers["/a.jpg"] = content(JPEG)
    shop.deliver(f"1,Lamp,5,{site.url('/a.jpg')}")
    shop.night()
    site.answers["/a.jpg"] = status(500)
    shop.later(24 * 7)
    for _ in range(2):
        assert shop.night() == {"failed": 1}
        assert shop.items()["1"][:2] == ("ok", sha(JPEG))
        shop.later(24 * 30)
    assert shop.night() == {"failed": 1, "revised": 1}  # the third time in a row it is gone
    assert shop.items()["1"] == ("fetch_failed", None, ["image_http_500"])


def test_of_several_urls_the_next_is_asked_for_when_one_fails(shop: Shop, site: Site) -> None:
    site.answers["/b.jpg"] = content(JPEG)
    site.answers["/c.jpg"] = content(PNG)
    row = "1,Lamp,5," + "|".join([site.url("/a.jpg"), site.url("/b.jpg"), site.url("/c.jpg")])
    shop.deliver(row)
    assert shop.night() == {"failed": 1, "ok": 1, "revised": 1}  # in the same night
    assert shop.items()["1"] == ("ok", sha(JPEG), [])
    shop.deliver(row, "2,Mug,5,")  # the row again: it reads what the stage made of it
    assert shop.night() == {}
    assert shop.rows("SELECT status FROM sightings WHERE item_id = '1' ORDER BY delivery_no") == [
        ("new",),
        ("unchanged",),
    ]
    shop.later(24)
    assert shop.night() == {}
    assert site.paths() == ["/a.jpg", "/b.jpg"]  # the third is not needed, the first no longer


def test_where_all_urls_fail_the_first_is_asked_again(shop: Shop, site: Site) -> None:
    row = "1,Lamp,5," + "|".join([site.url("/a.jpg"), site.url("/b.jpg")])
    shop.deliver(row)
    assert shop.night() == {"failed": 2, "revised": 1}
    assert shop.night() == {}
    assert shop.items()["1"] == ("fetch_failed", None, ["image_http_404"])
    shop.deliver(row, "2,Mug,5,")
    assert shop.night() == {}
    assert shop.rows("SELECT status FROM sightings WHERE item_id = '1' ORDER BY delivery_no") == [
        ("new",),
        ("unchanged",),
    ]
    site.answers["/a.jpg"] = content(JPEG)
    shop.later(24)
    assert shop.night() == {"ok": 1, "revised": 1}
    assert shop.items()["1"] == ("ok", sha(JPEG), [])


def test_a_night_tries_three_pictures_of_an_item_and_no_more_than_it_may_ask_for(shop: Shop, site: Site) -> None:
    site.answers["/d.jpg"] = content(JPEG)
    shop.deliver("1,Lamp,5," + "|".join(site.url(f"/{name}.jpg") for name in "abcd"))
    shop.limit(max_fetches=2)
    assert shop.night() == {"failed": 2, "revised": 1, "waiting": 1}
    shop.limit()
    assert shop.night() == {"failed": 1, "ok": 1, "revised": 1}
    assert site.paths() == [f"/{name}.jpg" for name in "abcd"]
    shop.deliver("2,Mug,5," + "|".join(site.url(f"/{name}.jpg") for name in "vwxyz"))
    assert shop.night() == {"failed": 3, "revised": 1}
    assert shop.items()["2"] == ("remote", None, [])  # the fourth is asked for the next night
    assert shop.night() == {"failed": 2, "revised": 1}


def test_a_host_in_trouble_is_left_alone_while_others_are_tried(shop: Shop, site: Site) -> None:
    site.answers = {f"/{n}.jpg": content(plain(size=(8, 8 + n))) for n in range(9)}
    shop.limit(connections_per_host=1, allow_hosts=["127.0.0.1", "127.0.0.2"])
    closed = site.url("", "127.0.0.2")  # nothing listens there
    shop.deliver(*(f"{n},Lamp {n},5,{closed}/{n}.jpg|{site.url(f'/{n}.jpg')}" for n in range(9)))
    found = shop.night()
    assert (found["failed"], found["ok"], found["revised"], found["waiting"]) == (5, 5, 5, 4)
    assert sorted(row[0] for row in shop.items().values()) == ["ok"] * 5 + ["remote"] * 4


def test_pictures_that_nothing_needs_are_removed_in_time(shop: Shop, site: Site) -> None:
    """Of a gone item, a live one, one that was labelled and is gone, and a photo that another one replaced."""
    photos = {name: plain(size=(8, 8 + n)) for n, name in enumerate(("gone", "live", "labelled", "old", "new"))}
    site.answers = {f"/{name}": content(data) for name, data in photos.items()}
    rows = {name: f"{name},Lamp {name},5,{site.url(f'/{name}')}" for name in ("gone", "live", "labelled")}
    shop.deliver(*rows.values(), f"changed,Mug,5,{site.url('/old')}")
    shop.night()
    ((said,),) = shop.rows("SELECT input_hash FROM live_items WHERE item_id = 'labelled'")
    decided = {"vendor": "acme", "item_id": "labelled", "input_hash": said, "verdict": "category"}
    shop.store.append_row("decisions", decision_id="d", seq=1, category_id="x", **decided)
    shop.deliver(rows["live"], f"changed,Mug,5,{site.url('/new')}")
    shop.night()

    def kept() -> set[str]:
        return {name for name, data in photos.items() if shop.picture(data).exists()}

    def days_pass(days: int) -> dict[str, int]:
        for data in photos.values():
            if (path := shop.picture(data)).exists():
                os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 86_400 * days))
        return {name: n for name, n in shop.night().items() if name == "removed"}

    assert days_pass(80) == {}  # not yet; those that are needed are as if they were new again
    assert days_pass(18) == {"removed": 2}
    assert kept() == {"live", "labelled", "new"}
    assert days_pass(400) == {}
    assert kept() == {"live", "labelled", "new"}
    shop.later(24 * 400)
    shop.deliver(*rows.values(), f"changed,Mug,5,{site.url('/new')}")  # it comes back, and so does its picture
    assert shop.night()["ok"] == 4
    assert shop.items()["gone"] == ("ok", sha(photos["gone"]), [])
    assert kept() == {"gone", "live", "labelled", "new"}


def test_a_killed_removal_is_finished_by_the_next(shop: Shop, site: Site) -> None:
    files = PictureFiles(shop.workspace.pictures)
    old = [files.path(files.keep(plain(size=(8, 8 + n)))) for n in range(4)]
    for path in old:
        os.utime(path, (0, 0))
    old[0].unlink()  # as far as the killed one came
    assert shop.night() == {"removed": 3}
    assert shop.night() == {}


def test_a_picture_stays_at_least_until_its_url_is_asked_anew() -> None:
    with pytest.raises(ValidationError, match="must not be shorter than revalidate_after"):
        Images(keep_unused_days=6)


def test_a_picture_fetched_later_goes_with_the_delivery_it_came_for(shop: Shop, site: Site) -> None:
    site.answers["/a.jpg"], site.answers["/b.jpg"] = content(JPEG), content(PNG)
    shop.deliver(f"1,Lamp,5,{site.url('/a.jpg')}", "2,Mug,5,")
    shop.night()
    shop.deliver(f"1,Lamp,5,{site.url('/b.jpg')}", "2,Mug,5,")
    shop.night()
    assert shop.items()["1"] == ("ok", sha(PNG), [])
    (delivery,) = shop.rows("SELECT delivery_id FROM deliveries ORDER BY delivery_no DESC LIMIT 1")
    undo(shop.job(), delivery[0], By("ada"))
    assert shop.items()["1"] == ("ok", sha(JPEG), [])
    form = shop.workspace.vendors / "acme.toml"
    form.write_text('[delivery]\nkind = "delta"\n[columns]\nitem_id = "item_id"\ntitle = "title"\naction = "price"\n')
    shop.deliver("1,,delete,")
    shop.night()
    assert set(shop.items()) == {"2"}
    assert shop.night() == {}


def test_another_reason_makes_another_version_but_no_other_input(shop: Shop, site: Site) -> None:
    shop.deliver(f"1,Lamp,5,{site.url('/a.jpg')}")
    shop.night()
    before = shop.hashes()
    site.answers["/a.jpg"] = content(b"<html>Log in</html>")
    shop.later(24)
    shop.night()
    assert shop.items()["1"] == ("fetch_failed", None, ["image_not_an_image"])
    assert shop.hashes() == before


def test_private_addresses_are_a_reason_and_the_server_hears_nothing(shop: Shop, site: Site) -> None:
    shop.limit(allow_hosts=[])
    site.answers["/a.jpg"] = content(JPEG)
    shop.deliver(f"1,Lamp,5,{site.url('/a.jpg')}", f"2,Mug,5,{site.url('/a.jpg', 'localhost')}")
    assert shop.night() == {"failed": 2, "revised": 2}
    assert {row[2][0] for row in shop.items().values()} == {"image_blocked_address"}
    assert site.hits == []


def test_fetching_is_off_until_a_person_switches_it_on(shop: Shop, site: Site) -> None:
    site.answers["/a.jpg"] = content(JPEG)
    shop.limit(fetch=False)
    shop.deliver(f"1,Lamp,5,{site.url('/a.jpg')}")
    assert shop.night() == {"waiting": 1}
    assert shop.items()["1"] == ("remote", None, [])
    assert site.hits == []
    shop.limit()
    assert shop.night() == {"ok": 1, "revised": 1}  # no delivery is needed for it
    shop.limit(fetch=False)
    shop.deliver(f"1,Lamp,9,{site.url('/a.jpg')}")
    shop.night()
    assert shop.items()["1"][0] == "ok"  # what was fetched stays known


def test_a_night_asks_for_so_many_and_the_rest_waits(shop: Shop, site: Site) -> None:
    for number in range(10):
        site.answers[f"/{number}"] = content(plain(size=(8, 8 + number)))
    shop.deliver(*(f"{n},Lamp,5,{site.url(f'/{n}')}" for n in range(10)))
    shop.limit(max_fetches=4)
    assert shop.night() == {"ok": 4, "revised": 4, "waiting": 6}
    assert shop.night() == {"ok": 4, "revised": 4, "waiting": 2}
    assert shop.night() == {"ok": 2, "revised": 2}
    assert sorted(site.paths()) == [f"/{n}" for n in range(10)]


def test_a_killed_run_goes_on_within_the_same_limit(shop: Shop, site: Site) -> None:
    site.answers = {f"/{n}": content(plain(size=(8, 8 + n))) for n in range(10)}
    shop.deliver(*(f"{n},Lamp,5,{site.url(f'/{n}')}" for n in range(10)))
    shop.limit(max_fetches=4)
    job = shop.job()
    ingest.run(job, pending(shop.workspace))
    fetch.run(job)
    assert fetch.run(job)["waiting"] == 6
    assert len(site.hits) == 4


def test_bytes_that_were_lost_are_asked_for_without_a_condition(shop: Shop, site: Site) -> None:
    site.answers["/a.jpg"] = content(JPEG, ETag='"1"')
    shop.deliver(f"1,Lamp,5,{site.url('/a.jpg')}")
    shop.night()
    for path in shop.workspace.pictures.rglob("*"):
        if path.is_file():
            path.unlink()
    shop.later(24 * 7)
    assert shop.night() == {"ok": 1}
    assert (shop.workspace.pictures / sha(JPEG)[:2] / sha(JPEG)).read_bytes() == JPEG


@pytest.mark.parametrize("fetched", [True, False])
def test_one_picture_on_many_products_shows_none(shop: Shop, site: Site, fetched: bool) -> None:
    """Twenty products that show the same picture; nineteen sizes of one shirt that rightly do."""
    site.answers = {"/none.png": content(plain("grey")), "/shirt.png": content(plain("blue"))}
    folder = shop.workspace.feeds / "acme"
    folder.mkdir()
    (folder / "none.png").write_bytes(plain("grey"))
    (folder / "shirt.png").write_bytes(plain("blue"))
    none, shirt = ((site.url(f"/{name}") if fetched else name) for name in ("none.png", "shirt.png"))
    words = [f"{first} {second}" for first in "abcde" for second in "wxyz"]
    rows = [f"n{n},Thing {word},5,{none}" for n, word in enumerate(words)]
    rows += [f"s{n},Shirt blue cotton {n},5,{shirt}" for n in range(40)]
    shop.deliver(*rows[1:])
    shop.night()
    assert {row[0] for row in shop.items().values()} == {"ok"}  # nineteen are not enough
    shop.deliver(*rows)
    shop.night()
    found = shop.items()
    assert all(found[f"n{n}"] == ("missing", None, ["image_placeholder"]) for n in range(20))
    assert all(found[f"s{n}"][0] == "ok" for n in range(40))
    versions = shop.rows("SELECT count(*) FROM items")
    shop.deliver(*rows[5:])  # fewer again: it stays what it is
    assert shop.night() == {}
    assert shop.items()["n7"] == ("missing", None, ["image_placeholder"])
    assert shop.rows("SELECT DISTINCT s.status FROM sightings s WHERE delivery_no = 3") == [("unchanged",)]
    assert shop.rows("SELECT count(*) FROM items") == versions


def test_pictures_of_labelled_products_come_after_those_of_feeds(shop: Shop, site: Site) -> None:
    shop.deliver(f"1,Lamp,5,{site.url('/feed.jpg')}")
    shop.deliver(f"2,Lamp,5,{site.url('/label.jpg')}", vendor="history")
    ingest.run(shop.job(), pending(shop.workspace))
    shop.store.execute("UPDATE deliveries SET kind = 'labels' WHERE vendor = 'history'")
    assert find_due(shop.store, shop.settings.images) == 2
    assert shop.rows("SELECT url FROM due_pictures ORDER BY place") == [
        (site.url("/feed.jpg"),),
        (site.url("/label.jpg"),),
    ]


def test_secrets_of_signed_urls_stay_out_of_the_facts(shop: Shop, site: Site) -> None:
    shop.deliver(f"1,Lamp,5,{site.url('/a.jpg')}?sig=s3cr3t")
    shop.night()
    assert "s3cr3t" not in repr(shop.rows("SELECT * FROM pictures"))
    assert shop.rows("SELECT reason FROM pictures") == [("http_404",)]


def test_an_archive_beside_the_feed_is_no_feed(shop: Shop) -> None:
    (shop.workspace.vendors / "acme.toml").write_text('[rules]\nimage_archive = "photos.zip"\n')
    for vendor, archive in (("acme", "photos.zip"), ("bolt", "images.zip")):
        shop.deliver("1,Lamp,5,a.jpg", "2,Mug,5,b.jpg", vendor=vendor)
        with zipfile.ZipFile(shop.workspace.feeds / vendor / archive, "w") as file:
            file.writestr("a.jpg", JPEG)
    shop.night()
    found = shop.rows("SELECT vendor, item_id, image_status, image_hash FROM items ORDER BY 1, 2")
    assert found == [
        (v, i, s, h) for v in ("acme", "bolt") for i, s, h in [("1", "ok", sha(JPEG)), ("2", "missing", None)]
    ]
    assert shop.rows("SELECT DISTINCT status FROM deliveries") == [("accepted",)]


def test_a_manifest_may_name_the_archive_which_then_must_be_whole(shop: Shop) -> None:
    shop.deliver("1,Lamp,5,a.jpg")
    folder = shop.workspace.feeds / "acme"
    with zipfile.ZipFile(folder / "images.zip", "w") as file:
        file.writestr("a.jpg", JPEG)
    whole = (folder / "images.zip").read_bytes()
    said = {"files": [{"name": "items.csv"}, {"name": "images.zip", "sha256": sha(whole)}]}
    (folder / "items.csv.manifest.json").write_text(json.dumps(said))
    (folder / "images.zip").write_bytes(whole[:-9])
    assert shop.night() == {}
    assert shop.items() == {}
    (folder / "images.zip").write_bytes(whole)
    shop.night()
    assert shop.items() == {"1": ("ok", sha(JPEG), [])}
    assert sorted(path.name for path in folder.iterdir()) == ["done", "images.zip"]


def test_training_sees_the_pictures_of_labels_that_were_fetched_after_them(tmp_path: Path, site: Site) -> None:
    site.answers["/a.jpg"] = content(JPEG)
    place = workspace.init(tmp_path / "ws")
    place.settings_file.write_text(f'[images]\nfetch = true\nports = [{site.port}]\nallow_hosts = ["127.0.0.1"]\n')
    labels_file = tmp_path / "labels.csv"
    rows = [f"1,Lamp,Home > Lamps,{site.url('/a.jpg')}", f"2,Mug,Home > Mugs,{site.url('/none.jpg')}"]
    labels_file.write_text("\n".join(["item_id,title,category_path,image", *rows]) + "\n")
    with opened(place.root) as session:
        with session.single("taxonomy") as job:
            taxonomy.run(job, labels_file)
        with session.single("labels") as job:
            labels.run(job, labels_file, vendor="history")
        with session.single("fetch") as job:
            fetch.run(job)
        found = session.store.query(EXAMPLES)
        live = session.store.query("SELECT item_id, input_hash FROM live_items ORDER BY 1")
    assert found.select("item_id", "image_hash").rows() == [("1", sha(JPEG)), ("2", None)]
    assert found["image"].is_not_null().to_list() == [True, False]
    assert found.select("item_id", "input_hash").rows() == live.rows()
