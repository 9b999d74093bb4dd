"""Pictures in an archive: the member a row names or none, never one that is only like it, and no bomb unfolds."""

import io
import struct
import warnings
import zipfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.pictures import archives
from catalog.pictures.archives import Archive, MemberRefused, is_archive
from catalog.pictures.finding import Beyond, Pictures
from catalog.pictures.picture_cache import PictureFiles
from tests.hostile_pictures import JPEG, PNG, USABLE, plain

LARGE = 1_000_000


def packed(path: Path, *members: tuple[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that occur twice
        with zipfile.ZipFile(path, "w", how) as file:
            for name, content in members:
                file.writestr(name, content)
    return path


def read(path: Path, named: str, max_bytes: int = LARGE) -> bytes | str | None:
    """The content, the reason it is none, or None."""
    archive = Archive(path, max_bytes=max_bytes)
    try:
        return archive.broken or archive.read(named)
    except MemberRefused as refused:
        return refused.reason
    finally:
        archive.close()


@pytest.mark.parametrize("named", ["a.jpg", "./a.jpg", "images/a.jpg", "images\\a.jpg"])
@pytest.mark.parametrize("member", ["a.jpg", "images/a.jpg", "images\\a.jpg", "./a.jpg"])
def test_a_member_is_found_as_if_unpacked_here_or_in_its_own_folder(tmp_path: Path, named: str, member: str) -> None:
    assert read(packed(tmp_path / "images.zip", (member, JPEG)), named) == JPEG


@pytest.mark.parametrize("named", ["b.jpg", "A.jpg", "a.jpg.jpg", "other/a.jpg", "a", "x/../a.jpg", "/a.jpg", ""])
def test_what_is_only_alike_is_not_taken(tmp_path: Path, named: str) -> None:
    assert read(packed(tmp_path / "images.zip", ("a.jpg", JPEG)), named) is None


@pytest.mark.parametrize("member", ["../a.jpg", "/a.jpg", "x/../../a.jpg", "..\\a.jpg", "a.jpg/"])
def test_names_that_lead_elsewhere_are_never_found(tmp_path: Path, member: str) -> None:
    archive = packed(tmp_path / "images.zip", (member, JPEG))
    assert all(read(archive, named) is None for named in (member, "a.jpg", "../a.jpg", "/a.jpg"))


def test_one_name_twice_is_nobodys_picture(tmp_path: Path) -> None:
    archive = packed(tmp_path / "images.zip", ("a.jpg", JPEG), ("./a.jpg", PNG), ("b.jpg", PNG))
    assert read(archive, "a.jpg") == "ambiguous_member"
    assert read(archive, "b.jpg") == PNG


def test_bombs_do_not_unfold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zeros = bytes(3 * LARGE)
    archive = packed(
        tmp_path / "images.zip", *((f"{n}.bmp", plain() + zeros[: LARGE // 2]) for n in range(50)), ("big", zeros)
    )
    assert read(archive, "big") == "too_large"
    monkeypatch.setattr(archives, "_EXPANSION_FREE", 0)
    monkeypatch.setattr(archives, "_EXPANSION_LIMIT", 50)
    opened = Archive(archive, max_bytes=LARGE)
    found = []
    for number in range(50):
        try:
            found.append(opened.read(f"{number}.bmp") and "read")
        except MemberRefused as refused:
            found.append(refused.reason)
    opened.close()
    assert found[0] == "read"
    assert found[-1] == "archive_bomb"


def test_a_member_that_lies_about_its_size_is_cut_off(tmp_path: Path) -> None:
    archive = packed(tmp_path / "images.zip", ("a.jpg", bytes(3 * LARGE)))
    data = archive.read_bytes()
    archive.write_bytes(data.replace(struct.pack("<L", 3 * LARGE), struct.pack("<L", 10)))
    assert read(archive, "a.jpg") in ("too_large", "archive_broken", "not_an_image")


def test_a_giant_table_of_contents_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = packed(tmp_path / "images.zip", *((f"{n:05d}", b"") for n in range(100)))
    monkeypatch.setattr(archives, "_DIRECTORY_LIMIT", 1000)
    assert read(archive, "00001") == "archive_too_large"


def test_damaged_members_say_what_they_are(tmp_path: Path) -> None:
    archive = packed(tmp_path / "images.zip", ("a.jpg", JPEG), ("text", b"x"), how=zipfile.ZIP_STORED)
    data = bytearray(archive.read_bytes())
    data[100] ^= 255
    archive.write_bytes(bytes(data))
    assert read(archive, "a.jpg") == "archive_broken"
    assert read(archive, "text") == "not_an_image"
    locked = bytearray(packed(tmp_path / "images.zip", ("a.jpg", JPEG)).read_bytes())
    locked[locked.rfind(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(bytes(locked))
    assert read(archive, "a.jpg") == "encrypted"


def test_what_is_no_archive(tmp_path: Path) -> None:
    path = tmp_path / "images.zip"
    path.write_bytes(b"no archive")
    assert read(path, "a.jpg") == "archive_broken"
    path.unlink()
    path.symlink_to(packed(tmp_path / "secret.zip", ("a.jpg", JPEG)))
    assert read(path, "a.jpg") == "archive_refused"
    path.unlink()
    path.mkdir()
    assert read(path, "a.jpg") == "archive_refused"


@given(st.binary(max_size=300), st.integers(0, 400))
def test_any_bytes_get_an_answer(tmp_path_factory: pytest.TempPathFactory, noise: bytes, place: int) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as file:
        file.writestr("a.jpg", USABLE["two pixels"])
    data = target.getvalue()
    path = tmp_path_factory.mktemp("zip") / "images.zip"
    path.write_bytes(data[:place] + noise + data[place + len(noise) :])
    assert isinstance(read(path, "a.jpg"), str | bytes | None)


def test_a_file_beside_the_feed_goes_before_the_archive_and_bytes_are_kept(tmp_path: Path) -> None:
    feed, kept = tmp_path / "acme", tmp_path / "pictures"
    feed.mkdir()
    (feed / "a.jpg").write_bytes(JPEG)
    archive = Archive(packed(feed / "images.zip", ("a.jpg", PNG), ("b.png", PNG), ("c.jpg", b"x")), max_bytes=LARGE)
    files = PictureFiles(kept)
    look = Pictures(
        feed,
        Beyond(
            files,
            known=lambda _urls: pl.DataFrame(schema=dict.fromkeys(("url", "sha256", "reason"), pl.String)),
            archive=archive,
        ),
    )
    own, other, text, none = look.find_all(["a.jpg", "b.png", "c.jpg", "d.jpg"])
    archive.close()
    assert own.image == str(feed / "a.jpg")
    assert (other.status, other.image) == ("ok", str(files.path(other.sha256)))
    assert files.path(other.sha256).read_bytes() == PNG
    assert [(found.status, found.reason) for found in (text, none)] == [
        ("unreadable", "not_an_image"),
        ("missing", None),
    ]


def test_which_file_is_the_archive(tmp_path: Path) -> None:
    form = tmp_path / "acme.toml"
    assert is_archive(form, tmp_path / "images.zip")
    assert not is_archive(form, tmp_path / "photos.zip")
    form.write_text('[rules]\nimage_archive = "photos.zip"\n')
    assert is_archive(form, tmp_path / "photos.zip")
    assert not is_archive(form, tmp_path / "feed.zip")
    form.write_text("[rules\n")
    assert not is_archive(form, tmp_path / "photos.zip")
