"""A picture that lies there as it did is not read again; one that only seems to is found out sooner or later."""

import os
import time
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from PIL import Image

from catalog.pictures.finding import Beyond, Pictures
from catalog.pictures.picture_cache import PictureFiles
from catalog.pictures.seen_files import REREAD, SeenFiles

NAMES = [f"{number}.png" for number in range(1_000)]
LONG_AGO = time.time_ns() - 10**12


def nothing_known(urls: pl.Series) -> pl.DataFrame:
    return pl.DataFrame(schema={"url": pl.String, "sha256": pl.String, "reason": pl.String})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A thousand pictures, written long ago."""
    made = tmp_path / "feed"
    made.mkdir()
    for number, name in enumerate(NAMES):
        Image.new("RGB", (8, 8), (number % 256, number // 256, 0)).save(made / name, "BMP")
        os.utime(made / name, ns=(LONG_AGO, LONG_AGO))
    return made


def night(folder: Path, salt: str, *, today: date | None = None) -> tuple[dict[str, str], SeenFiles]:
    """What a night finds of each name, and its memory."""
    seen = SeenFiles(folder.parent / "seen.arrow", salt=salt, today=today)
    beyond = Beyond(PictureFiles(folder.parent / "kept"), nothing_known, seen=seen)
    look = Pictures(folder, beyond)
    found = {}
    for at in range(0, len(NAMES), 300):
        found |= dict(look.table(pl.Series(NAMES[at : at + 300])).select("named", "image_hash").iter_rows())
    seen.save()
    return found, seen


def rewritten(path: Path) -> None:
    """Another picture of the same length under the same name, inode and time of change."""
    content, facts = bytearray(path.read_bytes()), path.stat()
    other = bytearray((path.parent / "999.png").read_bytes())
    assert len(other) == len(content)
    with path.open("r+b") as file:
        file.write(other)
    os.utime(path, ns=(facts.st_mtime_ns, facts.st_mtime_ns))


def test_what_has_not_changed_is_not_read(folder: Path) -> None:
    first, seen = night(folder, "one")
    assert seen.opened == len(NAMES)
    for salt in ("two", "three"):
        again, seen = night(folder, salt)
        assert again == first
        assert seen.deceived == 0
        assert 0 < seen.opened < 5 * REREAD * len(NAMES), "a share is read all the same"


def test_a_changed_file_is_read(folder: Path) -> None:
    first, _ = night(folder, "one")
    Image.new("RGB", (9, 9), (1, 2, 3)).save(folder / "5.png", "BMP")
    (folder / "6.png").unlink()
    second, _ = night(folder, "two")
    assert second["5.png"] not in (None, first["5.png"])
    assert second["6.png"] is None


def test_a_file_that_was_just_written_is_read_again(folder: Path) -> None:
    for name in NAMES:
        os.utime(folder / name)
    night(folder, "one")
    _, seen = night(folder, "two")
    assert seen.opened == len(NAMES)


def test_files_that_changed_unnoticed_are_found_out(folder: Path) -> None:
    first, _ = night(folder, "one")
    for name in NAMES[:900]:
        rewritten(folder / name)
    _, seen = night(folder, "two")
    assert seen.deceived > 0
    third, _ = night(folder, "three")
    assert {third[name] for name in NAMES[:900]} == {first["999.png"]}


def test_what_is_never_named_is_forgotten(folder: Path) -> None:
    day = date(2026, 1, 1)
    night(folder, "one", today=day)
    for name in NAMES[:500]:
        (folder / name).unlink()
    night(folder, "two", today=day + timedelta(days=60))
    night(folder, "three", today=day + timedelta(days=120))
    assert pl.read_ipc(folder.parent / "seen.arrow").height == 500


def test_a_damaged_memory_is_no_memory(folder: Path) -> None:
    first, _ = night(folder, "one")
    kept = folder.parent / "seen.arrow"
    kept.write_bytes(kept.read_bytes()[:200])
    second, seen = night(folder, "two")
    assert second == first
    assert seen.opened == len(NAMES)
