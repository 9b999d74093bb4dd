"""The page about a run in a real browser: without scripts, on a phone, in the dark, by keyboard."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hand_made import busy, hand_made, rows

from catalog.publishing import report, views

playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
# A name that does not break must not push the page wider than the screen.
LONG = "x" * 150


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a busy run, with a file refused whose name is long."""
    folder = tmp_path_factory.mktemp("page")
    _, store = hand_made(folder / "ws")
    busy(store)
    rows(store, "deliveries", {
        "delivery_id": "long", "vendor": "dome", "run_id": "000005-eeee", "kind": "full", "file_name": f"{LONG}.csv",
        "status": "refused", "reason": "structure", "sentence": LONG,
    })  # fmt: skip
    views.create(store)
    target = folder / "run.html"
    target.write_text(report.page(store.query, store, "000005-eeee"), encoding="utf-8")
    store.close()
    return target


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


def opened(browser, file: Path, width: int, scheme: str = "light"):
    options = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    page = browser.new_context(java_script_enabled=False, **options).new_page()
    page.goto(file.as_uri())
    return page


def test_on_a_phone_nothing_is_cut_off_and_letters_can_be_read(browser, page_file: Path) -> None:
    page = opened(browser, page_file, 390)
    body = page.locator("body").bounding_box()
    assert body["width"] == 390
    for part in page.locator("h1, h2, h3, p, figcaption, svg, .tile, .verdict").all():
        box = part.bounding_box()
        if box:  # what is folded away has none
            assert box["x"] >= 0 and box["x"] + box["width"] <= 391
    flow = page.locator(".narrow svg")
    assert flow.is_visible() and not page.locator(".wide svg").is_visible()
    assert flow.locator("text").first.bounding_box()["height"] >= 11
    page.context.close()


def test_light_and_dark_differ_and_the_verdict_is_seen_first(browser, page_file: Path) -> None:
    seen = []
    for scheme in ("light", "dark"):
        page = opened(browser, page_file, 1200, scheme)
        assert page.locator(".verdict h2").bounding_box()["y"] < 400
        assert page.locator(".wide svg").is_visible()
        seen.append(page.screenshot())
        page.context.close()
    assert seen[0] != seen[1]


def test_numbers_and_sql_open_by_keyboard(browser, page_file: Path) -> None:
    page = opened(browser, page_file, 1200)
    flow = page.locator("details[data-question=flow]")
    assert not flow.locator("pre").is_visible()
    flow.locator("summary").focus()
    page.keyboard.press("Enter")
    assert flow.locator("pre").is_visible() and "FROM row_flows" in flow.locator("pre").inner_text()
    page.context.close()


def test_a_screen_reader_finds_headings_drawings_and_places_to_go(browser, page_file: Path) -> None:
    page = opened(browser, page_file, 1200)
    assert page.get_by_role("heading", level=1).count() == 1
    assert page.get_by_role("heading", name="Which vendor to call").is_visible()
    assert page.get_by_role("img", name="Automation by run").is_visible()
    assert page.get_by_role("navigation", name="On this page").get_by_role("link").count() >= 5
    page.context.close()
