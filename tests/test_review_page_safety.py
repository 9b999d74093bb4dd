"""The review page against other sites, other machines and what vendors write; over plain HTTP against the real server."""

import html
import io
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from review_shop import Served, Shop, served

from catalog.errors import CatalogError
from catalog.lock import hold
from catalog.page.guard import MAX_BODY
from catalog.page.rendering import own_name
from catalog.page.visitors import is_loopback, require_loopback
from catalog.review.review_queue import NEUTRAL
from pipelines import cli_review_page, nightly
from pipelines.session import opened

pytest.importorskip("fastapi", reason="the page needs its extra: pip install 'feedshelf[page]'")
HOSTILE = '<script>alert("x")</script>&"\'><img src=x onerror=alert(1)>'
PANS, POTS = "Kitchen > Cookware > Frying Pans", "Kitchen > Cookware > Saucepans"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "ws")


@pytest.fixture
def up(shop: Shop) -> Iterator[Served]:
    with served(shop, reviewer="anna") as page:
        yield page


@pytest.fixture
def browser(up: Served) -> Iterator[httpx.Client]:
    """A client that was admitted."""
    with httpx.Client(base_url=up.address) as client:
        assert client.get(up.link).status_code == 200
        yield client


def fields(page: str) -> dict[str, list[str]]:
    """What the form of a screen would send before anything is pressed."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="(?:hidden|checkbox)" name="(\w+)" value="([^"]*)"', page):
        found.setdefault(name, []).append(html.unescape(value))
    found["form_token"] = found["form_token"][:1]
    found.pop("last", None)
    return found


def decide(browser: httpx.Client, page: str, **said: str) -> httpx.Response:
    return browser.post("/answer", data=fields(page) | said)


def answers_of_every_kind(browser: httpx.Client, up: Served) -> Iterator[httpx.Response]:
    yield browser.get("/")
    yield httpx.get(up.address)  # 401
    yield browser.get("/nothing/here")
    yield browser.post("/")  # 405
    yield browser.get("/search?q=pan")
    yield browser.get("/static/page.js")
    yield browser.post("/answer", data={"form_token": "wrong"})
    yield browser.get("/picture/BCD/large")
    with hold(up.shop.workspace.lock):
        yield browser.get("/")  # 503


def test_every_answer_carries_the_headers(browser: httpx.Client, up: Served) -> None:
    seen = set()
    for answer in answers_of_every_kind(browser, up):
        seen.add(answer.status_code)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "server" not in answer.headers
    assert seen == {200, 401, 403, 404, 405, 503}


def test_no_page_holds_a_script_or_a_style_of_its_own(browser: httpx.Client) -> None:
    for address in ("/", "/name", "/nothing"):
        page = browser.get(address).text
        assert not re.search(r"<script(?! src=\"/static/)|<style|\sstyle=|\son\w+=|javascript:", page)


def test_what_vendors_write_is_text(browser: httpx.Client, up: Served) -> None:
    up.shop.item("a", title=HOSTILE, description=HOSTILE, brand=HOSTILE, vendor_category=HOSTILE, sentence=HOSTILE)
    page = browser.get("/").text
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert page.count("&lt;script&gt;alert(&#34;x&#34;)") >= 6
    again = browser.post("/look", data=fields(page) | {"note": HOSTILE, "q": HOSTILE}).text
    assert again.count("&lt;script&gt;alert(&#34;x&#34;)") >= 8
    assert "<script>alert" not in again
    assert "<script>" not in browser.get("/search", params={"q": HOSTILE}).text


def test_only_the_link_admits_and_only_a_cookie_of_ours_keeps(up: Served) -> None:
    with httpx.Client(base_url=up.address) as client:
        assert client.get("/").status_code == 401
        assert client.get("/enter?token=wrong").status_code == 401
        assert not client.cookies
        kept = client.get(up.link).headers["set-cookie"].lower()
        assert "httponly" in kept
        assert "samesite=strict" in kept
        assert up.key.token.lower() not in kept
        assert client.get("/").status_code == 200
    for forged in (up.key.token, up.key.form, "x", "\xff"):
        header = {"cookie": f"{up.key.cookie_name}={forged}"}
        assert httpx.get(up.address, headers={k: v.encode("latin-1") for k, v in header.items()}).status_code == 401
    for free in ("/static/page.css", "/static/page.js"):
        assert httpx.get(up.address + free).status_code == 200


@pytest.mark.parametrize(
    ("headers", "token", "status"),
    [
        ({"origin": "http://evil.example"}, True, 403),
        ({"origin": "null"}, True, 403),
        ({"sec-fetch-site": "cross-site"}, True, 403),
        ({"sec-fetch-site": "same-site"}, True, 403),
        ({}, False, 403),
        ({}, True, 200),
    ],
)
def test_a_post_of_another_site_does_nothing(
    browser: httpx.Client, up: Served, headers: dict[str, str], token: bool, status: int
) -> None:
    up.shop.item("a")
    form = fields(browser.get("/").text) | {"category": PANS}
    if not token:
        form["form_token"] = [up.key.cookie]
    assert browser.post("/answer", data=form, headers=headers).status_code == status
    assert len(up.shop.said()) == (status == 200)


def test_a_name_pointed_at_this_machine_is_not_answered(browser: httpx.Client, up: Served) -> None:
    for name in ("evil.example", f"evil.example:{up.key.port}", "", "[", "10.0.0.1"):
        assert browser.get("/", headers={"host": name}).status_code in (400, 421)
    assert browser.get("/", headers={"host": "localhost:1234"}).status_code == 200  # through a tunnel


def test_requests_are_bounded(browser: httpx.Client, up: Served) -> None:
    form = fields(browser.get("/name").text)
    assert browser.post("/reviewer", data=form | {"reviewer": "x" * (MAX_BODY + 1)}).status_code == 413
    assert browser.post("/reviewer", content=iter([b"a=b"])).status_code == 411
    assert browser.get("/search", params={"q": "pan " * 2000}).status_code == 200


@pytest.mark.parametrize("path", ["/static/..%2f..%2frendering.py", "/static/../rendering.py", "/static/page.css%00"])
def test_no_path_leads_out(browser: httpx.Client, path: str) -> None:
    for method in ("GET", "POST"):
        assert browser.request(method, path).status_code in (403, 404, 405, 411)


def test_pictures_are_pixels_of_ours_and_never_bytes_of_a_vendor(browser: httpx.Client, up: Served) -> None:
    drawn, text = io.BytesIO(), PngInfo()
    text.add_text("Comment", "<script>alert(1)</script>")
    Image.new("RGBA", (900, 300), (255, 0, 0, 128)).save(drawn, "PNG", pnginfo=text)
    up.shop.item("a", **up.shop.picture(drawn.getvalue() + b"<script>alert(2)</script>"))
    (address,) = re.findall(r'<img src="(/picture/\w+/large)"', browser.get("/").text)
    for size, side in (("small", 160), ("large", 640), ("full", 900)):
        answer = browser.get(address.replace("large", size))
        assert answer.headers["content-type"] == "image/jpeg"
        assert b"script" not in answer.content
        with Image.open(io.BytesIO(answer.content)) as shown:
            assert (shown.format, shown.width) == ("JPEG", side)
            red, green, _ = shown.getpixel((side // 2, side // 6))
            assert (red, round(green, -1)) == (254, 130) or red > 250
    assert browser.get(address.replace("large", "huge")).status_code == 404
    assert httpx.get(up.address + address).status_code == 401


def test_what_is_no_picture_or_no_longer_the_same_is_not_shown(browser: httpx.Client, up: Served) -> None:
    up.shop.item("svg", **up.shop.picture(b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"))
    page = browser.get("/").text
    (address,) = re.findall(r'<img src="(/picture/\w+/large)"', page)
    assert browser.get(address).status_code == 404
    drawn = io.BytesIO()
    Image.new("RGB", (9, 9)).save(drawn, "PNG")
    facts = up.shop.picture(drawn.getvalue())
    up.shop.item("png", **facts)
    Path(str(facts["image"])).write_bytes(drawn.getvalue() + b" ")  # another content under the same name
    page = decide(browser, page, verdict="bad_data").text
    (address,) = re.findall(r'<img src="(/picture/\w+/large)"', page)
    assert browser.get(address).status_code == 404


def test_hidden_rows_look_alike(browser: httpx.Client, up: Served) -> None:
    """An audit, a control item and an ordinary hidden one: nothing but the item itself differs."""
    top = [PANS, POTS]
    up.shop.item(
        "audit", outcome="placed", category_id=PANS, audit=True, reason="certified", sentence="Placed.", top=top
    )
    up.shop.item("control", control=True, reason="control", sentence="Please choose the category.", top=top)
    for n in range(4):
        up.shop.item(f"plain{n}", reason="close_call", top=top)
    shown: dict[str, str] = {}
    page = browser.get("/").text
    for _ in range(6):
        (item,) = re.findall(r"<dd>((?:audit|control|plain)\d?)</dd>", page)
        bare = re.sub(r'value="[\w-]{10,16}"', "", re.sub(rf"\b{item}\b", "ITEM", page))
        shown[item] = bare[bare.index("<article") :]
        page = decide(browser, page, category=PANS).text
    hidden = [item for item, text in shown.items() if NEUTRAL in text]
    assert {"audit", "control"} < set(hidden)
    assert len(hidden) == 4
    assert len({shown[item] for item in hidden}) == 1
    assert "certified" not in shown["audit"]
    assert 'class="reason"' not in shown["audit"]
    assert 'data-key="p"' not in shown["audit"]
    assert dict(up.shop.rows("SELECT item_id, random FROM decisions"))["control"] is True


def test_coming_back_does_not_tell_a_hidden_row(browser: httpx.Client, up: Served) -> None:
    up.shop.item("audit", outcome="placed", category_id=PANS, audit=True, top=[PANS, POTS])
    for n in range(3):
        up.shop.item(f"plain{n}", top=[PANS, POTS])
    page = browser.get("/").text
    for _ in range(4):
        if NEUTRAL in page:
            item = re.findall(r"<dd>((?:audit|plain)\d?)</dd>", page)
            last = re.findall(r'name="last" value="(\w+)"', decide(browser, page, category=PANS).text)
            token = fields(page)["form_token"]
            back = browser.post("/undo", data={"form_token": token, "last": last}).text
            assert NEUTRAL in back
            assert re.findall(r"<dd>((?:audit|plain)\d?)</dd>", back) == item
            page = back
        page = decide(browser, page, category=PANS).text


def test_the_same_answer_twice_is_taken_once_and_another_one_counts(browser: httpx.Client, up: Served) -> None:
    up.shop.item("a")
    page = browser.get("/").text
    decide(browser, page, category=PANS)
    assert "taken already" in decide(browser, page, category=PANS).text
    assert len(up.shop.said()) == 1
    decide(browser, page, category=POTS)  # the same screen gone back to, and another button
    assert up.shop.standing() == {"a": ("category", POTS)}


def test_two_who_disagree_are_both_kept_and_the_item_is_asked_again(browser: httpx.Client, up: Served) -> None:
    up.shop.item("a")
    page = browser.get("/").text
    up.shop.lapse()  # the lease is over, and bob is shown the same
    with httpx.Client(base_url=up.address, follow_redirects=True) as other:
        other.get(up.link)
        other.post("/reviewer", data={"form_token": fields(page)["form_token"], "reviewer": "bob"})
        decide(other, other.get("/").text, category=POTS)
    told = decide(browser, page, category=PANS).text
    assert "Somebody else has said something else" in told
    assert ">title a</h1>" in told
    assert up.shop.standing() == {"a": ("unsure", None)}
    decide(browser, told, category=PANS)
    assert up.shop.standing() == {"a": ("category", PANS)}


def test_categories_that_changed_meanwhile_are_looked_at_anew(browser: httpx.Client, up: Served) -> None:
    up.shop.item("a")
    page = browser.get("/").text
    up.shop.import_paths([PANS, POTS, "Kitchen > Cookware > Woks"])
    assert "categories have changed meanwhile" in decide(browser, page, category=PANS).text
    assert up.shop.said() == []
    assert "Woks" in browser.get("/search?q=wok").text


def test_a_category_no_product_may_stand_at_is_neither_found_nor_taken(browser: httpx.Client, up: Served) -> None:
    up.shop.item("a")
    page = browser.get("/").text
    assert 'value="Kitchen"' not in browser.get("/search?q=kitchen").text
    assert "Nothing was decided" in decide(browser, page, category="Kitchen").text
    assert up.shop.said() == []


def test_an_answer_during_a_night_is_handed_back_and_can_be_sent_again(browser: httpx.Client, up: Served) -> None:
    up.shop.item("a")
    page = browser.get("/").text
    with hold(up.shop.workspace.lock):
        busy = decide(browser, page, category=PANS)
        assert (busy.status_code, busy.headers["retry-after"]) == (503, "5")
        assert 'http-equiv="refresh"' in browser.get("/").text
        assert "Saucepans" in browser.get("/search?q=saucepan").text
    assert up.shop.said() == []
    assert browser.post("/answer", data=fields(busy.text)).status_code == 200
    assert up.shop.standing() == {"a": ("category", PANS)}


def test_a_night_runs_while_the_page_is_up(browser: httpx.Client, up: Served) -> None:
    with opened(up.shop.workspace.root) as session:
        assert nightly.to_take(session) is not None
    assert browser.get("/").status_code == 200


def test_names_the_ledger_uses_are_nobodys() -> None:
    assert own_name("  Anna \x00 Maria\n") == "Anna Maria"
    for name in ("", " \n", "adjudication", "Reviewer"):
        with pytest.raises(CatalogError, match=r"no name|nobody signed"):
            own_name(name)


def test_other_machines_are_let_in_only_when_somebody_says_so() -> None:
    assert [is_loopback(host) for host in ("127.0.0.1", "localhost", "::1", "0.0.0.0", "::", "10.1.2.3", "pim")] == [
        True, True, True, False, False, False, False,
    ]  # fmt: skip
    require_loopback("127.0.0.1", network=False)
    require_loopback("0.0.0.0", network=True)
    with pytest.raises(CatalogError, match="plain HTTP"):
        require_loopback("0.0.0.0", network=False)


def command(*arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "pipelines.cli", "review", "serve", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    )


def test_the_command_prints_its_link_and_ends_its_run(shop: Shop) -> None:
    with command("--workspace", str(shop.workspace.root), "--port", "0", "--reviewer", "anna") as running:
        link = running.stdout.readline().split()[1]  # type: ignore[union-attr]
        with httpx.Client(follow_redirects=True) as client:
            assert client.get(link).status_code == 200
            assert "Nothing waits" in client.get(link.partition("/enter")[0]).text
        running.terminate()
        assert "Traceback" not in running.communicate(timeout=30)[1]
    assert shop.rows("SELECT job, status FROM run_log") == [("review page", "done")]


def test_the_command_says_what_is_wrong(shop: Shop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for arguments, words in ((["--port", port], "--port"), (["--host", "0.0.0.0"], "--network")):
            with command("--workspace", str(shop.workspace.root), *arguments) as running:
                assert words in running.communicate(timeout=30)[1]
            assert running.returncode == 1


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(CatalogError, match=r"pip install 'feedshelf\[page\]'"):
        cli_review_page.serve()
