"""Pictures are found beside the feed and nowhere else; what is no picture is said to be none."""

import hashlib
import os
from pathlib import Path

import pytest
from PIL import Image

from catalog.deliveries.canonical import canonicalize
from catalog.pictures import finding
from catalog.pictures.finding import Pictures
from catalog.pictures.images import FORMATS
from catalog.reading.feeds import read_rows
from catalog.reading.mapping import Mapping
from catalog.settings import Feeds


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "feeds" / "acme"
    (made / "images").mkdir(parents=True)
    return made


def drawn(path: Path, size: tuple[int, int] = (8, 8), kind: str | None = None) -> Path:
    Image.new("RGB", size, "red").save(path, kind)
    return path


@pytest.mark.parametrize("named", ["images/a.jpg", "images\\a.jpg", "./images//a.jpg"])
def test_a_picture_beside_the_feed(folder: Path, named: str) -> None:
    path = drawn(folder / "images" / "a.jpg")
    found = Pictures(folder).find(named)
    assert (found.status, found.image) == ("ok", str(path))
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("kind", FORMATS)
def test_every_allowed_format_is_taken(folder: Path, kind: str) -> None:
    path = drawn(folder / "x", kind=kind)
    assert Pictures(folder).find("x").status == "ok"
    with Image.open(path, formats=FORMATS) as picture:
        assert picture.format == kind


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        ("/etc/passwd", "absolute_path"),
        ("../bolt/a.jpg", "path_traversal"),
        ("images/../../bolt/a.jpg", "path_traversal"),
        ("..\\bolt\\a.jpg", "path_traversal"),
        ("C:\\pictures\\a.jpg", "absolute_path"),
        ("c:a.jpg", "absolute_path"),
        ("\\\\host\\share\\a.jpg", "absolute_path"),
        ("images", "no_file"),
        (".", "no_file"),
        ("a\0b.jpg", "bad_path"),
        ("x" * 5000, "bad_path"),
        ("file:///etc/passwd", "scheme"),
        ("gopher://x.test/1", "scheme"),
        ("ftp://x.test/a.jpg", "scheme"),
        ("data:image/png;base64,AA", "scheme"),
        ("javascript:alert(1)", "scheme"),
    ],
)
def test_what_leads_elsewhere_is_refused(folder: Path, named: str, reason: str) -> None:
    other = folder.parent / "bolt"
    other.mkdir()
    drawn(other / "a.jpg")
    found = Pictures(folder).find(named)
    assert (found.status, found.reason, found.sha256, found.url) == ("refused", reason, None, None)


MAGENTO = """sku,name,base_image,additional_images
A,Mug,/a/b/mug.png,"\\a\\b\\back.png,https://shop.test/x.png"
B,Rug,a/b/mug.png,
C,Bad,/../bolt/a.png,
D,Bad,//host.test/a.png,
E,Bad,C:/a.png,
F,Bad,/a/../../bolt/a.png,
"""


@pytest.mark.parametrize(
    ("base", "below", "first", "second"),
    [
        (None, "", "a/b/mug.png", "a/b/back.png"),
        (
            "media/catalog/product",
            "media/catalog/product",
            *(f"media/catalog/product/a/b/{n}.png" for n in ("mug", "back")),
        ),
        ("https://shop.test/media/", "", *(f"https://shop.test/media/a/b/{name}.png" for name in ("mug", "back"))),
    ],
)
def test_magento_names_pictures_below_its_media_folder(
    folder: Path, base: str | None, below: str, first: str, second: str
) -> None:
    (folder / "items.csv").write_text(MAGENTO)
    (folder / below / "a" / "b").mkdir(parents=True)
    drawn(folder / below / "a" / "b" / "mug.png")
    (folder.parent / "bolt").mkdir()
    drawn(folder.parent / "bolt" / "a.png")
    mapping = Mapping.model_validate({"preset": "magento2", "rules": {"image_base": base} if base else {}})
    (batch,) = read_rows(folder / "items.csv", mapping, Feeds())
    items = canonicalize(batch, "acme", mapping, Pictures(folder)).items
    found = {row["item_id"]: row for row in items.iter_rows(named=True)}
    assert found["A"]["images"] == [first, second, "https://shop.test/x.png"]
    assert found["B"]["images"] == [first]
    assert found["A"]["image_status"] == ("remote" if first.startswith("https") else "ok")
    assert [(found[name]["image_status"], found[name]["flags"]) for name in "CDEF"] == [
        ("refused", ["image_absolute_path"]),
        ("remote", []),
        ("refused", ["image_absolute_path"]),
        ("refused", ["image_absolute_path"]),
    ]


def test_links_that_stay_are_followed_and_links_that_leave_are_refused(folder: Path, tmp_path: Path) -> None:
    drawn(tmp_path / "secret.png")
    drawn(folder / "images" / "a.png")
    (folder / "out.png").symlink_to(tmp_path / "secret.png")
    (folder / "in.png").symlink_to(folder / "images" / "a.png")
    (folder / "up").symlink_to(tmp_path)
    (folder / "loop").symlink_to(folder / "loop")
    found = [Pictures(folder).find(name) for name in ("out.png", "up/secret.png", "loop", "in.png")]
    assert [picture.status for picture in found] == ["refused"] * 3 + ["ok"]
    assert [picture.reason for picture in found] == ["outside_folder", "outside_folder", "bad_path", None]


def test_a_pipe_is_not_opened(folder: Path) -> None:
    os.mkfifo(folder / "pipe.jpg")
    assert Pictures(folder).find("pipe.jpg").status == "refused"


@pytest.mark.parametrize("named", ["images/none.jpg", "images/none/a.jpg", "feed.csv/a.jpg"])
def test_missing_pictures(folder: Path, named: str) -> None:
    (folder / "feed.csv").write_text("x")
    assert Pictures(folder).find(named).status == "missing"


@pytest.mark.parametrize(
    ("named", "url"),
    [
        ("https://x.test/a.jpg", "https://x.test/a.jpg"),
        ("HTTP://x.test/a.jpg", "HTTP://x.test/a.jpg"),
        ("//x.test/a.jpg", "https://x.test/a.jpg"),
        ("s3://bucket/a.jpg", "s3://bucket/a.jpg"),
        ("gs://bucket/a.jpg", "gs://bucket/a.jpg"),
    ],
)
def test_urls_wait_to_be_fetched(folder: Path, named: str, url: str) -> None:
    found = Pictures(folder).find(named)
    assert (found.status, found.image, found.sha256, found.url) == ("remote", named, None, url)


def test_a_file_too_large_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "MAX_BYTES", 100)
    drawn(folder / "a.png", (64, 64), "BMP")
    found = Pictures(folder).find("a.png")
    assert (found.status, found.reason, found.image) == ("unreadable", "too_large", "a.png")


def test_a_changed_picture_is_read_anew(folder: Path) -> None:
    path, look = drawn(folder / "a.png"), Pictures(folder)
    first = look.find("a.png").sha256
    drawn(path, (9, 9))
    assert look.find("a.png").sha256 not in (None, first)
