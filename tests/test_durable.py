"""Files that a reader sees whole or not at all."""

from pathlib import Path

import pytest

from catalog import durable


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    target = tmp_path / "made" / "page.html"
    durable.write(target, b"old")
    durable.write(target, b"new")
    assert target.read_bytes() == b"new"
    assert list(target.parent.iterdir()) == [target]


def test_what_cannot_be_put_in_place_leaves_everything_as_it_was(tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    (target / "inside").mkdir(parents=True)  # no file can take the place of a folder
    with pytest.raises(OSError, match="directory"):
        durable.write(target, b"new")
    assert list(tmp_path.iterdir()) == [target]
