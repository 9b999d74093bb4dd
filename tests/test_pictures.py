"""Pictures are found beside the feed and nowhere else; what is no picture is said to be none."""

import hashlib
import os
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from catalog import pictures
from catalog.pictures import FORMATS, Pictures


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "feeds" / "acme"
    (made / "images").mkdir(parents=True)
    return made


def drawn(path: Path, size: tuple[int, int] = (8, 8), kind: str | None = None) -> Path:
    Image.new("RGB", size, "red").save(path, kind)
    return path


def png_header(width: int, height: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


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
    "named",
    [
        "/etc/passwd",
        "../bolt/a.jpg",
        "images/../../bolt/a.jpg",
        "..\\bolt\\a.jpg",
        "C:\\pictures\\a.jpg",
        "c:a.jpg",
        "\\\\host\\share\\a.jpg",
        "images",
        ".",
        "a\0b.jpg",
        "x" * 5000,
    ],
)
def test_what_leads_elsewhere_is_refused(folder: Path, named: str) -> None:
    other = folder.parent / "bolt"
    other.mkdir()
    drawn(other / "a.jpg")
    found = Pictures(folder).find(named)
    assert (found.status, found.sha256) == ("refused", None)


def test_links_that_stay_are_followed_and_links_that_leave_are_refused(folder: Path, tmp_path: Path) -> None:
    drawn(tmp_path / "secret.png")
    drawn(folder / "images" / "a.png")
    (folder / "out.png").symlink_to(tmp_path / "secret.png")
    (folder / "in.png").symlink_to(folder / "images" / "a.png")
    (folder / "up").symlink_to(tmp_path)
    (folder / "loop").symlink_to(folder / "loop")
    look = Pictures(folder)
    assert [look.find(name).status for name in ("out.png", "up/secret.png", "loop", "in.png")] == ["refused"] * 3 + [
        "ok"
    ]


def test_a_pipe_is_not_opened(folder: Path) -> None:
    os.mkfifo(folder / "pipe.jpg")
    assert Pictures(folder).find("pipe.jpg").status == "refused"


@pytest.mark.parametrize("named", [None, "", "images/none.jpg", "images/none/a.jpg", "feed.csv/a.jpg"])
def test_missing_pictures(folder: Path, named: str | None) -> None:
    (folder / "feed.csv").write_text("x")
    assert Pictures(folder).find(named).status == "missing"


@pytest.mark.parametrize(
    "url",
    ["https://x.test/a.jpg", "HTTP://x.test/a.jpg", "file:///etc/passwd", "//x.test/a.jpg", "data:image/png;base64,AA"],
)
def test_urls_are_not_fetched(folder: Path, url: str) -> None:
    found = Pictures(folder).find(url)
    assert (found.status, found.image, found.sha256) == ("remote", url, None)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a picture",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"\xff\xd8\xff\xe0",
        png_header(60_000, 60_000),
        png_header(8_000, 8_000),
        png_header(1, 1),
    ],
    ids=["empty", "text", "svg", "eps", "cut", "bomb", "large", "dot"],
)
def test_what_is_no_picture_is_unreadable(folder: Path, content: bytes) -> None:
    (folder / "a.jpg").write_bytes(content)
    found = Pictures(folder).find("a.jpg")
    assert (found.status, found.image, found.sha256) == ("unreadable", "a.jpg", None)


def test_a_file_too_large_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MAX_BYTES", 100)
    drawn(folder / "a.png", (64, 64), "BMP")
    assert Pictures(folder).find("a.png").status == "unreadable"


def test_a_changed_picture_is_read_anew(folder: Path) -> None:
    path, look = drawn(folder / "a.png"), Pictures(folder)
    first = look.find("a.png").sha256
    drawn(path, (9, 9))
    assert look.find("a.png").sha256 not in (None, first)
