"""Fetching as servers make it hard: busy, slow, endless, lying, broken. A failure is an answer with a reason."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.errors import CatalogError
from catalog.pictures import cloud
from catalog.pictures.fetching import Fetcher, retry_after
from catalog.pictures.picture_cache import PictureFiles
from catalog.pictures.picture_urls import CloudObject, UrlRefused, cloud_object, redacted, scheme, web_url
from catalog.pictures.wanted import Fetched, Wanted
from catalog.settings import Images
from tests import picture_server
from tests.hostile_pictures import FAULTY, JPEG, PNG
from tests.picture_server import Handler, Site, content, in_turn, served, status


@pytest.fixture
def site() -> Iterator[Site]:
    with served() as made:
        yield made


def limits(site: Site, **others: object) -> Images:
    known = {"fetch": True, "ports": [site.port], "allow_hosts": ["127.0.0.1"], "retries": 0, "timeout_seconds": 20}
    return Images.model_validate(known | others)


def fetch(images: Images, *wanted: Wanted) -> list[Fetched]:
    with Fetcher(images, lambda data: f"kept {len(data)}") as fetcher:
        return fetcher.fetch(list(wanted))


def one(site: Site, answer: Handler, **others: object) -> Fetched:
    site.answers["/a"] = answer
    return fetch(limits(site, **others), Wanted(site.url("/a")))[0]


def test_a_picture_comes_with_what_will_tell_whether_it_changed(site: Site) -> None:
    found = one(site, content(JPEG, ETag='"v1"', Last_Modified="Mon, 23 Nov 2026 10:00:00 GMT"))
    changed = "Mon, 23 Nov 2026 10:00:00 GMT"
    assert found == Fetched(site.url("/a"), "ok", f"kept {len(JPEG)}", '"v1"', changed, None, len(JPEG))
    ((_, sent),) = site.hits
    assert sent["accept-encoding"] == "identity"
    assert not {"cookie", "authorization", "referer", "if-none-match"} & sent.keys()


def test_an_unchanged_picture_costs_no_bytes(site: Site) -> None:
    site.answers["/a"] = content(JPEG, ETag='"v1"')
    known = Wanted(site.url("/a"), '"v1"', None, "abc")
    assert fetch(limits(site), known) == [Fetched(site.url("/a"), "unchanged", "abc", '"v1"')]
    site.answers["/a"] = content(PNG, ETag='"v2"')
    assert fetch(limits(site), known)[0].sha256 == f"kept {len(PNG)}"


def test_unchanged_is_no_answer_to_who_has_nothing(site: Site) -> None:
    assert one(site, status(304)).reason == "http_304"


@pytest.mark.parametrize("name", FAULTY)
def test_what_is_no_picture_is_not_kept(site: Site, name: str) -> None:
    data, reason = FAULTY[name]
    assert (found := one(site, content(data))).reason == reason
    assert (found.status, found.sha256) == ("failed", None)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (status(401), "http_401"),
        (status(404), "http_404"),
        (status(410), "http_410"),
        (status(429), "http_429"),
        (status(500), "http_500"),
        (status(204), "http_204"),
        (status(302), "http_302"),
        (content(JPEG, Content_Encoding="gzip"), "compressed"),
        (picture_server.hanging_up, "broken_answer"),
        (lambda request: request.wfile.write(b"not http\r\n\r\n"), "broken_answer"),
    ],
)
def test_answers_without_a_picture(site: Site, answer: Handler, reason: str) -> None:
    found = one(site, answer)
    assert (found.status, found.reason) == ("failed", reason)


def test_a_body_has_a_bound_whether_it_says_its_length_or_not(site: Site) -> None:
    assert one(site, content(b"x" * 5000), max_bytes=4999).reason == "too_large"
    assert one(site, picture_server.endless, max_bytes=100_000).reason == "too_large"


def test_a_server_that_drips_is_left_in_time(site: Site) -> None:
    assert one(site, picture_server.dripping, timeout_seconds=0.5).reason == "timeout"


def test_redirects_are_followed_and_counted(site: Site) -> None:
    for number in range(6):
        site.answers[f"/{number}"] = status(302, Location=f"{number + 1}")
    site.answers["/6"] = content(JPEG)
    assert fetch(limits(site, max_redirects=6), Wanted(site.url("/0")))[0].status == "ok"
    assert fetch(limits(site, max_redirects=5), Wanted(site.url("/0")))[0].reason == "too_many_redirects"


def test_cookies_are_not_carried_from_one_hop_or_picture_to_the_next(site: Site) -> None:
    site.answers["/hop"] = status(302, Location="/a", Set_Cookie="id=1")
    site.answers["/a"] = content(JPEG, Set_Cookie="id=2")
    fetch(limits(site, connections=1), Wanted(site.url("/hop")), Wanted(site.url("/a")))
    assert len(site.hits) == 3
    assert not any("cookie" in sent for _, sent in site.hits)


@pytest.mark.parametrize(
    "first", [status(429, Retry_After="0"), status(503, Retry_After="0"), picture_server.hanging_up]
)
def test_a_server_in_trouble_is_asked_again(site: Site, first: Handler) -> None:
    assert one(site, in_turn(first, content(JPEG)), retries=2).status == "ok"
    assert len(site.hits) == 2


@pytest.mark.parametrize(
    ("answer", "asked"), [(status(404), 1), (status(429, Retry_After="3600"), 1), (status(500), 3)]
)
def test_it_is_not_asked_again_in_vain_nor_against_its_will(site: Site, answer: Handler, asked: int) -> None:
    assert one(site, answer, retries=2).status == "failed"
    assert len(site.hits) == asked


def test_a_host_that_is_down_is_left_alone_for_the_night(site: Site) -> None:
    wanted = [Wanted(site.url(f"/{n}")) for n in range(20)]
    site.answers = {f"/{n}": status(503) for n in range(20)}
    with Fetcher(limits(site, connections_per_host=1), lambda data: "x") as fetcher:
        found = fetcher.fetch(wanted)
        assert [one.status for one in found] == ["failed"] * 5 + ["skipped"] * 15
        assert fetcher.fetch(wanted[:1])[0].status == "skipped"
    assert len(site.hits) == 5


def test_nothing_is_asked_once_the_night_is_over(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.answers["/a"] = content(JPEG)
    with Fetcher(limits(site, max_minutes=1), lambda data: "x") as fetcher:
        assert fetcher.fetch([Wanted(site.url("/a"))])[0].status == "ok"
        monkeypatch.setattr(fetcher, "_ends", 0.0)
        assert fetcher.over
        assert fetcher.fetch([Wanted(site.url("/a"))])[0].status == "skipped"
    assert len(site.hits) == 1


def test_missing_pictures_are_no_sign_that_a_host_is_down(site: Site) -> None:
    found = fetch(limits(site), *(Wanted(site.url(f"/{n}")) for n in range(20)))
    assert {one.reason for one in found} == {"http_404"}
    assert len(site.hits) == 20


@pytest.mark.parametrize(("own", "together"), [(2, 8), (8, 3)])
def test_no_more_is_asked_at_once_than_allowed(site: Site, own: int, together: int) -> None:
    import threading

    lock, at_once, most = threading.Lock(), [0], [0]

    def counting(request: picture_server.Request) -> None:
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        request.site.stopping.wait(0.03)
        with lock:
            at_once[0] -= 1
        content(JPEG)(request)

    site.answers = {f"/{n}": counting for n in range(16)}
    images = limits(site, connections=together, connections_per_host=own)
    assert {one.status for one in fetch(images, *(Wanted(site.url(f"/{n}")) for n in range(16)))} == {"ok"}
    assert 1 < most[0] <= min(own, together)


def test_bad_urls_among_good_ones_are_answers_too(site: Site) -> None:
    site.answers["/a"] = content(JPEG)
    urls = [
        "http://",
        "http://[::1",
        "https://x.test:99999/",
        f"http://u:p@127.0.0.1:{site.port}/a",
        "http:/a",
        "s3://x",
    ]
    found = fetch(limits(site), *(Wanted(url) for url in [*urls, site.url("/a")]))
    assert [one.status for one in found] == ["failed"] * 6 + ["ok"]
    assert [one.reason for one in found[:4]] == ["bad_url", "bad_url", "port", "credentials_in_url"]
    assert site.paths() == ["/a"]


def test_secrets_of_a_url_are_in_no_log_and_no_answer(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    site.answers["/a"] = status(403)
    found = fetch(limits(site), Wanted(site.url("/a?X-Signature=s3cr3t")))[0]
    assert found.reason == "http_403"
    assert "s3cr3t" not in caplog.text


def test_a_full_disk_names_the_disk(site: Site, tmp_path: Path) -> None:
    (tmp_path / "pictures").write_text("a file where the folder should be")
    site.answers = {f"/{n}": content(JPEG) for n in range(9)}
    wanted = [Wanted(site.url(f"/{n}")) for n in range(9)]
    with (
        Fetcher(limits(site), PictureFiles(tmp_path / "pictures").keep) as fetcher,
        pytest.raises(CatalogError, match=r"could not be written.*disk is full"),
    ):
        fetcher.fetch(wanted)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://x.test/a.jpg?X-Amz-Signature=abc#f", "https://x.test/a.jpg?..."),
        ("https://user:pass@x.test/a.jpg", "https://x.test/a.jpg"),
        ("https://us@er:p@x.test/a@b.jpg", "https://x.test/a@b.jpg"),
        ("https://x.test/a.jpg#token=1", "https://x.test/a.jpg"),
        ("https://x.test/a.jpg", "https://x.test/a.jpg"),
    ],
)
def test_urls_are_shown_without_secrets(url: str, shown: str) -> None:
    assert redacted(url) == shown


@given(st.text(max_size=60).filter(lambda text: "s3cr3t" not in text))
def test_no_query_is_ever_shown(text: str) -> None:
    assert "s3cr3t" not in redacted(f"https://x.test/{text}?sig=s3cr3t")


@given(st.one_of(st.text(max_size=50), st.text(alphabet="htp:/@[]#?.%0a1x", max_size=50)))
def test_any_text_is_a_url_or_refused(text: str) -> None:
    try:
        found = web_url(text, ports=(80, 443))
    except UrlRefused as refused:
        assert refused.reason in ("bad_url", "scheme", "port", "credentials_in_url")
    else:
        assert found.scheme in ("http", "https") and found.host and not found.userinfo


def test_paths_and_drives_are_no_urls() -> None:
    assert [scheme(text) for text in ("a.jpg", "images/a.jpg", "C:\\a.jpg", "c:a.jpg", "/a")] == [None] * 5
    assert [scheme(text) for text in ("HTTPS://x/a", "//x/a", "s3://b/k", "file:a")] == ["https", "https", "s3", "file"]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [(None, None), ("7", 7.0), (" 0 ", 0.0), ("-1", None), ("soon", None), ("", None), ("9" * 400, 999999999.0)],
)
def test_how_long_a_server_wants_to_be_left_alone(header: str | None, seconds: float | None) -> None:
    assert retry_after(header) == seconds


def test_a_server_may_say_it_as_a_date() -> None:
    later = retry_after(format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True))
    assert later is not None and later > 3000
    assert retry_after("Mon, 23 Nov 2020 10:00:00 GMT") == 0.0


def test_buckets_must_be_allowed_by_name() -> None:
    allowed = ("s3://pictures", "gs://pim.example")
    assert cloud_object("s3://pictures/a/b c.jpg", buckets=allowed) == CloudObject("s3", "pictures", "a/b c.jpg")
    assert cloud_object("gs://pim.example/a.jpg", buckets=allowed) == CloudObject("gs", "pim.example", "a.jpg")
    refused = {
        "gs://pictures/a.jpg": "bucket",
        "s3://secrets/a.jpg": "bucket",
        "s3://pictures": "bad_url",
        "s3://pictures/": "bad_url",
        "s3://pictures/../x": "bad_url",
        "s3://Pictures/a.jpg": "bad_url",
    }
    for text, reason in refused.items():
        with pytest.raises(UrlRefused, match=reason):
            cloud_object(text, buckets=allowed)


def test_without_the_extra_a_bucket_says_what_to_install(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(cloud.CloudMissing, match=r"pip install 'feedshelf\[cloud\]'"):
        cloud.library()
    found = fetch(limits(site, buckets=["s3://pictures"]), Wanted("s3://pictures/a.jpg"), Wanted("s3://other/a.jpg"))
    assert [one.reason for one in found] == ["cloud_not_installed", "bucket"]


def test_a_bucket_gives_its_pictures_and_says_why_not(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1", "AWS_ALLOW_HTTP": "true"}
    for name, value in {**keys, "AWS_ENDPOINT": site.url("")}.items():
        monkeypatch.setenv(name, value)
    headers = {"ETag": '"v1"', "Last_Modified": "Mon, 23 Nov 2026 10:00:00 GMT"}
    site.answers["/tried-by-tests/a%20%C3%BC.jpg"] = content(JPEG, **headers)
    site.answers["/tried-by-tests/long.jpg"] = content(b"x" * 5_000, **headers)
    site.answers["/tried-by-tests/shut.jpg"] = status(403)
    names = [f"s3://tried-by-tests/{key}.jpg" for key in ("a ü", "long", "shut", "none")]
    limited = limits(site, buckets=["s3://tried-by-tests"], max_bytes=4_000)
    found = fetch(limited, *map(Wanted, names), Wanted(names[0], etag='"v1"', sha256="0"))
    assert [one.status for one in found] == ["ok", "failed", "failed", "failed", "unchanged"]
    assert [one.reason for one in found[1:4]] == ["too_large", "bucket_denied", "object_not_found"]
    assert (found[0].etag, found[0].bytes) == ('"v1"', len(JPEG))


def test_a_bucket_of_google_gives_its_pictures_and_says_why_not(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    account = {
        "gcs_base_url": site.url(""),
        "disable_oauth": True,
        "client_email": "",
        "private_key": "",
        "private_key_id": "",
    }
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", json.dumps(account))
    monkeypatch.setenv("GOOGLE_ALLOW_HTTP", "true")
    headers = {"ETag": '"v1"', "Last_Modified": "Mon, 23 Nov 2026 10:00:00 GMT"}
    site.answers["/tried%2Dat%2Dgoogle/shirts%2Fa%20%C3%BC%2Ejpg"] = content(JPEG, **headers)
    site.answers["/tried%2Dat%2Dgoogle/shirts%2Fshut%2Ejpg"] = status(403)
    names = [f"gs://tried-at-google/shirts/{key}.jpg" for key in ("a ü", "shut", "none")]
    limited = limits(site, buckets=["gs://tried-at-google"])
    found = fetch(limited, *map(Wanted, names), Wanted(names[0], etag='"v1"', sha256="0"))
    assert [(one.status, one.reason) for one in found] == [
        ("ok", None),
        ("failed", "bucket_denied"),
        ("failed", "object_not_found"),
        ("unchanged", None),
    ]
    assert (found[0].etag, found[0].bytes) == ('"v1"', len(JPEG))


def test_bytes_are_kept_once_and_whole(tmp_path: Path) -> None:
    files = PictureFiles(tmp_path)
    (tmp_path / ".unfinished").mkdir()
    (tmp_path / ".unfinished" / "left").write_bytes(JPEG[:9])
    files.clear_unfinished()
    sha256 = files.keep(JPEG)
    assert files.path(sha256) == tmp_path / sha256[:2] / sha256
    assert files.path(sha256).read_bytes() == JPEG
    assert files.keep(JPEG) == sha256
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1
