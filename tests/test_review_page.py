"""The review page in a real browser: what a reviewer does all day, and what two of them must never do to each other."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from review_shop import Served, Shop, lookalikes, served

from catalog.lock import hold

pytest.importorskip("fastapi", reason="the page needs its extra: pip install 'feedshelf[page]'")
playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
Browser, Page = playwright.Browser, playwright.Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
PANS, POTS, MUGS = "Kitchen > Cookware > Frying Pans", "Kitchen > Cookware > Saucepans", "Kitchen > Drinkware > Mugs"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Three look-alikes, then two items of their own, in this order."""
    made = Shop(tmp_path / "ws")
    made.group("pan", lookalikes(3, "Frying Pans"))
    made.item("lid", title="Lid 24 cm", top=[POTS, PANS])
    made.item("odd", title="Odd thing", top=[PANS, POTS])
    return made


@pytest.fixture
def up(shop: Shop) -> Iterator[Served]:
    with served(shop) as page:
        yield page


def begin(browser: Browser, up: Served, name: str = "anna", **options: object) -> Page:
    """A browser of one's own that opens the link and says who it is."""
    page = browser.new_context(**options).new_page()
    page.goto(up.link)
    page.get_by_label("Who reviews?").fill(name)
    page.get_by_role("button", name="Begin").click()
    page.locator("#progress").wait_for()
    if options.get("java_script_enabled", True):
        page.locator("html.scripted").wait_for()
    return page


def press(page: Page, key: str, told: str | re.Pattern) -> None:
    """Presses a key once the screen has settled, and waits for what is told of it."""
    page.wait_for_timeout(250)
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.keyboard.press(key)
    playwright.expect(page.locator("#told")).to_have_text(told)


def title(page: Page) -> str:
    return page.locator("h1").inner_text()


def test_a_key_decides_a_group_and_the_member_taken_out_is_asked_next(browser: Browser, up: Served) -> None:
    page = begin(browser, up)
    second = page.get_by_role("checkbox").nth(1)
    second.uncheck()
    assert page.locator("legend").inner_text().startswith("2 of 3 look-alikes")
    name = page.locator(".strip .name").nth(1).inner_text()
    press(page, "2", re.compile(rf"^2 items: {PANS}"))
    assert title(page) == name
    assert page.get_by_role("checkbox").count() == 0
    press(page, "p", re.compile("1 item: Kitchen > Cookware"))
    assert up.shop.said() == [
        ("pan-1", "category", PANS, "anna"),
        ("pan-3", "category", PANS, "anna"),
        ("pan-2", "category", "Kitchen > Cookware", "anna"),
    ]
    assert page.evaluate("document.activeElement.id") == "title"


def test_a_misspelt_search_finds_the_category_without_the_mouse(browser: Browser, up: Served) -> None:
    page = begin(browser, up)
    page.keyboard.press("/")
    page.keyboard.type("drnkware mgus")
    found = page.locator("#results button").first
    playwright.expect(found).to_contain_text("Mugs")
    page.keyboard.press("ArrowDown")
    assert found.evaluate("it => it === document.activeElement")
    page.keyboard.type("n1")  # written, not pressed: "no category fits" of three items otherwise
    playwright.expect(page.get_by_role("searchbox")).to_have_value("drnkware mgusn1")
    page.get_by_role("searchbox").fill("drnkware mgus")
    playwright.expect(page.locator("#heard")).to_have_text(re.compile("^[1-9][0-9]* categor(y|ies)$"))
    playwright.expect(found).to_contain_text("Mugs")
    found.focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")  # in the field: goes to the results and decides nothing
    playwright.expect(found).to_be_focused()
    assert up.shop.said() == []
    press(page, "Enter", f"3 items: {MUGS}.")
    assert set(up.shop.standing().values()) == {("category", MUGS)}


def test_the_words_for_no_category_and_a_note(browser: Browser, up: Served) -> None:
    page = begin(browser, up)
    press(page, "b", "3 items: bad data.")
    page.get_by_text("Add a note").click()
    page.get_by_label("Note").fill("no 1, b 2")  # keys in a field write
    page.keyboard.press("Escape")
    press(page, "n", "1 item: no category fits.")
    assert up.shop.rows("SELECT item_id, verdict, note FROM decisions ORDER BY seq")[-1] == ("lid", "none", "no 1, b 2")


def test_who_speaks_to_the_browser_switches_the_keys_off(browser: Browser, up: Served) -> None:
    page = begin(browser, up)
    page.keyboard.press("?")
    assert "asked again when there are other categories" in page.locator("#help").inner_text()
    page.get_by_label("Keys press these buttons").uncheck()
    page.reload()
    page.locator("html.scripted").wait_for()
    assert not page.locator("#keys").is_checked()
    for key in ("b", "1", "/"):
        page.wait_for_timeout(220)
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.tagName") == "BODY"
    page.get_by_role("button", name="Bad data").click()  # every key has its button
    playwright.expect(page.locator("#told")).to_have_text("3 items: bad data.")
    assert [verdict for _, verdict, *_ in up.shop.said()] == ["bad_data"] * 3


def test_keys_are_found_under_other_alphabets(browser: Browser, up: Served) -> None:
    page = begin(browser, up)
    page.wait_for_timeout(250)
    page.evaluate(
        "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: '\\u0438', code: 'KeyB', bubbles: true}))"
    )
    playwright.expect(page.locator("#told")).to_have_text("3 items: bad data.")


def test_undo_takes_back_the_own_last_answer_and_shows_it_again(browser: Browser, up: Served) -> None:
    page = begin(browser, up)
    first = title(page)
    press(page, "2", re.compile("^3 items"))
    press(page, "1", re.compile("^1 item"))
    press(page, "u", "Taken back: 1 item.")
    assert title(page) == "Lid 24 cm"
    press(page, "u", "Taken back: 3 items.")
    assert title(page) == first
    assert page.get_by_role("checkbox").count() == 3
    assert up.shop.standing() == {}
    assert len(up.shop.said()) == 4
    assert page.get_by_role("button", name="Undo").is_disabled()


def test_what_is_skipped_or_not_known_goes_to_others_and_comes_back_on_request(browser: Browser, up: Served) -> None:
    page = begin(browser, up)
    first = title(page)
    for expected in ("Lid 24 cm", "Odd thing", "Nothing else is free"):
        page.wait_for_timeout(250)
        page.keyboard.press("s")
        playwright.expect(page.locator("h1")).to_have_text(expected)
    bob = begin(browser, up, "bob")
    assert title(bob) == first
    press(bob, "d", re.compile("^3 items: don.t know"))
    assert title(bob) == "Lid 24 cm"
    page.get_by_role("button", name="Look at them now").click()
    playwright.expect(page.locator("h1")).to_have_text(first)
    assert {verdict for _, verdict, *_ in up.shop.said()} == {"unsure"}


def test_an_item_that_changed_meanwhile_is_not_decided_and_shown_as_it_is_now(browser: Browser, up: Served) -> None:
    page = begin(browser, up)
    press(page, "2", re.compile("^3 items"))
    assert title(page) == "Lid 24 cm"
    up.shop.item("lid", title="Lid 28 cm, glass", input_hash="in-new", top=[PANS, POTS])
    press(page, "1", re.compile("changed meanwhile was not decided. Please look again"))
    assert title(page) == "Lid 28 cm, glass"
    assert "lid" not in up.shop.standing()
    press(page, "1", f"1 item: {PANS}.")


def test_two_reviewers_never_see_the_same_item_and_a_reload_shows_the_same(browser: Browser, up: Served) -> None:
    anna = begin(browser, up)
    up.shop.group("mug", lookalikes(1, "Mugs"))
    bob = begin(browser, up, "bob")
    mine, his = title(anna), title(bob)
    assert mine != his
    for page in (anna, bob):
        page.reload()
        page.locator("html.scripted").wait_for()
    assert (title(anna), title(bob)) == (mine, his)
    press(bob, "1", re.compile("^1 item"))
    assert title(bob) == "Nothing else is free"
    press(anna, "1", re.compile("^3 items"))
    assert {who for *_, who in up.shop.said()} == {"anna", "bob"}


def test_two_who_disagree_are_told_and_the_item_is_asked_again(browser: Browser, up: Served) -> None:
    anna = begin(browser, up)
    press(anna, "2", re.compile("^3 items"))
    assert title(anna) == "Lid 24 cm"
    up.shop.lapse()  # anna went to lunch
    bob = begin(browser, up, "bob")
    assert title(bob) == "Lid 24 cm"
    press(bob, "1", f"1 item: {POTS}.")
    press(anna, "2", re.compile("Somebody else has said something else"))
    assert title(anna) == "Lid 24 cm"
    assert up.shop.standing()["lid"] == ("unsure", None)
    press(anna, "1", f"1 item: {POTS}.")
    assert up.shop.standing()["lid"] == ("category", POTS)
    assert [who for item, *_, who in up.shop.said() if item == "lid"] == ["bob", "anna", "adjudication", "anna"]


def test_the_queue_survives_a_restart(browser: Browser, shop: Shop) -> None:
    with served(shop) as first:
        page = begin(browser, first)
        press(page, "1", re.compile("^3 items"))
        shown = title(page)
    with served(shop) as second:
        again = begin(browser, second)
        assert title(again) == shown
        bob = begin(browser, second, "bob")
        assert title(bob) == "Nothing else is free"
    assert shop.rows("SELECT count(*) FROM run_ends WHERE status = 'done'") == [(2,)]


def test_a_phone_scrolls_in_one_direction_only(browser: Browser, up: Served) -> None:
    up.shop.item("long", title="W" * 300, description="x" * 2000, brand="y" * 90, reason="close_call")
    page = begin(browser, up, viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True)
    for decision in ("1", "1", "1", "1"):
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.wait_for_timeout(250)
        before = title(page)
        page.locator(f'[data-key="{decision}"]').tap()
        playwright.expect(page.locator("h1")).not_to_have_text(before)
    assert len(up.shop.said()) == 6


def test_without_a_script_everything_works_and_enter_decides_nothing(browser: Browser, up: Served) -> None:
    page = begin(browser, up, java_script_enabled=False)
    page.get_by_role("checkbox").nth(2).uncheck()
    page.get_by_label("Another category").fill("mugz")
    page.get_by_label("Another category").press("Enter")
    assert up.shop.said() == []
    assert not page.get_by_role("checkbox").nth(2).is_checked()
    page.locator("#results button").first.click()
    assert page.locator("#told").inner_text().endswith(f"2 items: {MUGS}.")
    page.get_by_role("button", name="Undo").click()
    assert page.locator("#told").inner_text() == "Taken back: 2 items."
    assert up.shop.standing() == {}


def test_an_answer_waits_while_a_night_works(browser: Browser, up: Served) -> None:
    page = begin(browser, up)
    page.wait_for_timeout(250)
    with hold(up.shop.workspace.lock):
        page.keyboard.press("1")
        playwright.expect(page.locator("#told")).to_contain_text("A run is at work")
    playwright.expect(page.locator("#told")).to_contain_text("3 items", timeout=8000)
    assert len(up.shop.said()) == 3
