"""The review page killed while it lends and takes answers: each answer is there whole or not at all, and none counts twice."""

import html
import os
import random
import re
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from catalog.settings import Workspace
from catalog.store import Store
from tests.crashing import Children, children
from tests.untrained import untrained

pytest.importorskip("fastapi", reason="the page needs its extra: pip install 'feedshelf[page]'")
LAMPS = "12"


@dataclass(frozen=True)
class Page:
    """A page that is up in a process of its own, and a browser that was admitted."""

    browser: httpx.Client
    ended: Future[int]
    pid: int

    def screen(self) -> dict[str, list[str]]:
        """What the form of the screen shown would send; without members where nothing is shown."""
        return fields(self.browser.get("/").text)

    def answer(self, form: dict[str, list[str]]) -> str:
        """Says of what a form shows that it is a lamp. The token of the form is the one of this start."""
        sent = form | {"form_token": self.screen()["form_token"], "category": [LAMPS]}
        return self.browser.post("/answer", data=sent).text


def fields(page: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"member": []}
    for name, value in re.findall(r'<input type="(?:hidden|checkbox)" name="(\w+)" value="([^"]*)"', page):
        found.setdefault(name, []).append(html.unescape(value))
    found.pop("last", None)
    return found | {"form_token": found["form_token"][:1]}


@contextmanager
def up(process: Children, folder: Path, place: Workspace, reviewer: str, point: str | None = None) -> Iterator[Page]:
    """`catalog review serve` until it is killed at a point, or until the block is left."""
    said = folder / "said.txt"
    said.unlink(missing_ok=True)  # the link of an earlier start leads nowhere
    words = ("review", "serve", "--port", 0, "--reviewer", reviewer, "-w", place.root)
    with ThreadPoolExecutor(1) as thread, httpx.Client(follow_redirects=True, timeout=60) as browser:
        ended = thread.submit(process.run, *words, point=point)
        while not (said.exists() and (link := re.search(r"Open (\S+)\n", process.said))):
            assert not ended.done(), process.said
            time.sleep(0.02)
        browser.base_url = link[1].partition("/enter")[0]
        browser.get(link[1])
        page = Page(browser, ended, process.child)
        try:
            yield page
        finally:
            with suppress(ProcessLookupError):  # it was killed
                os.kill(page.pid, signal.SIGTERM)


def asked(place: Workspace, sql: str) -> list[tuple]:
    with Store.open(place.work_db) as store:
        return store.query(sql).rows()


def decided(place: Workspace) -> list[str]:
    return [item for (item,) in asked(place, "SELECT item_id FROM decisions ORDER BY ALL")]


def lapse(place: Workspace) -> None:
    with Store.open(place.work_db) as store:
        store.execute("UPDATE leases SET until = now() - INTERVAL 1 SECOND")


def waiting(folder: Path, process: Children, items: int) -> Workspace:
    """A workspace in which so many items wait, the first three as one group."""
    feed = "item_id,title\n" + "".join(f"a{n:03},thing {n}\n" for n in range(items))
    place = untrained(folder, {"acme": feed})
    assert process.run("nightly", "-w", place.root) == 0, process.said
    with Store.open(place.work_db) as store:
        store.execute("UPDATE routes SET group_id = 'alike' WHERE item_id <= 'a002'")
    return place


def settled_once(place: Workspace, process: Children) -> None:
    """Everything is decided once, and the next night stands by it."""
    assert process.run("nightly", "-w", place.root) == 0, process.said
    assert process.run("doctor", "--verify", "-w", place.root) in (0, 1)
    assert "BROKEN" not in process.said, process.said
    assert "ok   decisions_applied" in process.said
    placed = "SELECT item_id FROM current_category WHERE category_id = '12' AND decided_by = 'person' ORDER BY 1"
    assert [item for (item,) in asked(place, placed)] == decided(place)


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Children]:
    with children(tmp_path_factory.mktemp("children"), "pipelines.review_app") as found:
        yield found


@pytest.fixture
def folder(process: Children) -> Path:
    return process.folder


GROUP = ["a000", "a001", "a002"]


def test_killed_in_an_answer_it_is_taken_once_and_by_whoever_holds_it(
    process: Children, folder: Path, tmp_path: Path
) -> None:
    place = waiting(tmp_path, process, 5)
    with up(process, folder, place, "anna", "page.leases") as page, pytest.raises(httpx.TransportError):
        page.screen()
    assert page.ended.result() == -signal.SIGKILL
    assert asked(place, "SELECT count(*) FROM leases") == [(0,)]
    form: dict[str, list[str]] = {}
    # the first of these starts lends what it shows, which is a commit of its own
    for point, stands in (("page.before_commit:2", []), ("page.after_commit", GROUP)):
        with up(process, folder, place, "anna", point) as page:
            form = page.screen()
            assert len(form["member"]) == 3
            with pytest.raises(httpx.TransportError):
                page.answer(form)
        assert page.ended.result() == -signal.SIGKILL
        assert decided(place) == stands
        assert asked(place, "SELECT count(*) FROM imports") == [(bool(stands),)]
        assert asked(place, "SELECT count(*) FROM live_leases WHERE reviewer = 'anna'") == [(5 - len(stands),)]
    with up(process, folder, place, "bob") as page:
        assert page.screen()["member"] == [], "somebody else holds all of it"
        lapse(place)
        assert len(page.screen()["member"]) == 1
        assert "taken already" in page.answer(form)
        while (left := page.screen())["member"]:
            page.answer(left)
    assert page.ended.result() == -signal.SIGTERM
    assert decided(place) == [f"a{n:03}" for n in range(5)]
    settled_once(place, process)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_killed_at_any_moment_no_answer_is_lost_or_halved(
    process: Children, folder: Path, tmp_path: Path, record_property
) -> None:
    """By the clock, while a reviewer answers one screen after the other: what the page confirmed is there."""
    place, rng, kills, unconfirmed = waiting(tmp_path, process, 150), random.Random(5), 0, 0
    confirmed: set[str] = set()
    while kills < 20:
        with up(process, folder, place, "anna") as page:
            killer = threading.Timer(rng.uniform(0, 1.5), os.kill, (page.pid, signal.SIGKILL))
            killer.start()
            try:
                while (form := page.screen())["member"]:
                    page.answer(form)
                    confirmed.update(form["member"])
            except httpx.TransportError:
                kills += 1
            killer.join()
        assert page.ended.result() == -signal.SIGKILL
        known = {
            item for (item,) in asked(place, "SELECT token FROM export_rows JOIN decisions USING (vendor, item_id)")
        }
        assert confirmed <= known
        unconfirmed += bool(known - confirmed)
        assert len(known - confirmed) in (0, 1, 3), "one answer at most had not been confirmed yet"
        confirmed = known
        of_imports = "SELECT count(*) FROM decisions GROUP BY import_id HAVING count(*) NOT IN (1, 3)"
        assert asked(place, of_imports) == [] and len(decided(place)) == len(set(decided(place)))
        assert asked(place, "SELECT count(*) FROM imports") == asked(
            place, "SELECT count(DISTINCT import_id) FROM decisions"
        )
        if len(decided(place)) == 150:
            break
    record_property("kills", kills)
    record_property("answers that stood though the page was killed before it said so", unconfirmed)
    assert kills > 5
    settled_once(place, process)
